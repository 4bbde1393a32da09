"""kill -9 of a snapshot run at each of its requests: `prune --server` removes what it left, and nobody else's."""

from __future__ import annotations

import itertools
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from restore.creation.journal_document import StaleObject
from restore.qdrant.client import Qdrant, connect
from tests.support.recording_proxy import Fault, RecordedRequest, RecordingProxy
from tests.support.run_prune import prune_here
from tests.support.run_snapshot import start_snapshot
from tests.support.server_under_test import Server, path

VECTORS = {"size": 4, "distance": "Dot"}


@pytest.fixture
def qdrant(proxy: RecordingProxy) -> Iterator[Qdrant]:
    """Yield a client of the server under the URL that the runs know it by."""
    client = connect(proxy.url, "")
    yield client
    client.close()


class KillHook:
    """A hook that kills a process at a request."""

    def __init__(self) -> None:
        self.child: subprocess.Popen[str] | None = None
        self.started = threading.Event()
        self.at = ""

    def __call__(self, seen: RecordedRequest) -> None:
        """Kill the process, and wait until it is gone."""
        self.started.wait(10)
        assert self.child is not None
        self.child.kill()
        self.child.wait()
        self.at = seen.line


@dataclass(frozen=True)
class KillTrial:
    """One kill, and what pruning left: names on the server, those that it said stay, and journals."""

    at: str
    answered: bool
    is_mine_there: bool
    left: list[str]
    reported: list[str]
    journals: list[str]


class CleanupScenario:
    """A collection with a person's own snapshot, and a store; runs are killed there again and again."""

    def __init__(self, target: Server, proxy: RecordingProxy, name: str, store: Path) -> None:
        self.target, self.proxy, self.name, self.store = target, proxy, name, store
        target.create(name, vectors=VECTORS)
        target.upsert(name, range(1, 51))
        self.mine: str = target.ask("POST", path(name, "snapshots")).result["name"]

    def kill_at(self, number: int, *, answered: bool) -> str:
        """Start a run, kill it before or after its n-th request reaches the server, and return the process."""
        reaper = KillHook()
        fault = Fault(after=reaper, lost=True) if answered else Fault(before=reaper, refused=True)
        self.proxy.reset()
        self.proxy.at(number, fault)
        reaper.child = start_snapshot(self.name, "--samples", "1", url=self.proxy.url, store=self.store)
        reaper.started.set()
        reaper.child.communicate(timeout=60)
        return reaper.at

    def try_at(self, number: int, qdrant: Qdrant, *, answered: bool) -> KillTrial | None:
        """Kill a run there, prune, and give what came of it, everything removed; None past its last request."""
        at = self.kill_at(number, answered=answered)
        if not at:
            return None
        # Whatever the server is still at comes to its end.
        time.sleep(0.3)
        found = self.prune(qdrant)
        there = self.target.snapshots_of(self.name)
        left = [one for one in there if one != self.mine]
        for file in left:
            self.target.ask("DELETE", path(self.name, f"snapshots/{file}"))
        self.prune(qdrant)
        journals = [one.name for one in self.store.glob(".journal-*")]
        kept = [one.file for one in found if not one.removed]
        return KillTrial(at, answered, is_mine_there=self.mine in there, left=left, reported=kept, journals=journals)

    def prune(self, qdrant: Qdrant) -> list[StaleObject]:
        """Prune the server, and give what was found of this collection; other tests share the server."""
        self.proxy.reset()
        if not self.store.is_dir():
            return []
        report = prune_here("--server", store=self.store, qdrant=qdrant)
        return [one for one in report.server if one.collection == self.name]


def list_trials(scene: CleanupScenario, qdrant: Qdrant) -> list[KillTrial]:
    """Kill a run before each of its requests is sent, and when each was answered."""
    points = ((number, answered) for number in itertools.count(1) for answered in (False, True))
    trials = (scene.try_at(number, qdrant, answered=answered) for number, answered in points)
    return [trial for trial in itertools.takewhile(lambda trial: trial is not None, trials) if trial]


@pytest.mark.timeout(600)
def test_prune_removes_what_a_run_killed_at_any_request_left(  # noqa: PLR0917 - fixtures
    target: Server, proxy: RecordingProxy, name: str, qdrant: Qdrant, tmp_path: Path
) -> None:
    """By the journal that was written before each creation; the journal itself is removed too.

    Only a creation without an answer stays, and is reported, because its owner cannot be told.
    """
    trials = list_trials(CleanupScenario(target, proxy, name, tmp_path / "store"), qdrant)
    harmed = [one for one in trials if not one.is_mine_there or one.left != one.reported or one.journals]
    left = [(one.at.split("?")[0], one.answered, len(one.left)) for one in trials if one.left]
    assert harmed == []
    assert left == [(f"POST {path(name, 'snapshots')}", True, 1)]
    assert len(trials) >= 20
