"""Check one file of a store: its manifest or pointer and, to the chosen depth, its archive and every byte."""

# Paths are texts here, as in `stores.local.reader`.
# ruff: noqa: PTH100, PTH118
import contextlib
import os
from collections.abc import Callable

import msgspec

from restore.checks.file_report import FileReport, FileState
from restore.checks.record import Depth
from restore.errors import IntegrityError, NotFoundError, RestoreError, StoreError
from restore.snapshots.archive import refuse_kind
from restore.snapshots.archive_scan import scan_archive
from restore.snapshots.checksum import hash_stream
from restore.snapshots.manifest import Manifest, read_manifest
from restore.snapshots.name import SUFFIX, name_manifest
from restore.snapshots.stored import StoredSnapshot
from restore.stores.layout import PIN_SUFFIX, Entry, Kind, classify
from restore.stores.local.reader import LocalStore
from restore.stores.protocols import Store

OnBytes = Callable[[int], None]


class CheckOptions(msgspec.Struct, frozen=True):
    """How closely a file is checked. Without a depth: its manifest and its archive, without hashing.

    `on_bytes` is called with the number of bytes read so far.
    """

    depth: Depth | None = None
    on_bytes: OnBytes | None = None

    @property
    def hashes(self) -> bool:
        """Return True if every byte is read."""
        return self.depth in {Depth.HASH, Depth.ARCHIVE}

    @property
    def scans_archive(self) -> bool:
        """Return True if the archive is scanned."""
        return self.depth in {None, Depth.ARCHIVE}


_WITHOUT_HASH = CheckOptions()


def check_file(store: Store, entry: Entry, options: CheckOptions = _WITHOUT_HASH) -> FileReport:
    """Return the report on a file, checked to the depth of `options`. Problems are in the report, not raised."""
    match entry.kind:
        case Kind.LATEST:
            return _check_pointer(store, entry, options)
        case Kind.SNAPSHOT | Kind.SERVER_SNAPSHOT:
            return _check_snapshot(store, entry, options)
        case Kind.FOREIGN if is_snapshot(entry):
            found = _check_snapshot(store, entry, options)
            # Nothing says what it should be, so a problem is reported and is no failure.
            return msgspec.structs.replace(found, state=FileState.FOREIGN, status=0)
        case Kind.DEBRIS:
            return FileReport(
                file=entry.file,
                kind=entry.kind,
                state=FileState.DEBRIS,
                problem="left by a run that was killed",
                hint="the next 'qdrant-restore snapshot' removes it",
            )
        case Kind.MANIFEST | Kind.CHECKSUM:
            return _describe_failure(entry, _orphan_error(entry))
        case Kind.PIN:
            file = entry.file.removesuffix(PIN_SUFFIX)
            return FileReport(
                file=entry.file,
                kind=entry.kind,
                state=FileState.FOREIGN,
                problem="pins a snapshot that is not there",
                hint=f"qdrant-restore unpin {file}",
            )
        case _:
            return FileReport(file=entry.file, kind=entry.kind, state=FileState.FOREIGN)


def is_snapshot(entry: Entry) -> bool:
    """Return True if an entry is a snapshot, also one of another program: a check of it can be recorded."""
    if entry.kind is Kind.FOREIGN:
        return entry.file.endswith(SUFFIX) and not entry.file.startswith(".")
    return entry.kind in {Kind.SNAPSHOT, Kind.SERVER_SNAPSHOT}


def check_path(path: str, options: CheckOptions) -> FileReport:
    """Return the report on a file outside a store; a pointer is followed to its sibling. Nothing is raised."""
    directory, file = os.path.split(os.path.abspath(path))
    store, entry = LocalStore(directory), classify(file)
    if not os.path.lexists(os.path.join(directory, file)):
        return _describe_failure(entry, NotFoundError(f"'{path}' does not exist"))
    if entry.kind is Kind.FOREIGN:
        return _check_snapshot(store, entry, options)
    found = check_file(store, entry, options)
    return check_file(store, classify(found.target), options) if found.target else found


def _check_pointer(store: Store, entry: Entry, options: CheckOptions) -> FileReport:
    try:
        stored = store.find_named(entry.collection or entry.encoded, entry.file)
    except RestoreError as error:
        return _describe_failure(entry, error)
    if stored is None:
        return _describe_failure(entry, NotFoundError(f"'{entry.file}' is gone"))
    if stored.file == entry.file or classify(stored.file).kind is Kind.FOREIGN:
        found = _check_stored(store, entry, stored, options)
        target = "" if stored.file == entry.file else stored.file
        return msgspec.structs.replace(found, latest=True, target=target)
    return FileReport(
        file=entry.file, kind=entry.kind, state=FileState.POINTER, collection=entry.collection, target=stored.file
    )


def _check_snapshot(store: Store, entry: Entry, options: CheckOptions) -> FileReport:
    try:
        stored = store.open_entry(entry)
    except RestoreError as error:
        return _describe_failure(entry, error)
    return _check_stored(store, entry, stored, options)


def _check_stored(store: Store, entry: Entry, stored: StoredSnapshot, options: CheckOptions) -> FileReport:
    try:
        return _compare(store, entry, stored, options)
    except RestoreError as error:
        return _describe_failure(entry, error, stored, _read_promises(store, stored))


def _read_promises(store: Store, stored: StoredSnapshot) -> Manifest | None:
    """Return the manifest of a damaged snapshot, not compared with it; None when it cannot be read."""
    try:
        text = store.read_document(name_manifest(stored.file))
        return read_manifest(text, where=stored.file) if text else None
    except RestoreError:
        return None


def _compare(store: Store, entry: Entry, stored: StoredSnapshot, options: CheckOptions) -> FileReport:
    manifest = store.read_manifest(stored)
    found, expected = "", ""
    if options.hashes and not options.scans_archive:
        found, expected = _hash_stored(store, stored, manifest, options)
    elif options.scans_archive and not (manifest and _is_costly(stored, options)):
        with contextlib.closing(store.open_snapshot(stored)) as opened:
            refuse_kind(scan_archive(opened, name=stored.file), file=stored.file)
            expected = manifest.sha256 if manifest else store.read_checksum(stored) or ""
            opened.seek(0)
            found = hash_stream(opened, options.on_bytes, name=stored.path)[0] if options.hashes else ""
    if found and expected and found != expected:
        raise IntegrityError(
            f"snapshot '{stored.file}' has checksum {found}, it should be {expected}",
            hint="its bytes were changed: take another one with --snapshot, or make a new one",
        )
    compared_now = bool(found and expected)
    return FileReport(
        file=entry.file,
        kind=entry.kind,
        state=_find_state(manifest, compared=compared_now),
        collection=entry.collection,
        created=manifest.created if manifest else stored.created,
        size_bytes=stored.size,
        sha256=found,
        promised_sha256=manifest.sha256 if manifest else "",
        points=manifest.points if manifest else None,
        points_exact=manifest.points_exact if manifest else False,
        server_version=manifest.server_version if manifest else "",
        note=manifest.note if manifest else "",
        problem=manifest.held_back if manifest else "",
    )


def _is_costly(stored: StoredSnapshot, options: CheckOptions) -> bool:
    """Return True if scanning without hashing would cost requests, a key or decoding; the manifest is enough then."""
    return not options.hashes and (stored.is_remote or stored.encoding != "")


def _hash_stored(
    store: Store, stored: StoredSnapshot, manifest: Manifest | None, options: CheckOptions
) -> tuple[str, str]:
    """Return the checksum of the stored bytes, and the one that they should have. No key is needed."""
    with contextlib.closing(store.open_stored(stored)) as opened:
        found = hash_stream(opened, options.on_bytes, name=stored.path)[0]
    if manifest is None:
        return found, store.read_checksum(stored) or ""
    return found, (manifest.stored_sha256 or "") if stored.encoding else manifest.sha256


def _find_state(manifest: Manifest | None, *, compared: bool) -> FileState:
    if manifest is None:
        return FileState.CHECKED if compared else FileState.UNCHECKED
    return FileState.HELD_BACK if manifest.held_back else FileState.CHECKED


def _orphan_error(entry: Entry) -> IntegrityError:
    return IntegrityError(
        f"'{entry.file}' describes a snapshot that is not there",
        hint="bring the snapshot back from where it went, or delete this file",
    )


def _describe_failure(
    entry: Entry, error: RestoreError, stored: StoredSnapshot | None = None, manifest: Manifest | None = None
) -> FileReport:
    return FileReport(
        file=entry.file,
        kind=entry.kind,
        state=FileState.UNREADABLE if isinstance(error, StoreError) else FileState.DAMAGED,
        collection=entry.collection,
        created=manifest.created if manifest else entry.created,
        size_bytes=stored.size if stored else 0,
        points=manifest.points if manifest else None,
        points_exact=manifest.points_exact if manifest else False,
        server_version=manifest.server_version if manifest else "",
        note=manifest.note if manifest else "",
        status=error.status,
        problem=str(error),
        hint=error.hint,
    )
