"""Write the records of checks into the store, and read them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from restore.checks.file_report import FileReport, FileState
from restore.checks.record import (
    RESTORE,
    CheckDocument,
    CheckResult,
    FailedCheck,
    PassedCheck,
    ProvenDocument,
    add_failure,
    add_success,
    find_last_check,
    find_last_proven,
    name_check,
    parse_check,
)
from restore.errors import DecryptionError, IntegrityError, RestoreError, StoreError
from restore.snapshots.document import read_document, write_document
from restore.stores.layout import CHECK_SUFFIX, PROVEN_FILE
from restore.stores.protocols import DocumentStore, WritableDocumentStore
from restore.system.clock import Clock

# Another run that removes debris may remove the unfinished record.
_TRIES = 3
# Clocks differ a little, and are set back a little.
_CLOCK_TOLERANCE = timedelta(hours=1)


class CheckRecorder:
    """Records the results of checks. After a store has refused, nothing more is written; `problem` says why."""

    def __init__(self, store: WritableDocumentStore, clock: Clock, by: str) -> None:
        self._store = store
        self._clock = clock
        self._by = by
        self.problem = ""

    def now(self) -> datetime:
        """Return the current time."""
        return self._clock.now()

    def read(self, file: str) -> CheckDocument | None:
        """Return a file's record; None when there is none, or it cannot be read."""
        return read_check(self._store, file)

    def record(self, found: FileReport, depth: str) -> None:
        """Record the result of a check of this depth. A store that cannot be written to is no failure of the check.

        A missing key says nothing about the file, so it is not recorded.
        """
        if found.status == DecryptionError.status:
            return
        document = self.read(found.file)
        if found.status or (found.state is FileState.FOREIGN and found.problem):
            failed = FailedCheck(at=self.now(), depth=depth, problem=found.problem, by=self._by, status=found.status)
            document = add_failure(document or CheckDocument(size=found.size_bytes), failed)
        else:
            if document is None or not _is_of(document, found):
                kept = document.failed if document and _may_be_of(document, found) else None
                document = CheckDocument(sha256=found.promised_sha256, size=found.size_bytes, failed=kept)
            whole = found.state in {FileState.UNCHECKED, FileState.FOREIGN}
            result = CheckResult.WHOLE if whole else CheckResult.AS_PROMISED
            document = add_success(document, depth, PassedCheck(at=self.now(), result=result, by=self._by))
        self._write(lambda: self._store.write_document(name_check(found.file), write_document(document)))
        if not found.status and depth == RESTORE and found.state is FileState.CHECKED and found.collection:
            self._write(lambda: self._add_proof(found.collection or ""))

    def _add_proof(self, collection: str) -> bool:
        """Record that a drill proved the collection now. False: another drill wrote at the same time."""
        seen, document = _read_proven(self._store)
        proven = {**document.collections, collection: self.now()}
        return self._store.swap_document(PROVEN_FILE, seen, write_document(ProvenDocument(collections=proven)))

    def _write(self, write: Callable[[], bool]) -> None:
        for last in (False,) * (_TRIES - 1) + (True,):
            if self.problem:
                return
            try:
                if write():
                    return
            except StoreError as error:
                self.problem = str(error) if last else ""
            except RestoreError as error:
                self.problem = str(error)


def read_check(store: DocumentStore, file: str) -> CheckDocument | None:
    """Return a file's record; None when there is none, or it cannot be read."""
    name = name_check(file)
    try:
        return parse_check(store.read_document(name), name)
    except RestoreError:
        return None


def read_proven(store: DocumentStore) -> Mapping[str, datetime]:
    """Return when a drill last proved each collection; nothing when the document cannot be read."""
    try:
        return _read_proven(store)[1].collections
    except RestoreError:
        return {}


def _read_proven(store: DocumentStore) -> tuple[bytes | None, ProvenDocument]:
    """Return the document's bytes and content. A damaged one counts as empty, and will be replaced."""
    text = store.read_document(PROVEN_FILE)
    try:
        document = read_document(text, ProvenDocument, where=PROVEN_FILE) if text else ProvenDocument()
    except IntegrityError:
        return text, ProvenDocument()
    aware = {name: at for name, at in document.collections.items() if at.tzinfo is not None}
    return text, ProvenDocument(collections=aware)


def add_checks(store: DocumentStore, files: Iterable[FileReport], now: datetime) -> tuple[FileReport, ...]:
    """Return the files with their records. It costs one listing, and one document for each file.

    A success with a time in the future is ignored: a clock was wrong, and until then no alarm would tell that checks
    are overdue.
    """
    files = tuple(files)
    recorded = set(store.list_documents(CHECK_SUFFIX))
    return tuple(_add(store, one, now) if name_check(one.file) in recorded else one for one in files)


def _add(store: DocumentStore, found: FileReport, now: datetime) -> FileReport:
    document = read_check(store, found.file)
    if document is None:
        return found
    if document.failed and _may_be_of(document, found):
        return msgspec.structs.replace(found, last_failure=document.failed.problem)
    if not _is_of(document, found):
        return found
    passed = {depth: check for depth, check in document.passed.items() if check.at - now <= _CLOCK_TOLERANCE}
    document = msgspec.structs.replace(document, passed=passed)
    last = find_last_check(document)
    return msgspec.structs.replace(
        found,
        last_check=last[0] if last else None,
        last_depth=last[1] if last else "",
        last_proven=find_last_proven([document]),
        last_failure=document.failed.problem if document.failed else "",
    )


def _may_be_of(document: CheckDocument, found: FileReport) -> bool:
    """Return True if a record without a checksum (no check ever passed) has the file's size."""
    return not document.sha256 and document.size == found.size_bytes


def _is_of(document: CheckDocument, found: FileReport) -> bool:
    """Return True if a record is about these bytes: a file may have been replaced under its name."""
    return document.size == found.size_bytes and document.sha256 == found.promised_sha256
