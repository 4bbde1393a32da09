"""The scenario of one restore: a server, a proxy in front of it, a store, and a collection name of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restore.commands.restore.report import RestoreOutcome, RestoreReport
from restore.qdrant.collection_names import name_marker
from restore.recovery.marker.model import Phase, TargetBefore
from restore.system.clock import Clock
from tests.support.markers import plant_mark
from tests.support.recording_proxy import RecordingProxy
from tests.support.run_restore import RecordedLog, RunningProgram, TimedResult, only, restore_here
from tests.support.sample_stores import FilledStore
from tests.support.server_under_test import Server, path
from tests.support.targets import TargetContents, promise_state, read_state


@dataclass(frozen=True)
class RestoreScenario:
    """One server, one store, one collection name. Restores go through the proxy, with these arguments."""

    server: Server
    proxy: RecordingProxy
    store: FilledStore
    name: str
    arguments: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """The collection's path on the server."""
        return path(self.name)

    @property
    def mark(self) -> str:
        """The name of the first marker."""
        return name_marker(self.name, 1)

    @property
    def markers(self) -> list[str]:
        """The markers that are there."""
        return self.server.markers(self.name)

    @property
    def state(self) -> TargetContents:
        """The contents of the target now."""
        return read_state(self.server, self.name)

    def promise(self, *, aliased: bool = False) -> TargetContents:
        """Return the contents of the target after a restore."""
        return promise_state(self.name, aliased=aliased)

    def add(self, kind: str = "plain", **more: Any) -> Path:  # noqa: ANN401 - as the store's
        """Put a recorded snapshot of the collection into the store."""
        return self.store.add(self.name, kind, **more)

    def plant(self, phase: Phase, was: TargetBefore, **more: Any) -> str:  # noqa: ANN401 - fields of the mark
        """Leave a dead holder's marker and return its name."""
        return plant_mark(self.server, self.name, phase, was, **more)

    def restore(
        self, *arguments: str, clock: Clock | None = None, story: RecordedLog | None = None
    ) -> RestoreOutcome:
        """Restore it in this process; requests of before are forgotten, faults are not."""
        return only(self.report(self.name, *arguments, clock=clock, story=story))

    def report(self, *arguments: str, clock: Clock | None = None, story: RecordedLog | None = None) -> RestoreReport:
        """Restore whatever is asked for in this process; requests of before are forgotten, faults are not."""
        self.proxy.forget()
        return restore_here(
            *self.arguments,
            *arguments,
            url=self.proxy.url,
            store=self.store.path,
            key=self.server.key,
            clock=clock,
            story=story,
        )

    def start(
        self, *arguments: str, hurried: bool = False, environment: dict[str, str] | None = None
    ) -> RunningProgram:
        """Start the command as people do; requests of before are forgotten, faults are not."""
        self.proxy.forget()
        given = {"QDRANT_API_KEY": self.server.key, **(environment or {})}
        return RunningProgram(
            *self.arguments, *arguments, url=self.proxy.url, store=self.store.path, environment=given, hurried=hurried
        )

    def snapshot(self, *arguments: str) -> TimedResult:
        """Make a snapshot as people do."""
        given = {"QDRANT_API_KEY": self.server.key}
        with RunningProgram(
            *arguments, url=self.proxy.url, store=self.store.path, environment=given, command="snapshot"
        ) as running:
            return running.wait()

    def run(self, *arguments: str, environment: dict[str, str] | None = None) -> TimedResult:
        """Run the command as people do, to its end."""
        with self.start(*arguments, environment=environment) as running:
            return running.wait()
