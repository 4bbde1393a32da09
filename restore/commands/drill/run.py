"""The recipe of a whole drill: wait, sweep what dead drills left, then collection by collection."""

from __future__ import annotations

from restore.commands.drill.rehearsal import Rehearsal
from restore.commands.drill.sweep import sweep
from restore.commands.drill.tools import Tools
from restore.decisions.choosing import choose
from restore.decisions.drill_report import DrillOutcome, DrillReport, Result, decide_status, report_failure, summarise
from restore.decisions.settings import Settings
from restore.errors import IntegrityError, RestoreError
from restore.steps.wait import wait_ready
from restore.words.assessment import Assessment, State
from restore.words.check import EMBEDDED
from restore.words.collection import find_name_problem
from restore.words.offer import Offer
from restore.words.store import Kind
from restore.words.version import Version

_LESS = (
    "restored into the embedded engine, not into a server: it shows that the snapshot can be read and holds what it "
    "promised, not that your Qdrant takes it"
)


def run(settings: Settings, tools: Tools) -> DrillReport:
    """Drill every wanted collection. Raises only what keeps the whole run from beginning.

    On the server only scratch collections of this run, and of dead ones, are written to; the store gets a record.
    """
    begin = tools.clock.read_seconds()
    server = wait_ready(tools.qdrant, tools.clock, tools.log, timeout_seconds=settings.wait_timeout_seconds)
    removed, warnings = sweep(tools, stall_seconds=settings.stall_timeout_seconds)
    names = settings.collections or _list_drillable(settings, tools)
    if not names:
        warnings += (f"nothing to drill: no collection is named and store '{tools.store.name}' has no snapshot",)
    outcomes = tuple(_drill(settings, tools, name, server) for name in names)
    warnings += (_LESS,) if tools.depth == EMBEDDED else ()
    if tools.recorder.problem:
        warnings += (f"what was found could not be recorded: {tools.recorder.problem}",)
    seconds = round(tools.clock.read_seconds() - begin, 3)
    return DrillReport(
        url=tools.qdrant.url,
        server_version=str(server),
        store=tools.store.name,
        depth=tools.depth,
        outcomes=outcomes,
        seconds=seconds,
        status=decide_status(outcomes),
        summary=summarise(outcomes, seconds),
        removed=removed,
        warnings=warnings,
    )


def _list_drillable(settings: Settings, tools: Tools) -> tuple[str, ...]:
    names = (name for name in tools.store.list_latest() if not find_name_problem(name))
    return choose(names, settings.include, settings.exclude)


def _drill(settings: Settings, tools: Tools, collection: str, server: Version) -> DrillOutcome:
    rehearsal = Rehearsal(tools, settings, collection, server)
    try:
        outcome = rehearsal.carry_out()
    except RestoreError as error:
        outcome = report_failure(collection, rehearsal.scratch, error)
    finally:
        tools.progress.close()
    if rehearsal.offer is not None:
        _record(tools, rehearsal.offer, outcome)
    if outcome.status:
        tools.log("drill.failed", level="error", collection=collection, status=outcome.status, reason=outcome.message)
    else:
        tools.log("drill.proven", collection=collection, snapshot=outcome.snapshot, seconds=outcome.seconds)
    return outcome


def _record(tools: Tools, offer: Offer, outcome: DrillOutcome) -> None:
    """Write the result beside the snapshot. A server that is down says nothing about a snapshot."""
    if not offer.stored.in_store or (outcome.status and outcome.status != IntegrityError.status):
        return
    manifest = offer.manifest
    found = Assessment(
        file=offer.stored.file,
        kind=Kind.SNAPSHOT,
        state=State.UNCHECKED if outcome.result is Result.UNPROMISED else State.CHECKED,
        collection=outcome.collection,
        size_bytes=offer.stored.size,
        promised_sha256=manifest.sha256 if manifest else "",
        status=outcome.status,
        problem=outcome.message if outcome.status else "",
    )
    tools.recorder.record(found, tools.depth)
