"""The drill as people start it, and the same in this process."""

from __future__ import annotations

import os
from pathlib import Path

from restore.checks.recorder import CheckRecorder
from restore.commands.drill.command import run
from restore.commands.drill.report import DrillOutcome, DrillReport
from restore.commands.drill.session import DrillSession
from restore.qdrant.client import connect
from restore.stores.local.writer import WritableLocalStore
from restore.system.clock import Clock
from tests.support.fast_clock import FastClock
from tests.support.no_output import NoProgress
from tests.support.resolve_settings import resolve_settings
from tests.support.run_restore import RecordedLog


def drill_here(
    *arguments: str,
    url: str,
    store: Path,
    key: str = "",
    clock: Clock | None = None,
    token: str = "",
    story: RecordedLog | None = None,
) -> DrillReport:
    """Run the command in this process on one server, by default with a clock that runs twenty times as fast."""
    settings = resolve_settings("drill", *arguments, url=url, store=store, key=key)
    qdrant, shelf = connect(url, key), WritableLocalStore(str(store))
    tools = DrillSession(
        qdrant=qdrant,
        store=shelf,
        clock=clock or FastClock(),
        log=story or RecordedLog(),
        progress=NoProgress(),
        recorder=CheckRecorder(shelf, Clock(), "tests"),
        holder="a test",
        token=token or os.urandom(16).hex(),
        stall_seconds=settings.limits.stall_timeout_seconds,
        server_store=settings.store.server_path,
    )
    try:
        return run(settings, tools)
    finally:
        qdrant.close()


def only(report: DrillReport) -> DrillOutcome:
    """Return the only outcome of a report."""
    (outcome,) = report.outcomes
    return outcome
