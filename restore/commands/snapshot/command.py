"""One run of `snapshot`: wait, lock, choose, several collections at once, the set's document, prune."""

from collections.abc import Iterable

import msgspec

from restore import __version__
from restore.commands.factories import has_scoped_key, make_encoders, make_token, open_or_create, open_qdrant
from restore.commands.outcome import CommandResult, decide_status, run_collection, summarise
from restore.commands.snapshot.collection import CollectionSnapshot
from restore.commands.snapshot.report import SnapshotOutcome, SnapshotReport, describe, report_failure
from restore.commands.snapshot.session import SnapshotSession
from restore.creation.cleanup import ServerCleaner
from restore.creation.journal import CreationJournal
from restore.errors import RestoreError
from restore.exit_statuses import PARTIAL
from restore.qdrant.client import Qdrant
from restore.qdrant.collection_names import is_temporary
from restore.qdrant.readiness import wait_ready
from restore.qdrant.version import Version
from restore.qdrant.worker_pool import map_concurrently
from restore.retention.candidates import find_candidates
from restore.retention.outcome import PruneOutcome
from restore.retention.pruner import Pruner
from restore.retention.rule import refuse_empty_rule
from restore.sets.document import SetDocument, SetFailure, SetMember, name_set
from restore.settings.model import Settings
from restore.settings.selection import select_collections
from restore.snapshots.document import write_document
from restore.snapshots.manifest import Manifest
from restore.stores.store_lock import store_lock
from restore.system.clock import Clock, StoppableClock
from restore.system.events import Log, Progress


class MadeSnapshot(msgspec.Struct, frozen=True):
    """One collection's outcome, with the manifest that was published; None when none was."""

    outcome: SnapshotOutcome
    manifest: Manifest | None


def run(settings: Settings, session: SnapshotSession) -> SnapshotReport:
    """Snapshot each collection. One failure does not stop the others.

    Raise what concerns all of them: Qdrant not ready, the store locked or not writable, a listing refused, a
    retention rule that keeps nothing.
    """
    clock = session.clock
    begin, began = clock.read_seconds(), clock.now()
    server = wait_ready(session.qdrant, clock, session.log, timeout_seconds=settings.limits.wait_timeout_seconds)
    with store_lock(
        session.store, clock, session.log, timeout_seconds=settings.limits.lock_timeout_seconds
    ) as waited:
        wanted, whole, warnings = _choose(settings, session)
        for name in wanted:
            # Afterwards a snapshot would have been made, and the prune behind it refused.
            refuse_empty_rule(settings.rule_for(name))
        removed = session.store.remove_debris(wanted)
        if removed:
            session.log("store.debris_removed", store=session.store.name, count=len(removed), first=removed[0])
        if session.run_id:
            # What killed runs left on the server, as far as it is provably this program's.
            ServerCleaner(session.store, session.qdrant, session.log).delete_journaled()
        made = _snapshot_all(settings, session, wanted, server=server, begin=begin)
        outcomes = tuple(one.outcome for one in made)
        blank = SetDocument(
            run_id=session.run_id,
            created=began.replace(microsecond=0),
            server=str(server),
            url=session.qdrant.url,
            whole=whole,
            written_by=f"qdrant-restore {__version__}",
        )
        set_name, problem = _write_set(session, blank, made)
        pruned = _prune(settings, session, outcomes)
    seconds = round(clock.read_seconds() - begin, 3)
    failed = problem is not None or any(one.status for one in pruned)
    return SnapshotReport(
        url=session.qdrant.url,
        server_version=str(server),
        store=session.store.name,
        outcomes=outcomes,
        seconds=seconds,
        status=decide_status(outcomes) or (PARTIAL if failed else 0),
        removed=removed,
        run_id=session.run_id,
        set=set_name,
        pruned=pruned,
        summary=summarise(outcomes, seconds),
        lock_wait_seconds=waited,
        warnings=(*warnings, *([str(problem)] if problem else [])),
    )


def _choose(settings: Settings, session: SnapshotSession) -> tuple[tuple[str, ...], bool, tuple[str, ...]]:
    """Return the collections to snapshot, whether they are all that the server has, and warnings."""
    if settings.collections.names:
        return tuple(dict.fromkeys(settings.collections.names)), False, ()
    there = tuple(name for name in session.qdrant.list_collections() if not is_temporary(name))
    wanted = settings.patterns.select(there)
    where = f"Qdrant at {session.qdrant.url}"
    warnings = settings.patterns.warn(there, doing="snapshot", where=where)
    if not wanted and not warnings:
        warnings = (f"{where} has no collections: nothing to snapshot",)
    return wanted, wanted == select_collections(there), warnings


def _snapshot_all(
    settings: Settings, session: SnapshotSession, wanted: tuple[str, ...], *, server: Version, begin: float
) -> list[MadeSnapshot]:
    journal = (
        CreationJournal(session.store, run_id=session.run_id, url=session.qdrant.url) if session.run_id else None
    )

    def snapshot(collection: str, qdrant: Qdrant) -> MadeSnapshot:
        encoder = session.find_encoder(collection)
        clock = StoppableClock(session.clock, qdrant.check_stop)
        own = msgspec.structs.replace(session, qdrant=qdrant, clock=clock, encoder=encoder, journal=journal)
        return _snapshot(settings, own, collection, server=server, begin=begin)

    return map_concurrently(snapshot, wanted, session.qdrant, width=settings.policies.concurrency)


def _snapshot(
    settings: Settings, session: SnapshotSession, collection: str, *, server: Version, begin: float
) -> MadeSnapshot:
    work = CollectionSnapshot(session, settings, collection, server=server, begin=begin)
    outcome = run_collection(
        work.run,
        lambda error: report_failure(collection, error, work.warnings),
        log=session.log,
        progress=session.progress,
    )
    return MadeSnapshot(outcome, work.manifest)


def _write_set(
    session: SnapshotSession, blank: SetDocument, made: list[MadeSnapshot]
) -> tuple[str, RestoreError | None]:
    """Write the document of the set, unless it would be empty. Return its name, and the error of a failure."""
    good = [(one.outcome, one.manifest) for one in made if one.outcome.status == 0 and one.manifest]
    if not session.run_id or not good:
        return "", None
    document = msgspec.structs.replace(
        blank,
        collections=tuple(
            SetMember(
                collection=outcome.collection, file=outcome.snapshot, sha256=outcome.sha256, points=outcome.points
            )
            for outcome, _ in good
        ),
        failed=tuple(
            SetFailure(collection=one.outcome.collection, error=one.outcome.message)
            for one in made
            if one.outcome.status
        ),
        aliases=_list_aliases(manifest for _, manifest in good),
    )
    name = name_set(document.created, session.run_id)
    try:
        session.store.write_document(name, write_document(document), create_only=True)
    except RestoreError as error:
        session.log("set.not_written", level="error", file=name, reason=str(error))
        return "", error
    session.log("set.written", file=name, collections=len(document.collections), failed=len(document.failed))
    return name, None


def _list_aliases(manifests: Iterable[Manifest]) -> dict[str, str]:
    """Return each alias with its collection. An alias moved during the run is that of the later snapshot."""
    ordered = sorted(manifests, key=lambda manifest: (manifest.created, manifest.collection))
    return {alias: manifest.collection for manifest in ordered for alias in manifest.aliases}


def _prune(
    settings: Settings, session: SnapshotSession, outcomes: tuple[SnapshotOutcome, ...]
) -> tuple[PruneOutcome, ...]:
    """Prune the collections that have a retention rule and got a verified snapshot in this run, and no others."""
    names = {one.collection for one in outcomes if one.latest and not one.status}
    ruled = {name for name in names if not settings.rule_for(name).is_empty}
    if not ruled:
        return ()
    pruner = Pruner(session.store, session.log, find_rule=settings.rule_for, now=session.clock.now())
    pruned = tuple(pruner.prune(one) for one in find_candidates(session.store, ruled.__contains__))
    pruner.prune_sets(frozenset())
    return pruned


def main(settings: Settings, log: Log, progress: Progress) -> CommandResult:
    """Build the session of `snapshot` from settings, and run it."""
    find_encoder = make_encoders(settings)
    with open_qdrant(settings) as qdrant:
        store = open_or_create(settings)
        session = SnapshotSession(
            qdrant=qdrant,
            store=store,
            clock=Clock(),
            log=log,
            progress=progress,
            scoped=has_scoped_key(settings),
            find_encoder=find_encoder,
            run_id=make_token(),
        )
        report = run(settings, session)
    return CommandResult(report, describe(report), report.status)
