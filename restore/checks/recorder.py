"""Remember beside a snapshot how a check of it ended, and read what is remembered."""

from __future__ import annotations

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

# A run that tidies the store at this very moment may take the unfinished file away.
_TRIES = 3
# As with everything that is dated: clocks differ, and are set back by a little.
_SET_BACK = timedelta(hours=1)


class CheckRecorder:
    """Writes down how checks ended. After the first refusal nothing is tried again; `problem` says why."""

    def __init__(self, store: WritableDocumentStore, clock: Clock, by: str) -> None:
        self._store = store
        self._clock = clock
        self._by = by
        self.problem = ""

    def now(self) -> datetime:
        """Give the moment."""
        return self._clock.now()

    def read(self, file: str) -> CheckDocument | None:
        """Give what is remembered of a file; None when nothing is, or nothing that can be read."""
        return read_check(self._store, file)

    def record(self, found: FileReport, depth: str) -> None:
        """Write down how a check of this depth ended. A store that takes nothing is no failure of the check.

        A key that is missing says nothing about the file, so nothing is written then.
        """
        if found.status == DecryptionError.status:
            return
        document = self.read(found.file)
        if found.status or (found.state is FileState.FOREIGN and found.problem):
            tried = FailedCheck(at=self.now(), depth=depth, problem=found.problem, by=self._by, status=found.status)
            document = add_failure(document or CheckDocument(size=found.size_bytes), tried)
        else:
            if document is None or not _is_of(document, found):
                failed = document.failed if document and _may_be_of(document, found) else None
                document = CheckDocument(sha256=found.promised_sha256, size=found.size_bytes, failed=failed)
            whole = found.state in {FileState.UNCHECKED, FileState.FOREIGN}
            result = CheckResult.WHOLE if whole else CheckResult.AS_PROMISED
            document = add_success(document, depth, PassedCheck(at=self.now(), result=result, by=self._by))
        self._write(lambda: self._store.write_document(name_check(found.file), write_document(document)))
        if not found.status and depth == RESTORE and found.state is FileState.CHECKED and found.collection:
            self._write(lambda: self._add_proof(found.collection or ""))

    def _add_proof(self, collection: str) -> bool:
        """Remember the moment for the whole collection. False: another drill wrote at the same moment."""
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
    """Give what is remembered of a file; None when nothing is, or nothing that can be read."""
    name = name_check(file)
    try:
        return parse_check(store.read_document(name), name)
    except RestoreError:
        return None


def read_proven(store: DocumentStore) -> Mapping[str, datetime]:
    """Give when a drill last proved each collection; nothing of what cannot be read."""
    try:
        return _read_proven(store)[1].collections
    except RestoreError:
        return {}


def _read_proven(store: DocumentStore) -> tuple[bytes | None, ProvenDocument]:
    """Give the document as it lies there and as it was read; a damaged one counts as empty, and is replaced."""
    text = store.read_document(PROVEN_FILE)
    try:
        document = read_document(text, ProvenDocument, where=PROVEN_FILE) if text else ProvenDocument()
    except IntegrityError:
        return text, ProvenDocument()
    aware = {name: at for name, at in document.collections.items() if at.tzinfo is not None}
    return text, ProvenDocument(collections=aware)


def add_checks(store: DocumentStore, files: Iterable[FileReport], now: datetime) -> tuple[FileReport, ...]:
    """Give the files back, with what is remembered of them. Only reads; one listing, one document per file.

    A success whose time has not come yet was written by a clock that was wrong, or by nobody who checked: else no
    alarm would sound until then.
    """
    files = tuple(files)
    remembered = set(store.list_documents(CHECK_SUFFIX))
    return tuple(_add(store, one, now) if name_check(one.file) in remembered else one for one in files)


def _add(store: DocumentStore, found: FileReport, now: datetime) -> FileReport:
    document = read_check(store, found.file)
    if document is None:
        return found
    if document.failed and _may_be_of(document, found):
        return msgspec.structs.replace(found, last_failure=document.failed.problem)
    if not _is_of(document, found):
        return found
    passed = {depth: check for depth, check in document.passed.items() if check.at - now <= _SET_BACK}
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
    """Tell whether a record of bytes that were never found right, so that nobody knows them, has their size."""
    return not document.sha256 and document.size == found.size_bytes


def _is_of(document: CheckDocument, found: FileReport) -> bool:
    """Tell whether a record was made of these bytes; a file may have been replaced under its name."""
    return document.size == found.size_bytes and document.sha256 == found.promised_sha256
