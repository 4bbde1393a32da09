"""Put a received snapshot into the store under its final name, then move latest.

Everything was checked before: a file with its final name is whole, and what latest points at was compared.
"""

import msgspec

from restore.commands.snapshot.promotion import SnapshotContent, find_promotion_problem
from restore.errors import RestoreError
from restore.snapshots.manifest import Manifest, write_manifest
from restore.snapshots.name import SnapshotName, encode_collection
from restore.snapshots.stored import IncomingSnapshot, StoredSnapshot
from restore.stores.protocols import WritableStore
from restore.system.events import Log


class Published(msgspec.Struct, frozen=True):
    """The file that a snapshot became. `hindrance` is why it did not become latest; None when it did."""

    file: str
    hindrance: RestoreError | None


def publish(
    store: WritableStore,
    incoming: IncomingSnapshot,
    manifest: Manifest,
    log: Log,
    *,
    encoding: str = "",
    part_problem: str = "",
    allow_smaller: bool = False,
) -> Published:
    """Publish under the store's lock. A hindrance is written into the manifest too, where readers of latest see it.

    Raise `SpaceError` and `StoreError`. Then nothing has its final name, or the snapshot has, and latest is unmoved.
    """
    name = store.choose_name(
        SnapshotName(encode_collection(manifest.collection), manifest.created, encoding=encoding)
    )
    new = SnapshotContent(str(name), manifest.created, manifest.points)
    hindrance = find_promotion_problem(
        new, _read_last(store, manifest.collection, log), part_problem=part_problem, allow_smaller=allow_smaller
    )
    if hindrance:
        manifest = msgspec.structs.replace(manifest, held_back=hindrance.message)
    file = store.publish(incoming, name, write_manifest(manifest))
    log("snapshot.published", collection=manifest.collection, file=file, size_bytes=incoming.size)
    if hindrance is None:
        linked = store.move_latest(manifest.collection, file)
        # In a store without pointers the newest snapshot is the latest, and nothing moves.
        if store.has_pointers:
            log("latest.moved", collection=manifest.collection, file=file, form="link" if linked else "no link")
    return Published(file, hindrance)


def _read_last(store: WritableStore, collection: str, log: Log) -> SnapshotContent | None:
    """Return the latest so far; None when there is none, or a broken pointer, which moving latest repairs.

    Without pointers a broken one stays the latest as long as its name is the newest.
    """
    stored: StoredSnapshot | None = None
    manifest: Manifest | None = None
    try:
        stored = store.find_snapshot(collection, "latest")
        manifest = store.read_manifest(stored) if stored else None
    except RestoreError as error:
        log("latest.unusable", level="warning", collection=collection, reason=error.message)
        if store.has_pointers:
            return None
    if stored is None:
        return None
    created = manifest.created if manifest and store.has_pointers else stored.created
    return SnapshotContent(stored.file, created, manifest.points if manifest else None)
