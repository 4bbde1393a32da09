"""The drill as people start it, and the same in this process."""

from __future__ import annotations

import os
from pathlib import Path

from restore.commands.drill import Tools, run
from restore.decisions.drill_report import DrillOutcome, DrillReport
from restore.decisions.settings import read_settings
from restore.decisions.settings_sources import Sources
from restore.doors.arguments import parse_arguments
from restore.edges.clock import Clock
from restore.edges.qdrant import connect
from restore.edges.shelf import Shelf
from restore.steps.record import Recorder
from tests.tools.clock import FastClock
from tests.tools.command import NoProgress, Story


def drill_here(
    *arguments: str,
    url: str,
    store: Path,
    key: str = "",
    clock: Clock | None = None,
    token: str = "",
    story: Story | None = None,
) -> DrillReport:
    """Run the command in this process on one server, by default with a clock that runs twenty times as fast."""
    invocation = parse_arguments(["drill", *arguments])
    assert invocation is not None
    environment = {"QDRANT_URL": url, "RESTORE_STORE": str(store), "QDRANT_API_KEY": key}
    settings = read_settings(
        invocation.command,
        Sources(
            arguments=invocation.arguments,
            flags=invocation.flags,
            environment=environment,
            problems=invocation.problems,
        ),
    )
    qdrant, shelf = connect(url, key), Shelf(str(store))
    tools = Tools(
        qdrant=qdrant,
        store=shelf,
        clock=clock or FastClock(),
        log=story or Story(),
        progress=NoProgress(),
        recorder=Recorder(shelf, Clock(), "tests"),
        holder="a test",
        token=token or os.urandom(16).hex(),
        server_store=settings.server_store,
    )
    try:
        return run(settings, tools)
    finally:
        qdrant.close()


def only(report: DrillReport) -> DrillOutcome:
    """Give the only outcome of a report."""
    (outcome,) = report.outcomes
    return outcome
