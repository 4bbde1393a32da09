"""`restore`: wait for the server, read it, plan everything, then restore collection by collection."""

import msgspec

from restore.commands.factories import has_scoped_key, make_token, open_qdrant, open_with_fallbacks
from restore.commands.outcome import CommandResult, decide_status, summarise
from restore.commands.restore.aliases import AliasClaim, find_lost_aliases
from restore.commands.restore.report import (
    RestoreOutcome,
    RestoreReport,
    RestoreResult,
    describe,
    report_failure,
    report_skip,
)
from restore.commands.restore.session import PlannedCollection, RestoreSession, make_request
from restore.errors import RestoreError
from restore.qdrant.client import Qdrant
from restore.qdrant.collection_names import find_name_problem
from restore.qdrant.readiness import wait_ready
from restore.qdrant.version import FIRST_WITH_QUOTAS, Version
from restore.recovery.find_snapshot import find_candidate
from restore.recovery.plan import Refuse, Restore, Skip, WaitForOther, plan_collection, required_read_depth
from restore.recovery.read_target import ServerState, read_server_state, read_target_state
from restore.recovery.request import RestoreRequest, SnapshotCandidate
from restore.settings.model import Settings
from restore.system.clock import Clock, StoppableClock
from restore.system.events import Log, Progress
from restore.system.process import describe_process
from restore.system.text import format_bytes, format_count, format_time


def run(settings: Settings, session: RestoreSession) -> RestoreReport:
    """Restore every requested collection. Raise only what keeps the whole run from beginning."""
    begin = session.clock.read_seconds()
    server = wait_ready(
        session.qdrant, session.clock, session.log, timeout_seconds=settings.limits.wait_timeout_seconds
    )
    requests, warnings, lost = choose_collections(settings, session)
    state = read_server_state(session.qdrant, scoped=session.scoped)
    if not settings.collections.names:
        warnings += [
            f"store '{name}' was passed over, so what only it has is not restored: {reason}"
            for name, reason in session.store.passed_over.items()
        ]
    planned = [*_assign_aliases([_plan(session, one, server, state) for one in requests]), *lost]
    warnings += _warn_about_room(session, planned, server)
    outcomes = _run_all(settings, session, planned, server)
    seconds = round(session.clock.read_seconds() - begin, 3)
    return RestoreReport(
        url=session.qdrant.url,
        server_version=str(server),
        store=session.store.name,
        outcomes=outcomes,
        seconds=seconds,
        status=decide_status(outcomes),
        dry_run=settings.policies.dry_run,
        summary=summarise(outcomes, seconds),
        warnings=tuple(warnings),
        lock_wait_seconds=round(sum(one.lock_wait_seconds for one in outcomes), 3),
    )


def choose_collections(
    settings: Settings, session: RestoreSession
) -> tuple[list[RestoreRequest], list[str], list[PlannedCollection]]:
    """Return the collections to restore: those named, those of a set, else every one with a latest in the store.

    Beside them, warnings, and what a set names and cannot be restored.
    """
    if settings.sets.chosen:
        from restore.commands.restore.from_set import choose_from_set  # noqa: PLC0415 - boot: 3 ms

        return choose_from_set(settings, session)
    if settings.collections.names:
        return [make_request(settings, name) for name in settings.collections.names], [], []
    latest = session.store.list_latest()
    found = [name for name in latest if settings.patterns.is_selected(name)]
    problems = {name: find_name_problem(name) for name in found}
    warnings = [
        f"the latest of '{name}' in store '{session.store.name}' is left alone: that name {problem}"
        for name, problem in sorted(problems.items())
        if problem
    ]
    names = sorted(name for name, problem in problems.items() if not problem)
    where = f"store '{session.store.name}'"
    warnings += settings.patterns.warn(latest, doing="restore", where=where)
    if names or warnings:
        return [make_request(settings, name) for name in names], warnings, []
    nothing = (
        f"nothing to restore: no collection is named and store '{session.store.name}' has no snapshot "
        "(no '*_latest.snapshot'); make one with 'qdrant-restore snapshot'"
    )
    return [], [nothing], []


def _plan(session: RestoreSession, request: RestoreRequest, server: Version, seen: ServerState) -> PlannedCollection:
    """Plan one collection. Whatever is wrong with it becomes its outcome, and the others go on."""
    try:
        state = read_target_state(session.qdrant, seen, request.target, roughly=True)
        found = find_candidate(session.store, request, required_read_depth(request, state), server)
        plan = plan_collection(request, state, found)
    except RestoreError as error:
        return PlannedCollection(request=request, plan=report_failure(request.target, error))
    candidate = found if isinstance(found, SnapshotCandidate) else None
    return PlannedCollection(request=request, plan=plan, candidate=candidate)


def _assign_aliases(planned: list[PlannedCollection]) -> list[PlannedCollection]:
    """Let each alias belong to one collection only: two may be restored at the same time."""
    claims = [
        AliasClaim(one.request.collection, one.candidate.manifest.created, one.candidate.manifest.aliases)
        for one in planned
        if one.candidate and one.candidate.manifest and one.request.target == one.request.collection
    ]
    lost = find_lost_aliases(claims) if len(claims) > 1 else {}
    return [
        msgspec.structs.replace(
            one, request=msgspec.structs.replace(one.request, lost_aliases=lost.get(one.request.collection, ()))
        )
        for one in planned
    ]


def _warn_about_room(session: RestoreSession, planned: list[PlannedCollection], server: Version) -> list[str]:
    """Return and log what the server's disk or quota lacks for these restores. Before 1.19 a server says nothing."""
    sizes = [one.candidate.size for one in planned if isinstance(one.plan, Restore) and one.candidate]
    if not sizes or server.line < FIRST_WITH_QUOTAS:
        return []
    try:
        room = session.qdrant.read_disk()
    except RestoreError:
        # A key for single collections may not ask.
        return []
    warnings = []
    # Uploaded files are deleted one by one, the data stays.
    needed = sum(sizes) + max(sizes)
    if room.free_bytes is not None and room.free_bytes < needed:
        free = format_bytes(room.free_bytes)
        warnings.append(f"the server's disk has about {free} free, and this takes up to {format_bytes(needed)} there")
    if room.over_quota:
        warnings.append("the server is over its quota: it takes snapshots, and refuses to make payload indexes (507)")
    for warning in warnings:
        session.log("server.room", level="warning", message=warning)
    return warnings


def _run_all(
    settings: Settings, session: RestoreSession, planned: list[PlannedCollection], server: Version
) -> tuple[RestoreOutcome, ...]:
    """Carry the plans out, several at once where there is something to do. Return outcomes in the plans' order."""
    active = [
        one for one in planned if not settings.policies.dry_run and isinstance(one.plan, Restore | WaitForOther)
    ]
    if len(active) < 2 or settings.policies.concurrency < 2:  # noqa: PLR2004 - one needs no threads
        return tuple(_run(settings, session, one, server) for one in planned)
    from restore.qdrant.worker_pool import map_concurrently  # noqa: PLC0415 - boot: 4 ms

    def run_one(one: PlannedCollection, qdrant: Qdrant) -> RestoreOutcome:
        clock = StoppableClock(session.clock, qdrant.check_stop)
        return _run(settings, msgspec.structs.replace(session, qdrant=qdrant, clock=clock), one, server)

    done = map_concurrently(run_one, active, session.qdrant, width=settings.policies.concurrency)
    outcomes = {id(one): outcome for one, outcome in zip(active, done, strict=True)}
    return tuple(outcomes.get(id(one)) or _run(settings, session, one, server) for one in planned)


def _run(settings: Settings, session: RestoreSession, planned: PlannedCollection, server: Version) -> RestoreOutcome:
    request = planned.request
    match planned.plan:
        case RestoreOutcome() as outcome:
            pass
        case Skip() as skip:
            outcome = report_skip(request, skip, planned.candidate)
        case Refuse(error=error):
            outcome = report_failure(request.target, error)
        case Restore() | WaitForOther() if settings.policies.dry_run:
            outcome = _foresee(planned)
        case Restore() | WaitForOther():
            outcome = _restore(settings, session, request, server)
    if outcome.status:
        session.log(
            "collection.failed",
            level="error",
            collection=request.target,
            status=outcome.status,
            reason=outcome.message,
        )
    return outcome


def _restore(settings: Settings, session: RestoreSession, request: RestoreRequest, server: Version) -> RestoreOutcome:
    from restore.commands.restore.collection import CollectionRestore  # noqa: PLC0415 - boot: 3 ms

    work = CollectionRestore(session, settings, request, server)
    try:
        outcome = work.run()
    except RestoreError as error:
        outcome = report_failure(request.target, error)
    finally:
        session.progress.close()
    return msgspec.structs.replace(outcome, lock_wait_seconds=work.lock_wait_seconds)


def _foresee(planned: PlannedCollection) -> RestoreOutcome:
    """Return the outcome of a dry run: what would be done."""
    request, candidate, plan = planned.request, planned.candidate, planned.plan
    if not isinstance(plan, Restore) or candidate is None:
        return RestoreOutcome(
            collection=request.target,
            result=RestoreResult.WOULD_RESTORE,
            message="another run's restore is in progress or was interrupted; would wait for it or finish it",
        )
    when = f" of {format_time(candidate.manifest.created)}" if candidate.manifest else ""
    what = f"{candidate.stored.file}{when}, {format_bytes(candidate.size)}"
    how = f"would replace {format_count(plan.points, 'point')} with" if plan.points else "would be restored from"
    return RestoreOutcome(
        collection=request.target,
        result=RestoreResult.WOULD_RESTORE,
        message=f"{how} {what}",
        snapshot=candidate.stored.file,
        points=candidate.manifest.points if candidate.manifest else None,
        size_bytes=candidate.size,
        warnings=candidate.warnings,
    )


def main(settings: Settings, log: Log, progress: Progress) -> CommandResult:
    """Build what `restore` works with, and run it."""
    store = open_with_fallbacks(settings, log)
    with open_qdrant(settings) as qdrant:
        session = RestoreSession(
            qdrant=qdrant,
            store=store,
            clock=Clock(),
            log=log,
            progress=progress,
            holder=describe_process(),
            token=make_token(),
            stall_seconds=settings.limits.stall_timeout_seconds,
            scoped=has_scoped_key(settings),
        )
        report = run(settings, session)
    return CommandResult(report, describe(report), report.status)
