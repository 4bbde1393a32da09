"""The restore as people start it, and the same in this process with a faster clock."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from restore.commands.restore.command import run
from restore.commands.restore.report import RestoreOutcome, RestoreReport
from restore.commands.restore.session import RestoreSession
from restore.qdrant.api_key import is_scoped
from restore.qdrant.client import connect
from restore.stores.local.reader import open_local_store
from restore.system.clock import Clock
from restore.system.events import Fact, Level
from tests.support.fast_clock import FastClock
from tests.support.no_output import NoProgress
from tests.support.program import make_environment
from tests.support.resolve_settings import resolve_settings


class TimedResult(NamedTuple):
    """The result of a run; `took` is in seconds."""

    status: int
    stdout: str
    stderr: str
    took: float

    @property
    def report(self) -> dict[str, Any]:
        """The JSON report."""
        return dict(json.loads(self.stdout))

    @property
    def outcome(self) -> dict[str, Any]:
        """The report's only outcome."""
        (outcome,) = self.report["outcomes"]
        return dict(outcome)


class RunningProgram:
    """The program while it runs. Killed when the test leaves it behind. `hurried` gives it a faster clock."""

    def __init__(
        self,
        *arguments: str,
        url: str,
        store: Path,
        environment: dict[str, str] | None = None,
        hurried: bool = False,
        command: str = "restore",
    ) -> None:
        program = ["tests.support.fast_clock_cli"] if hurried else ["restore", command, "--json"]
        variables = {"QDRANT_URL": url, "RESTORE_STORE": str(store), **(environment or {})}
        self._begin = time.monotonic()
        self.child = subprocess.Popen(
            [sys.executable, "-m", *program, *arguments],
            env=make_environment(**variables),
            cwd=store.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def kill(self) -> None:
        """Kill with SIGKILL: nothing is cleaned up."""
        self.child.kill()

    def terminate(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end."""
        self.child.send_signal(number)

    def wait(self, timeout: float = 60.0) -> TimedResult:
        """Wait for its end. Raises `subprocess.TimeoutExpired`."""
        stdout, stderr = self.child.communicate(timeout=timeout)
        return TimedResult(self.child.returncode, stdout, stderr, time.monotonic() - self._begin)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.child.poll() is None:
            self.child.kill()
            self.child.communicate()


def run_restore(*arguments: str, url: str, store: Path, environment: dict[str, str] | None = None) -> TimedResult:
    """Run the installed command to its end."""
    with RunningProgram(*arguments, url=url, store=store, environment=environment) as running:
        return running.wait()


class RecordedLog:
    """A log that keeps its events."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Fact]]] = []

    def __call__(self, event: str, /, *, level: Level = "info", **facts: Fact) -> None:
        """Record the event."""
        self.events.append((event, {"level": level, **facts}))

    def named(self, event: str) -> list[dict[str, Fact]]:
        """Return the facts of every event of that name."""
        return [facts for name, facts in self.events if name == event]


def restore_here(
    *arguments: str,
    url: str,
    store: Path,
    key: str = "",
    clock: Clock | None = None,
    story: RecordedLog | None = None,
) -> RestoreReport:
    """Run the command in this process, by default with a clock that runs twenty times as fast."""
    settings = resolve_settings("restore", *arguments, url=url, store=store, key=key)
    qdrant = connect(settings.server.url, key)
    tools = RestoreSession(
        qdrant=qdrant,
        store=open_local_store(settings.store.location),
        clock=clock or FastClock(),
        log=story or RecordedLog(),
        progress=NoProgress(),
        holder="a test",
        token=os.urandom(16).hex(),
        stall_seconds=settings.limits.stall_timeout_seconds,
        scoped=is_scoped(key),
    )
    try:
        return run(settings, tools)
    finally:
        qdrant.close()


def only(report: RestoreReport) -> RestoreOutcome:
    """Return the only outcome of a report."""
    (outcome,) = report.outcomes
    return outcome
