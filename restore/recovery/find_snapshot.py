"""Find the snapshot that a restore takes from the store, and read as much of it as the decision needs."""

import contextlib
from collections.abc import Callable

import msgspec

from restore.errors import IncompatibleError, IntegrityError, RestoreError
from restore.qdrant.version import Version, parse_version
from restore.recovery.compatibility import check_compatibility
from restore.recovery.plan import ReadDepth
from restore.recovery.policy_choices import Fallback
from restore.recovery.request import MissingSnapshot, RestoreRequest, SnapshotCandidate
from restore.snapshots.name import name_latest
from restore.snapshots.stored import StoredSnapshot
from restore.stores.protocols import Store, no_snapshot_error
from restore.system.events import no_op
from restore.system.text import format_count

LATEST = "latest"
PREVIOUS = "previous"


def find_candidate(
    store: Store, request: RestoreRequest, depth: ReadDepth, server: Version
) -> SnapshotCandidate | MissingSnapshot:
    """Return the snapshot that the request means, read as deep as asked.

    With `ReadDepth.MANIFEST` a snapshot that cannot be used counts as missing: only its numbers would be shown. With
    `ReadDepth.ARCHIVE` the file is looked into and judged. Raise `IntegrityError` or `IncompatibleError` for one that
    cannot be restored, unless the previous one may take its place.
    """
    found: SnapshotCandidate | None
    match depth:
        case ReadDepth.NOTHING:
            found = None
        case ReadDepth.MANIFEST:
            found = _read_manifest(store, request)
        case ReadDepth.ARCHIVE:
            found = _choose(store, request, server)
    if found and found.manifest and request.policies.snapshot == LATEST and not found.older_than:
        found = _note_missing_pointer(found)
    return found or MissingSnapshot(no_snapshot_error(store, request.collection, request.policies.snapshot))


def _note_missing_pointer(candidate: SnapshotCandidate) -> SnapshotCandidate:
    """Return the candidate, with a note if it is the latest only because no pointer says which is."""
    stored = candidate.stored
    if stored.latest or not stored.in_store:
        return candidate
    note = (
        f"'{name_latest(stored.collection)}' is missing, so the newest whole snapshot counts as the latest; "
        f"the next 'qdrant-restore snapshot {stored.collection}' makes it again"
    )
    return msgspec.structs.replace(candidate, notes=(*candidate.notes, note))


def find_sent_snapshot(
    store: Store, collection: str, *, file: str, sha256: str, server: Version
) -> SnapshotCandidate | None:
    """Return the snapshot that an interrupted restore sent; None when it is gone or has another checksum now."""
    try:
        stored = store.find_snapshot(collection, file)
        candidate = _examine(store, stored, server) if stored else None
    except RestoreError:
        return None
    if candidate is None or (candidate.manifest and candidate.manifest.sha256 != sha256):
        return None
    return candidate


def _read_manifest(store: Store, request: RestoreRequest) -> SnapshotCandidate | None:
    try:
        stored = store.find_snapshot(request.collection, request.policies.snapshot)
        return SnapshotCandidate(stored=stored, manifest=store.read_manifest(stored)) if stored else None
    except RestoreError:
        return None


def _choose(store: Store, request: RestoreRequest, server: Version) -> SnapshotCandidate | None:
    selector, fallback = request.policies.snapshot, request.policies.fallback
    if fallback is Fallback.PREVIOUS and selector != LATEST:
        fallback = Fallback.NONE
    stored: StoredSnapshot | None = None
    try:
        stored = store.find_snapshot(request.collection, selector)
        if stored is None:
            return None
        candidate = _examine(store, stored, server)
        if fallback is not Fallback.NONE:
            _check_bytes(store, candidate)
    except (IntegrityError, IncompatibleError) as error:
        match fallback:
            case Fallback.NONE:
                other = None
            case Fallback.PREVIOUS:
                other = _take_previous(store, request, server, reason=str(error))
            case Fallback.OTHER_STORE:
                other = _take_copy(store, request, server, stored, reason=str(error))
        if other is None:
            raise
        return other
    return candidate


def _take_previous(
    store: Store, request: RestoreRequest, server: Version, *, reason: str
) -> SnapshotCandidate | None:
    older = store.find_snapshot(request.collection, PREVIOUS)
    if older is None:
        return None
    candidate = _examine(store, older, server)
    _check_bytes(store, candidate)
    return msgspec.structs.replace(candidate, older_than=reason)


def _take_copy(
    store: Store, request: RestoreRequest, server: Version, stored: StoredSnapshot | None, *, reason: str
) -> SnapshotCandidate | None:
    """Return the first whole copy in another store: of the same file, or of what is selected if that is not known."""
    selector = stored.file if stored else request.policies.snapshot
    for copy in store.find_copies(request.collection, selector):
        if stored and copy.store == stored.store:
            continue
        with contextlib.suppress(RestoreError):
            candidate = _examine(store, copy, server)
            _check_bytes(store, candidate)
            return msgspec.structs.replace(
                candidate, notes=(f"'{copy.file}' was taken from store '{copy.store}': {reason}",)
            )
    return None


def _examine(store: Store, stored: StoredSnapshot, server: Version) -> SnapshotCandidate:
    from restore.snapshots.archive_scan import scan_archive  # noqa: PLC0415 - boot: 6 ms

    manifest = store.read_manifest(stored)
    with contextlib.closing(store.open_snapshot(stored)) as opened:
        archive = scan_archive(opened, name=stored.file)
    gap = check_compatibility(archive, file=stored.file, server=server, manifest=manifest)
    made_by = parse_version(manifest.server_version) if manifest else None
    return SnapshotCandidate(
        stored=stored,
        manifest=manifest,
        archive=archive,
        gap=str(gap) if gap else "",
        other_version=made_by is not None and made_by.line != server.line,
    )


def _check_bytes(store: Store, candidate: SnapshotCandidate) -> None:
    if candidate.manifest:
        hash_snapshot(store, candidate, expected=candidate.manifest.sha256)


def hash_snapshot(
    store: Store, candidate: SnapshotCandidate, *, expected: str = "", on_block: Callable[[], None] = no_op
) -> str:
    """Return the SHA-256 of the whole file. Raise `IntegrityError` when it is not the `expected` one."""
    from restore.snapshots.checksum import hash_stream  # noqa: PLC0415 - boot: 3 ms

    with contextlib.closing(store.open_snapshot(candidate.stored)) as opened:
        found, size = hash_stream(opened, lambda _size: on_block(), name=candidate.stored.path)
    if expected and found != expected:
        raise IntegrityError(
            f"snapshot '{candidate.stored.file}' is not what its manifest says: {format_count(size, 'byte')} with "
            f"checksum {found[:12]}…, expected {expected[:12]}…",
            hint="it was changed or damaged after it was made: 'qdrant-restore verify' finds a good one",
        )
    return found
