"""Find on the server what killed runs of this program left there, and delete it.

Only what is provably this program's is deleted: a snapshot that a journal names and that still has its checksum, and
the file of an upload, a name that no other program gives, while no marker says that a restore is using it.
"""

import msgspec

from restore.creation.journal_document import (
    JournalDocument,
    JournalEntry,
    StaleObject,
    find_journal_problem,
    is_same,
)
from restore.errors import IntegrityError, NotFoundError, RestoreError
from restore.qdrant.client import Qdrant
from restore.qdrant.collection_names import find_attempts, is_marker, name_upload
from restore.qdrant.model import SnapshotDescription
from restore.snapshots.document import read_document, write_document
from restore.stores.layout import JOURNAL_PREFIX
from restore.stores.protocols import WritableStore
from restore.system.events import Log

_ELSEWHERE = "it is of Qdrant at {}: prune that one, or delete this file when it is no more"
_UNATTRIBUTED = "it appeared while a run that was killed waited for one; its maker is not known, so it stays"


class ServerCleaner:
    """Cleans one server. The caller holds the lock of the store with the journals, so none of their runs is alive."""

    def __init__(self, store: WritableStore, qdrant: Qdrant, log: Log, *, dry_run: bool = False) -> None:
        self._store = store
        self._qdrant = qdrant
        self._log = log
        self._dry_run = dry_run

    def delete_journaled(self) -> tuple[StaleObject, ...]:
        """Delete the snapshots that journals name, and each journal with nothing left. Failures are in the result."""
        found: list[StaleObject] = []
        names = (name for name in self._store.list_documents(".json") if name.startswith(JOURNAL_PREFIX))
        for name in names:
            try:
                found += self._follow_journal(name)
            except RestoreError as error:
                found.append(StaleObject(file=name, status=error.status, message=str(error)))
        return tuple(found)

    def _follow_journal(self, name: str) -> list[StaleObject]:
        text = self._store.read_document(name)
        if text is None:
            return []
        journal = read_document(text, JournalDocument, where=name)
        if problem := find_journal_problem(journal):
            raise IntegrityError(
                f"'{name}' must not be followed: {problem}", hint="delete it; no run of ours wrote that"
            )
        found: list[StaleObject] = []
        left: list[JournalEntry] = []
        elsewhere: list[JournalEntry] = []
        for creation in journal.creations:
            results = self._follow_entry(creation)
            found += results
            if any(not result.removed for result in results):
                left.append(creation)
            elif not results and journal.url != self._qdrant.url:
                # That nothing is on this server says nothing about the journal's.
                elsewhere.append(creation)
        self._keep_entries(name, journal, [*left, *elsewhere])
        if elsewhere:
            found.append(StaleObject(file=name, message=_ELSEWHERE.format(journal.url)))
        return found

    def _keep_entries(self, name: str, journal: JournalDocument, left: list[JournalEntry]) -> None:
        if self._dry_run or (journal.creations and tuple(left) == journal.creations):
            return
        if left:
            self._store.write_document(name, write_document(msgspec.structs.replace(journal, creations=tuple(left))))
        else:
            self._store.delete_document(name)

    def _follow_entry(self, creation: JournalEntry) -> list[StaleObject]:
        there = self._list(creation.collection)
        if creation.made is not None:
            same = [found for found in there if found.name == creation.made.name and is_same(found, creation.made)]
            return [self._delete(creation.collection, found.name) for found in same]
        known = {*creation.before, name_upload(creation.collection)}
        new = [found.name for found in there if found.name not in known]
        return [
            StaleObject(collection=creation.collection, file=name, removed=False, message=_UNATTRIBUTED)
            for name in new
        ]

    def delete_uploads(self) -> tuple[StaleObject, ...]:
        """Delete the files that uploads left, where no restore is in progress or waits to be finished."""
        collections = self._qdrant.list_collections()
        found = []
        for collection in collections:
            if is_marker(collection):
                continue
            upload = name_upload(collection)
            if not any(snapshot.name == upload for snapshot in self._list(collection)):
                continue
            # Read right before the deletion: a restore that began meanwhile has its marker by now.
            if not find_attempts(collection, self._qdrant.list_collections()):
                found.append(self._delete(collection, upload))
        return tuple(found)

    def _list(self, collection: str) -> list[SnapshotDescription]:
        try:
            return self._qdrant.list_snapshots(collection)
        except NotFoundError:
            return []

    def _delete(self, collection: str, name: str) -> StaleObject:
        if self._dry_run:
            return StaleObject(collection=collection, file=name, removed=True)
        try:
            self._qdrant.delete_snapshot(collection, name)
        except RestoreError as error:
            return StaleObject(
                collection=collection, file=name, removed=False, status=error.status, message=str(error)
            )
        self._log("server.leftover_removed", collection=collection, name=name)
        return StaleObject(collection=collection, file=name, removed=True)
