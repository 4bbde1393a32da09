"""`drill`: wait for the server, remove what dead drills left, then drill collection by collection."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from restore.checks.file_report import FileReport, FileState
from restore.checks.record import EMBEDDED, RESTORE
from restore.commands.drill.collection import CollectionDrill
from restore.commands.drill.report import (
    DrillOutcome,
    DrillReport,
    DrillResult,
    decide_status,
    describe,
    report_failure,
)
from restore.commands.drill.session import DrillSession
from restore.commands.drill.stale import remove_stale_drills
from restore.commands.factories import make_recorder, make_token, open_existing, open_qdrant
from restore.commands.outcome import CommandResult, run_collection, summarise
from restore.errors import IntegrityError
from restore.qdrant.collection_names import find_name_problem
from restore.qdrant.embedded import open_embedded
from restore.qdrant.readiness import wait_ready
from restore.qdrant.version import Version
from restore.recovery.request import SnapshotCandidate
from restore.settings.model import Settings
from restore.settings.options.verification import ON_EMBEDDED, ON_SERVER
from restore.stores.layout import Kind
from restore.system.clock import Clock
from restore.system.events import Log, Progress
from restore.system.process import describe_process
from restore.system.secret import Secret

if TYPE_CHECKING:
    from restore.qdrant.client import Qdrant


_EMBEDDED_WARNING = (
    "restored into the embedded engine, not into a server: it shows that the snapshot can be read and holds what it "
    "promised, not that your Qdrant takes it"
)


def run(settings: Settings, session: DrillSession) -> DrillReport:
    """Drill every requested collection. Raise only what keeps the whole run from beginning.

    On the server only temporary collections of this run, and of dead ones, are written to. The store gets a record.
    """
    begin = session.clock.read_seconds()
    server = wait_ready(
        session.qdrant, session.clock, session.log, timeout_seconds=settings.limits.wait_timeout_seconds
    )
    removed, warnings = remove_stale_drills(session)
    names = settings.collections.names or _list_drillable(settings, session)
    if not names:
        warnings += (f"nothing to drill: no collection is named and store '{session.store.name}' has no snapshot",)
    outcomes = tuple(_drill(settings, session, name, server) for name in names)
    warnings += (_EMBEDDED_WARNING,) if session.depth == EMBEDDED else ()
    if session.recorder.problem:
        warnings += (f"what was found could not be recorded: {session.recorder.problem}",)
    seconds = round(session.clock.read_seconds() - begin, 3)
    return DrillReport(
        url=session.qdrant.url,
        server_version=str(server),
        store=session.store.name,
        depth=session.depth,
        outcomes=outcomes,
        seconds=seconds,
        status=decide_status(outcomes),
        summary=summarise(outcomes, seconds),
        removed=removed,
        warnings=warnings,
    )


def _list_drillable(settings: Settings, session: DrillSession) -> tuple[str, ...]:
    names = (name for name in session.store.list_latest() if not find_name_problem(name))
    return settings.patterns.select(names)


def _drill(settings: Settings, session: DrillSession, collection: str, server: Version) -> DrillOutcome:
    drill = CollectionDrill(session, settings, collection, server)
    outcome = run_collection(
        drill.run,
        lambda error: report_failure(collection, drill.temporary, error),
        log=session.log,
        progress=session.progress,
        event="drill.failed",
    )
    if drill.candidate is not None:
        _record(session, drill.candidate, outcome)
    if not outcome.status:
        session.log("drill.proven", collection=collection, snapshot=outcome.snapshot, seconds=outcome.seconds)
    return outcome


def _record(session: DrillSession, candidate: SnapshotCandidate, outcome: DrillOutcome) -> None:
    """Write the result beside the snapshot. A server that is down says nothing about a snapshot."""
    if not candidate.stored.in_store or (outcome.status and outcome.status != IntegrityError.status):
        return
    manifest = candidate.manifest
    found = FileReport(
        file=candidate.stored.file,
        kind=Kind.SNAPSHOT,
        state=FileState.UNCHECKED if outcome.result is DrillResult.UNPROMISED else FileState.CHECKED,
        collection=outcome.collection,
        size_bytes=candidate.stored.size,
        promised_sha256=manifest.sha256 if manifest else "",
        status=outcome.status,
        problem=outcome.message if outcome.status else "",
    )
    session.recorder.record(found, session.depth)


def main(settings: Settings, log: Log, progress: Progress) -> CommandResult:
    """Build what `drill` works with, and run it."""
    store = open_existing(settings)
    with _open_drill_target(settings) as qdrant:
        session = DrillSession(
            qdrant=qdrant,
            store=store,
            clock=Clock(),
            log=log,
            progress=progress,
            recorder=make_recorder(store),
            holder=describe_process(),
            token=make_token(),
            stall_seconds=settings.limits.stall_timeout_seconds,
            depth=EMBEDDED if settings.verification.drill_on == ON_EMBEDDED else RESTORE,
            server_store=settings.store.server_path if settings.verification.drill_on == ON_SERVER else "",
        )
        report = run(settings, session)
    return CommandResult(report, describe(report), report.status)


@contextlib.contextmanager
def _open_drill_target(settings: Settings) -> Iterator[Qdrant]:
    """Yield where a drill restores: the server itself, another one with a key of its own, or the embedded engine."""
    if settings.verification.drill_on == ON_SERVER:
        with open_qdrant(settings) as qdrant:
            yield qdrant
    elif settings.verification.drill_on == ON_EMBEDDED:
        with open_embedded() as url, open_qdrant(_with_target(settings, url, None)) as qdrant:
            yield qdrant
    else:
        with open_qdrant(
            _with_target(settings, settings.verification.drill_on, settings.verification.drill_api_key)
        ) as qdrant:
            yield qdrant


def _with_target(settings: Settings, url: str, key: Secret | None) -> Settings:
    insecure = settings.verification.drill_insecure
    server = msgspec.structs.replace(settings.server, url=url, api_key=key, insecure=insecure)
    return msgspec.structs.replace(settings, server=server)
