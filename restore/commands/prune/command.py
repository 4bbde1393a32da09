"""`prune`: delete the snapshots that no retention rule keeps; with `--server` also what killed runs left there."""

import contextlib
from collections.abc import Callable

import msgspec

from restore.commands.factories import open_existing, open_qdrant
from restore.commands.outcome import CommandResult, decide_status, summarise
from restore.commands.prune.report import PruneReport, describe
from restore.creation.cleanup import ServerCleaner
from restore.creation.journal_document import StaleObject
from restore.qdrant.client import Qdrant
from restore.qdrant.readiness import wait_ready
from restore.retention.candidates import find_candidates
from restore.retention.model import CollectionCandidates
from restore.retention.outcome import PruneOutcome
from restore.retention.pruner import Pruner
from restore.settings.model import Settings
from restore.stores.protocols import WritableStore, no_snapshot_error
from restore.stores.store_lock import store_lock
from restore.system.clock import Clock
from restore.system.events import Log, Progress


class PruneSession(msgspec.Struct, frozen=True, kw_only=True):
    """What one run works with. `qdrant` is None unless the server is cleaned too."""

    store: WritableStore
    clock: Clock
    log: Log
    qdrant: Qdrant | None = None


def run(settings: Settings, session: PruneSession) -> PruneReport:
    """Prune each collection by its rule; one failure does not stop the rest. A dry run only reads.

    Raise `NotFoundError` for a named collection of which the store has nothing, and what the lock or the listing
    of the store raises.
    """
    begin = session.clock.read_seconds()
    store = session.store
    with store_lock(
        store,
        session.clock,
        session.log,
        timeout_seconds=settings.limits.lock_timeout_seconds,
        dry_run=settings.policies.dry_run,
    ) as waited:
        clear = store.find_debris if settings.policies.dry_run else store.remove_debris
        removed = clear(settings.collections.names or None)
        candidates = find_candidates(store, _make_filter(settings), without=frozenset(removed))
        for name in settings.collections.names:
            if not any(one.collection == name for one in candidates):
                raise no_snapshot_error(store, name)
        pruner = Pruner(
            store,
            session.log,
            find_rule=settings.rule_for,
            now=session.clock.now(),
            dry_run=settings.policies.dry_run,
        )
        outcomes = tuple(_prune(pruner, one, session.clock) for one in candidates)
        deleted = frozenset(one.file for outcome in outcomes for one in outcome.pruned)
        sets = pruner.prune_sets(deleted | frozenset(removed))
        server = _clean_server(settings, session)
    seconds = round(session.clock.read_seconds() - begin, 3)
    return PruneReport(
        store=store.name,
        outcomes=outcomes,
        seconds=seconds,
        status=decide_status((*outcomes, *server), partly_done=any(one.pruned for one in outcomes)),
        dry_run=settings.policies.dry_run,
        sets=sets,
        removed=removed,
        server=server,
        lock_wait_seconds=waited,
        summary=summarise(outcomes, seconds),
        warnings=_warn(settings, store),
    )


def _prune(pruner: Pruner, candidates: CollectionCandidates, clock: Clock) -> PruneOutcome:
    begin = clock.read_seconds()
    outcome = pruner.prune(candidates)
    return msgspec.structs.replace(outcome, seconds=round(clock.read_seconds() - begin, 3))


def _warn(settings: Settings, store: WritableStore) -> tuple[str, ...]:
    if settings.collections.names or not (settings.patterns.include or settings.patterns.exclude):
        return ()
    return settings.patterns.warn(store.list_collections(), doing="prune", where=f"store '{store.name}'")


def _clean_server(settings: Settings, session: PruneSession) -> tuple[StaleObject, ...]:
    if session.qdrant is None:
        return ()
    wait_ready(session.qdrant, session.clock, session.log, timeout_seconds=settings.limits.wait_timeout_seconds)
    cleaner = ServerCleaner(session.store, session.qdrant, session.log, dry_run=settings.policies.dry_run)
    return (*cleaner.delete_journaled(), *cleaner.delete_uploads())


def _make_filter(settings: Settings) -> Callable[[str], bool]:
    def is_chosen(collection: str) -> bool:
        if settings.collections.names:
            return collection in settings.collections.names
        return settings.patterns.is_selected(collection)

    return is_chosen


def main(settings: Settings, log: Log, _progress: Progress) -> CommandResult:
    """Open the store and, where asked for, the server, and run `prune`."""
    with contextlib.ExitStack() as opened:
        qdrant = opened.enter_context(open_qdrant(settings)) if settings.maintenance.prune_server else None
        session = PruneSession(store=open_existing(settings), clock=Clock(), log=log, qdrant=qdrant)
        report = run(settings, session)
    return CommandResult(report, describe(report), report.status)
