"""Find what the store offers for a wanted collection, and look at it as closely as the decision needs."""

from __future__ import annotations

import contextlib

import msgspec

from restore.errors import IncompatibleError, IntegrityError, NotFoundError, RestoreError
from restore.qdrant.version import Version
from restore.recovery.compatibility import check_compatibility
from restore.recovery.plan import ReadDepth
from restore.recovery.policy import Fallback
from restore.recovery.request import RestoreRequest, SnapshotCandidate
from restore.snapshots.stored import StoredSnapshot
from restore.stores.protocols import Store, explain_missing
from restore.system.text import format_count

LATEST = "latest"
PREVIOUS = "previous"


def find_candidate(
    store: Store, wanted: RestoreRequest, need: ReadDepth, server: Version
) -> SnapshotCandidate | None:
    """Give the snapshot that is meant; None when there is none, or none is needed.

    With `ReadDepth.MANIFEST` a snapshot that cannot be used is no trouble: nothing of it is needed but its numbers.
    With `ReadDepth.ARCHIVE` it is looked into and judged; raises `IntegrityError` or `IncompatibleError`, unless the
    previous one may take its place.
    """
    match need:
        case ReadDepth.NOTHING:
            return None
        case ReadDepth.MANIFEST:
            return _glance(store, wanted)
        case ReadDepth.ARCHIVE:
            return _choose(store, wanted, server)


def missing_snapshot_error(store: Store, wanted: RestoreRequest) -> NotFoundError:
    """Give the error for a snapshot that is not there."""
    return explain_missing(store, wanted.collection, wanted.policies.snapshot)


def find_sent_snapshot(
    store: Store, collection: str, *, file: str, sha256: str, server: Version
) -> SnapshotCandidate | None:
    """Give the snapshot that an interrupted restore sent; None when it is not here any more or is another now."""
    try:
        stored = store.find_snapshot(collection, file)
        offer = _examine(store, stored, server) if stored else None
    except RestoreError:
        return None
    if offer is None or (offer.manifest and offer.manifest.sha256 != sha256):
        return None
    return offer


def _glance(store: Store, wanted: RestoreRequest) -> SnapshotCandidate | None:
    try:
        stored = store.find_snapshot(wanted.collection, wanted.policies.snapshot)
        return SnapshotCandidate(stored=stored, manifest=store.read_manifest(stored)) if stored else None
    except RestoreError:
        return None


def _choose(store: Store, wanted: RestoreRequest, server: Version) -> SnapshotCandidate | None:
    selector = wanted.policies.snapshot
    falls_back = wanted.policies.fallback is Fallback.PREVIOUS and selector == LATEST
    try:
        stored = store.find_snapshot(wanted.collection, selector)
        if stored is None:
            return None
        offer = _examine(store, stored, server)
        if falls_back:
            _check_bytes(store, offer)
    except (IntegrityError, IncompatibleError) as error:
        older = store.find_snapshot(wanted.collection, PREVIOUS) if falls_back else None
        if older is None:
            raise
        offer = _examine(store, older, server)
        _check_bytes(store, offer)
        return msgspec.structs.replace(offer, older_than=str(error))
    return offer


def _examine(store: Store, stored: StoredSnapshot, server: Version) -> SnapshotCandidate:
    # Imported here: a boot with nothing to do never looks into an archive.
    from restore.snapshots.archive_scan import scan_archive  # noqa: PLC0415

    manifest = store.read_manifest(stored)
    with contextlib.closing(store.open_snapshot(stored)) as opened:
        archive = scan_archive(opened, name=stored.file)
    gap = check_compatibility(archive, file=stored.file, server=server, manifest=manifest)
    return SnapshotCandidate(stored=stored, manifest=manifest, archive=archive, gap=str(gap) if gap else "")


def _check_bytes(store: Store, offer: SnapshotCandidate) -> None:
    if offer.manifest:
        hash_snapshot(store, offer, expected=offer.manifest.sha256)


def hash_snapshot(store: Store, offer: SnapshotCandidate, *, expected: str = "") -> str:
    """Read the whole file and give its SHA-256. Raises `IntegrityError` when it is not the `expected` one."""
    from restore.snapshots.checksum import hash_stream  # noqa: PLC0415 - as above

    with contextlib.closing(store.open_snapshot(offer.stored)) as opened:
        found, size = hash_stream(opened, name=offer.stored.path)
    if expected and found != expected:
        raise IntegrityError(
            f"snapshot '{offer.stored.file}' is not what its manifest says: {format_count(size, 'byte')} with "
            f"checksum {found[:12]}…, expected {expected[:12]}…",
            hint="it was changed or damaged after it was made: 'qdrant-restore verify' finds a good one",
        )
    return found
