"""Delete the snapshots that the retention rule does not keep, under the store's lock."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import msgspec

from restore.errors import LockedError, RestoreError
from restore.retention.model import CollectionCandidates, RetentionCandidate
from restore.retention.outcome import DeletedSnapshot, DeleteFailure, PruneOutcome
from restore.retention.rule import KeptSnapshot, RetentionRule, apply_rule
from restore.sets.document import SetDocument
from restore.snapshots.document import read_document
from restore.stores.layout import SET_SUFFIX
from restore.stores.protocols import WritableStore
from restore.stores.snapshot_lock import exclusive_lock, is_being_read
from restore.system.events import Log

# A kill leaves at most so many snapshots without their manifests.
_BATCH = 250
FindRule = Callable[[str], RetentionRule]


class Pruner:
    """Prunes one store. Ages are measured at `now`. With `dry_run` everything is decided and nothing deleted."""

    def __init__(
        self, store: WritableStore, log: Log, *, find_rule: FindRule, now: datetime, dry_run: bool = False
    ) -> None:
        self._store = store
        self._log = log
        self._find_rule = find_rule
        self._now = now
        self._dry_run = dry_run

    def prune(self, found: CollectionCandidates) -> PruneOutcome:
        """Prune one collection; a deletion that fails does not stop the others."""
        left = tuple(KeptSnapshot(file, (reason,)) for file, reason in found.left)
        if found.refusal:
            return report_refusal(found.collection, found.refusal)
        rule = self._find_rule(found.collection)
        try:
            candidates = self._mark_being_read(found, rule)
            decision = apply_rule(candidates, rule, self._now)
        except RestoreError as error:
            return report_refusal(found.collection, error)
        sizes = {one.file: one.size_bytes for one in candidates}
        pruned, failed = [], []
        for file, problem in self._delete_all(found, decision.pruned):
            if problem:
                failed.append(problem)
            else:
                pruned.append(DeletedSnapshot(file, sizes[file]))
        return PruneOutcome(
            collection=found.collection,
            status=failed[0].status if failed else 0,
            kept=decision.kept,
            pruned=tuple(pruned),
            failed=tuple(failed),
            left=left,
            warnings=(*found.warnings, *decision.warnings),
        )

    def _mark_being_read(self, found: CollectionCandidates, rule: RetentionRule) -> list[RetentionCandidate]:
        """Return the candidates; those that would be pruned and are being read are marked, so that they stay."""
        doomed = set(apply_rule(found.candidates, rule, self._now).pruned)
        return [
            msgspec.structs.replace(one, being_read=True)
            if one.file in doomed and is_being_read(found.paths[one.file])
            else one
            for one in found.candidates
        ]

    def _delete_all(
        self, found: CollectionCandidates, files: Sequence[str]
    ) -> Iterator[tuple[str, DeleteFailure | None]]:
        """Delete the files, in batches where the store can; yield each with its failure, None if it was deleted."""
        for begin in range(0, len(files), _BATCH):
            batch = files[begin : begin + _BATCH]
            together = not self._dry_run and self._store.delete_together(batch)
            for file in batch:
                if together:
                    self._log("snapshot.pruned", collection=found.collection, file=file)
                yield file, None if together or self._dry_run else self._delete(found, file)

    def _delete(self, found: CollectionCandidates, file: str) -> DeleteFailure | None:
        try:
            with exclusive_lock(found.paths[file]) as free:
                if not free:
                    raise LockedError(f"snapshot '{file}' is being read", hint="run it again when that has ended")
                self._store.delete_snapshot(file)
        except RestoreError as error:
            self._log("snapshot.not_pruned", level="error", file=file, reason=str(error))
            return DeleteFailure(file, error.status, str(error))
        self._log("snapshot.pruned", collection=found.collection, file=file)
        return None

    def prune_sets(self, gone: frozenset[str]) -> tuple[str, ...]:
        """Delete the sets of which no file is left; return their names. The files in `gone` count as deleted."""
        documents = self._store.list_documents(SET_SUFFIX)
        existing = {entry.file for entry in self._store.list_entries()} - gone if documents else set()
        emptied = []
        for name in documents:
            document = self._read_set(name)
            if document is None or not document.collections:
                continue
            if not any(member.file in existing for member in document.collections):
                emptied.append(name)
                if not self._dry_run:
                    self._store.delete_document(name)
                    self._log("set.pruned", file=name)
        return tuple(emptied)

    def _read_set(self, name: str) -> SetDocument | None:
        try:
            text = self._store.read_document(name)
            return read_document(text, SetDocument, where=name) if text else None
        except RestoreError:
            return None


def report_refusal(collection: str, error: RestoreError) -> PruneOutcome:
    """Return the outcome of a collection that could not be pruned at all."""
    message = str(error).removeprefix(f"collection '{collection}': ")
    return PruneOutcome(collection=collection, status=error.status, message=message, hint=error.hint)
