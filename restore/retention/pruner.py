"""Delete what the retention rule does not keep. Under the store's lock, unless it is only to be said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import msgspec

from restore.errors import LockedError, RestoreError
from restore.retention.decision import KeptSnapshot, apply_rule
from restore.retention.outcome import DeletedSnapshot, DeleteFailure, PruneOutcome
from restore.retention.rule import CollectionCandidates, RetentionCandidate, RetentionRule
from restore.sets.document import SetDocument
from restore.snapshots.document import read_document
from restore.stores.layout import SET_SUFFIX
from restore.stores.locks import exclusive_lock, is_being_read
from restore.stores.protocols import WritableStore
from restore.system.events import Log

# A kill leaves the bytes of at most so many snapshots without their manifests.
_TOGETHER = 250
FindRule = Callable[[str], RetentionRule]


class Pruner:
    """Prunes one store. `now` is what ages are measured at; `dry_run`: everything is decided and nothing is done."""

    def __init__(
        self, store: WritableStore, log: Log, *, find_rule: FindRule, now: datetime, dry_run: bool = False
    ) -> None:
        self._store = store
        self._log = log
        self._find_rule = find_rule
        self._now = now
        self._dry_run = dry_run

    def prune(self, surveyed: CollectionCandidates) -> PruneOutcome:
        """Prune one collection; a deletion that fails does not stop the others."""
        left = tuple(KeptSnapshot(file, (reason,)) for file, reason in surveyed.left)
        if surveyed.refusal:
            return report_refusal(surveyed.collection, surveyed.refusal)
        rule = self._find_rule(surveyed.collection)
        try:
            candidates = self._ask_readers(surveyed, rule)
            decision = apply_rule(candidates, rule, self._now)
        except RestoreError as error:
            return report_refusal(surveyed.collection, error)
        sizes = {one.file: one.size_bytes for one in candidates}
        pruned, failed = [], []
        for file, problem in self._delete_all(surveyed, decision.pruned):
            if problem:
                failed.append(problem)
            else:
                pruned.append(DeletedSnapshot(file, sizes[file]))
        return PruneOutcome(
            collection=surveyed.collection,
            status=failed[0].status if failed else 0,
            kept=decision.kept,
            pruned=tuple(pruned),
            failed=tuple(failed),
            left=left,
            warnings=(*surveyed.warnings, *decision.warnings),
        )

    def _ask_readers(self, surveyed: CollectionCandidates, rule: RetentionRule) -> list[RetentionCandidate]:
        """Give the candidates, those that would go and are being read marked: reading keeps nothing but itself."""
        going = set(apply_rule(surveyed.candidates, rule, self._now).pruned)
        return [
            msgspec.structs.replace(one, being_read=True)
            if one.file in going and is_being_read(surveyed.paths[one.file])
            else one
            for one in surveyed.candidates
        ]

    def _delete_all(
        self, surveyed: CollectionCandidates, files: Sequence[str]
    ) -> Iterator[tuple[str, DeleteFailure | None]]:
        """Delete them, many at once where the store can; give each with what kept it from being deleted."""
        for begin in range(0, len(files), _TOGETHER):
            some = files[begin : begin + _TOGETHER]
            together = not self._dry_run and self._store.delete_together(some)
            for file in some:
                if together:
                    self._log("snapshot.pruned", collection=surveyed.collection, file=file)
                yield file, None if together or self._dry_run else self._delete(surveyed, file)

    def _delete(self, surveyed: CollectionCandidates, file: str) -> DeleteFailure | None:
        try:
            with exclusive_lock(surveyed.paths[file]) as free:
                if not free:
                    raise LockedError(f"snapshot '{file}' is being read", hint="run it again when that has ended")
                self._store.delete_snapshot(file)
        except RestoreError as error:
            self._log("snapshot.not_pruned", level="error", file=file, reason=str(error))
            return DeleteFailure(file, error.status, str(error))
        self._log("snapshot.pruned", collection=surveyed.collection, file=file)
        return None

    def prune_sets(self, gone: frozenset[str]) -> tuple[str, ...]:
        """Delete the documents of sets of which no file is left; give their names. `gone` files count as such."""
        documents = self._store.list_documents(SET_SUFFIX)
        there = {entry.file for entry in self._store.list_entries()} - gone if documents else set()
        emptied = []
        for name in documents:
            document = self._read_set(name)
            if document is None or not document.collections:
                continue
            if not any(member.file in there for member in document.collections):
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
    """Turn what kept a collection from being pruned at all into its outcome."""
    message = str(error).removeprefix(f"collection '{collection}': ")
    return PruneOutcome(collection=collection, status=error.status, message=message, hint=error.hint)
