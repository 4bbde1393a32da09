"""Kill -9 of a restore at every step; then one normal run, and everything is whole.

A step is a request that changes something on the server: between two of them the server looks the same, whatever was
read, so a kill before each of them and one after the last is a kill everywhere. With `EVERY_REQUEST=1` it is killed
before the reads too. Every test says how many kill points there were.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from restore.recovery.marker.model import Phase, TargetBefore
from tests.support.fast_clock import FastClock
from tests.support.markers import plant_mark
from tests.support.recording_proxy import Fault, RecordedRequest, RecordingProxy
from tests.support.run_restore import RunningProgram, only, restore_here
from tests.support.sample_stores import FilledStore
from tests.support.server_under_test import Server
from tests.support.targets import EMPTY, MISSING, OTHER, SAME, TargetSetup, promise_state, read_state

EVERY_REQUEST = bool(os.environ.get("EVERY_REQUEST"))
CUT_BYTES = 100_000
KILLED = -9
Kill = Callable[[RecordedRequest], None]
End = tuple[int, object, object]
"""How the killed run ended, what stood there after the next one, and what should."""


def before(kill: Kill) -> Fault:
    """Kill when the request is on its way and the server knows nothing of it."""
    return Fault(before=kill, refused=True)


def after(kill: Kill) -> Fault:
    """Kill when the server has done it and the restore has not been told."""
    return Fault(after=kill, lost=True)


def halfway(kill: Kill) -> Fault:
    """Kill when the server has had a part of the body."""
    return Fault(before=kill, cut_request=CUT_BYTES)


def prepare_interrupted(server: Server, name: str) -> None:
    """Leave what a restore leaves that was killed before the server had the last byte."""
    plant_mark(server, name, Phase.SENT, TargetBefore.ABSENT)


def prepare_half_made(server: Server, name: str) -> None:
    """Leave what a killed server leaves: the collection is there, green and empty."""
    plant_mark(server, name, Phase.SENT, TargetBefore.ABSENT)
    server.create(name, vectors={"size": 4, "distance": "Cosine"})


def prepare_removed(server: Server, name: str) -> None:
    """Leave what a replacing restore leaves that was killed when it had just removed the collection."""
    plant_mark(server, name, Phase.SENT, TargetBefore.PRESENT, aliases=(f"{name}-alias",))


INTERRUPTED = TargetSetup("taken over, nothing there", prepare_interrupted)
HALF_MADE = TargetSetup("taken over, half-made", prepare_half_made)
REMOVED = TargetSetup("taken over, removed", prepare_removed, ("--on-existing", "replace"))


@dataclass
class RestoreKiller:
    """Restores one target again and again, killed at another step each time."""

    server: Server
    proxy: RecordingProxy
    store: FilledStore
    new_name: Callable[[str], str]
    scene: TargetSetup

    @property
    def hurried(self) -> bool:
        """True if the run to be killed would wait for a dead one first."""
        return self.scene in {INTERRUPTED, HALF_MADE, REMOVED}

    def start(self, name: str) -> RunningProgram:
        """Start the run to be killed."""
        return RunningProgram(
            name, *self.scene.arguments, url=self.proxy.url, store=self.store.path, hurried=self.hurried
        )

    def count_steps(self) -> int:
        """Run to the end once and return how many steps that takes."""
        with self.start(self.prepare()) as running:
            result = running.wait()
        assert result.status == 0, result.stderr
        return len([seen for seen in self.proxy.seen if not seen.is_beat and (EVERY_REQUEST or not seen.is_read)])

    def prepare(self) -> str:
        """Set the scene under a new name."""
        name = self.new_name("killed")
        self.store.add(name)
        self.scene.prepare(self.server, name)
        self.proxy.reset()
        return name

    def kill_everywhere(self) -> dict[int, End]:
        """Kill before each step, and at 0 after the last; each time run to the end."""
        last = self.count_steps()
        return {0: self.kill_and_finish(last, after)} | {
            place: self.kill_and_finish(place, before) for place in range(1, last + 1)
        }

    def kill_and_finish(self, place: int, way: Callable[[Kill], Fault]) -> End:
        """Kill at one step, then run to the end."""
        name = self.prepare()
        with self.start(name) as running:
            self.proxy.at(place, way(lambda _seen: running.kill()), only_writes=not EVERY_REQUEST)
            return self.finish(name, running.wait().status)

    def finish(self, name: str, killed: int) -> End:
        """Run as a person would run again."""
        report = restore_here(
            name,
            *self.scene.arguments,
            url=self.server.url,
            store=self.store.path,
            key=self.server.key,
            clock=FastClock(40),
        )
        outcome = only(report)
        found = f"{outcome.status}: {outcome.message}" if outcome.status else read_state(self.server, name)
        return killed, found, promise_state(name, aliased=self.scene in {SAME, OTHER, REMOVED})


@pytest.fixture
def killer(  # noqa: PLR0917 - pytest hands them over by name
    target: Server, proxy: RecordingProxy, store: FilledStore, new_name: Callable[[str], str], scene: TargetSetup
) -> RestoreKiller:
    """Return a killer of restores of one target."""
    return RestoreKiller(target, proxy, store, new_name, scene)


@pytest.mark.timeout(900 if EVERY_REQUEST else 120)
@pytest.mark.parametrize("scene", [MISSING, EMPTY, SAME, OTHER], ids=lambda scene: scene.name)
def test_a_restore_killed_at_any_step_is_made_whole_by_the_next_run(killer: RestoreKiller) -> None:
    """SIGKILL at any instant; the next run ends whole and verified, with no marker and no uploaded file left."""
    ends = killer.kill_everywhere()
    print(f"{killer.scene.name}: {len(ends)} kill points")  # noqa: T201 - a figure of the proof
    assert {place: end for place, end in ends.items() if end[0] != KILLED or end[1] != end[2]} == {}
    assert len(ends) > 8


@pytest.mark.timeout(900 if EVERY_REQUEST else 120)
@pytest.mark.parametrize("scene", [INTERRUPTED, HALF_MADE, REMOVED], ids=lambda scene: scene.name)
def test_a_run_that_finishes_a_killed_one_may_be_killed_as_well(killer: RestoreKiller) -> None:
    """A takeover killed at any step leaves what the next takeover can finish (protocol.md, Restore, rule 9)."""
    ends = killer.kill_everywhere()
    print(f"{killer.scene.name}: {len(ends)} kill points")  # noqa: T201 - a figure of the proof
    assert {place: end for place, end in ends.items() if end[0] != KILLED or end[1] != end[2]} == {}
    assert len(ends) > 8


@pytest.mark.parametrize("scene", [MISSING, EMPTY, SAME, OTHER], ids=lambda scene: scene.name)
def test_a_restore_killed_in_the_middle_of_its_upload_is_made_whole_by_the_next_run(killer: RestoreKiller) -> None:
    """The server drops the part of an upload that it has when the sender dies; the next run sends it again."""
    name = killer.prepare()
    with killer.start(name) as running:
        killer.proxy.inject("snapshots/upload", halfway(lambda _seen: running.kill()))
        killed, found, promised = killer.finish(name, running.wait().status)
    assert killed == KILLED
    assert found == promised
