"""A run's journal in the store: which snapshots it has on the server, written before each creation."""

import contextlib
import threading
from datetime import datetime

import msgspec

from restore.creation.journal_document import JournalDocument, JournalEntry, name_journal
from restore.errors import RestoreError
from restore.qdrant.model import SnapshotDescription
from restore.snapshots.document import write_document
from restore.stores.protocols import WritableStore


class CreationJournal:
    """The journal of one run; several threads may write. One creation at a time for each collection."""

    def __init__(self, store: WritableStore, *, run_id: str, url: str) -> None:
        self._store = store
        self._run_id = run_id
        self._url = url
        self._lock = threading.Lock()
        self._open: dict[str, JournalEntry] = {}

    def record_request(self, collection: str, before: tuple[str, ...], at: datetime) -> None:
        """Write that a snapshot will be asked for now. Raise `StoreError`; then it must not be asked for."""
        with self._lock:
            self._open[collection] = JournalEntry(collection=collection, at=at, before=before)
            self._write()

    def record_created(self, collection: str, made: SnapshotDescription) -> None:
        """Write which snapshot the answer named."""
        with self._lock:
            if found := self._open.get(collection):
                self._open[collection] = msgspec.structs.replace(found, made=made)
                self._write()

    def record_deleted(self, collection: str) -> None:
        """Write that nothing of it is left on the server. A journal without entries is deleted.

        A store that permits no deletion keeps an empty journal, which `prune` deletes.
        """
        with self._lock:
            if self._open.pop(collection, None) is None:
                return
            if not self._open and self._remove():
                return
            with contextlib.suppress(RestoreError):
                self._write()

    def _remove(self) -> bool:
        try:
            self._store.delete_document(name_journal(self._run_id))
        except RestoreError:
            return False
        return True

    def _write(self) -> None:
        document = JournalDocument(run_id=self._run_id, url=self._url, creations=tuple(self._open.values()))
        self._store.write_document(name_journal(self._run_id), write_document(document))
