"""Copy a snapshot from one store to another: its bytes as they are stored, compared on the way, and its manifest."""

import contextlib
from collections.abc import Callable

from restore.errors import IntegrityError
from restore.snapshots.checksum import RunningChecksum
from restore.snapshots.manifest import Manifest
from restore.snapshots.name import name_manifest, parse_name
from restore.snapshots.stored import StoredSnapshot
from restore.stores.protocols import Store, WritableStore
from restore.system.text import format_count

_BLOCK = 1 << 20


def copy_snapshot(
    source: Store,
    target: WritableStore,
    stored: StoredSnapshot,
    manifest: Manifest,
    *,
    on_bytes: Callable[[int], None],
) -> None:
    """Copy a snapshot of `source` into `target` under its own name. The caller holds the target's lock.

    Complete bytes that a killed run left there are not sent again. `on_bytes` gets the number of bytes sent so far.
    Raise `IntegrityError` when the bytes are not those of the manifest, or the name is taken by something else; then
    nothing was published.
    """
    name, text = parse_name(stored.file), source.read_document(name_manifest(stored.file))
    if name is None or text is None:
        raise IntegrityError(f"snapshot '{stored.file}' in store '{source.name}' is not one that this program made")
    promised = manifest.stored_sha256 or manifest.sha256
    if target.choose_name(name) != name:
        if target.adopt(name, text, size=manifest.bytes_in_store, sha256=promised):
            return
        raise IntegrityError(
            f"something else lies in store '{target.name}' under the name '{stored.file}'",
            left="nothing was copied",
            hint="look at it and move it away; what is there is never overwritten",
        )
    target.require_space(stored.size)
    with (
        contextlib.closing(source.open_stored(stored)) as opened,
        contextlib.closing(RunningChecksum()) as checksum,
        target.receive(name) as incoming,
    ):
        incoming.expect(stored.size)
        while block := opened.read(_BLOCK):
            checksum.update(block)
            incoming.write(block)
            on_bytes(incoming.size)
        found = checksum.finish()
        if found != promised or incoming.size != manifest.bytes_in_store:
            raise IntegrityError(
                f"snapshot '{stored.file}' in store '{source.name}' has "
                f"{format_count(incoming.size, 'byte')} with checksum "
                f"{found[:12]}…, its manifest says {manifest.bytes_in_store:,} with {promised[:12]}…",
                left="nothing was copied",
                hint="'qdrant-restore verify' finds a good one",
            )
        target.publish(incoming, name, text)
