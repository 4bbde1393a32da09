"""A drill ended at any step leaves nothing on the server, or what the next drill knows for a dead one's rest."""

from __future__ import annotations

import contextlib
import hashlib
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from qdrant_embedded.process import EmbeddedQdrant
from restore.qdrant.client import connect
from restore.qdrant.collection_names import name_marker, name_temporary, name_upload
from restore.recovery.marker.model import Marker, Phase, SentTransfer, TargetBefore
from restore.recovery.marker.place import OwnMarker, place_marker
from restore.snapshots.manifest import read_manifest, write_manifest
from tests.support.fast_clock import FastClock
from tests.support.markers import DEAD, plant_mark
from tests.support.recording_proxy import Fault, RecordedRequest
from tests.support.restore_scenario import RestoreScenario
from tests.support.run_drill import drill_here, only
from tests.support.run_restore import RunningProgram, TimedResult
from tests.support.sample_stores import describe
from tests.support.server_under_test import Server

KILLED = -9
LIMIT_SECONDS = 2.0
CUT_BYTES = 100_000
PADDED_BYTES = 32 << 20
SCRATCH = name_temporary("cities", "d" * 32)
UPLOADING = r"POST .*snapshots/upload"


class ServerContents(NamedTuple):
    """Everything on a server that a drill could leave behind."""

    collections: list[str]
    aliases: dict[str, str]
    files: dict[str, int]


def read_standing(server: Server) -> ServerContents:
    """Read it; the live collection must be what it was, so its points are counted in the name."""
    names = [f"{name}: {server.count(name)}" for name in sorted(server.collections())]
    return ServerContents(names, server.aliases(), server.files())


@dataclass
class DrillScenario:
    """A server of this test's own with a live collection `cities`, and a store with its snapshot."""

    setup: RestoreScenario

    def start(self) -> RunningProgram:
        """Start a drill as people do."""
        self.setup.proxy.reset()
        return RunningProgram(url=self.setup.proxy.url, store=self.setup.store.path, command="drill")

    def read(self) -> ServerContents:
        """Read what stands on the server."""
        return read_standing(self.setup.server)

    def drill_again(self) -> tuple[int, int]:
        """Drill once more, in a hurry and return its status and how many dead ones it removed the rest of."""
        report = drill_here(url=self.setup.server.url, store=self.setup.store.path, clock=FastClock(40))
        return report.status, len(report.removed)

    def count_steps(self) -> int:
        """Drill to the end once and return how many requests that changed something it took."""
        with self.start() as running:
            result = running.wait()
        assert result.status == 0, result.stderr
        return len(self.setup.proxy.writes)

    def end_at(self, place: int, fault: Fault, number: signal.Signals) -> TimedResult:
        """Drill and send a signal at one step: with the request on its way, or done and not yet answered."""
        with self.start() as running:

            def end(_request: RecordedRequest) -> None:
                running.terminate(number)

            hooked = replace(fault, after=end) if fault.lost else replace(fault, before=end)
            self.setup.proxy.at(place, hooked, only_writes=True)
            return running.wait()


@pytest.fixture
def scenario(own_scenario: RestoreScenario) -> DrillScenario:
    """Return a drill scenario."""
    own_scenario.add()
    own_scenario.server.create("cities", vectors={"size": 4, "distance": "Dot"})
    own_scenario.server.upsert("cities", range(5))
    own_scenario.server.alias("towns", "cities")
    return DrillScenario(own_scenario)


@pytest.mark.timeout(180)
def test_a_drill_killed_at_any_step_is_cleared_away_by_the_next_one(scenario: DrillScenario) -> None:
    """SIGKILL at each step; the next drill leaves everything on the server as it was before the first."""
    before = scenario.read()
    steps = scenario.count_steps()
    ends = {}
    for place in range(1, steps + 1):
        result = scenario.end_at(place, Fault(refused=True), signal.SIGKILL)
        ends[place] = (result.status, scenario.drill_again()[0], scenario.read())
    print(f"killed: {steps} steps")  # noqa: T201 - how far it went
    assert {place: end for place, end in ends.items() if end != (KILLED, 0, before)} == {}
    assert steps > 5


@pytest.mark.timeout(180)
@pytest.mark.parametrize("way", [Fault(refused=True), Fault(lost=True)], ids=["on its way", "done"])
def test_a_drill_that_is_interrupted_at_any_step_drops_everything_at_once(
    scenario: DrillScenario, way: Fault
) -> None:
    """SIGINT at each step; nothing is left, or the message says so and the next drill removes it."""
    before = scenario.read()
    steps = scenario.count_steps()
    ends, left = {}, []
    for place in range(1, steps + 1):
        result = scenario.end_at(place, way, signal.SIGINT)
        if scenario.read() != before:
            left.append(place)
            assert "the next drill removes" in result.stderr, result.stderr
        ends[place] = (result.status, scenario.drill_again()[0], scenario.read())
    print(f"interrupted: {steps} steps, something left at {left}")  # noqa: T201 - how far it went
    assert {place: end for place, end in ends.items() if end[0] not in {0, 130} or end[1:] != (0, before)} == {}
    assert len(left) < steps / 2


def pad(file: Path) -> None:
    """Make a snapshot larger than what sockets hold, with what stands behind the end of every tar archive."""
    with file.open("ab") as opened:
        opened.truncate(PADDED_BYTES)
    beside = file.with_name(f"{file.name}.json")
    manifest = read_manifest(beside.read_bytes(), where=beside.name)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    beside.write_bytes(write_manifest(msgspec.structs.replace(manifest, size=PADDED_BYTES, sha256=sha256)))


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_in_the_middle_of_the_upload_leaves_nothing(
    scenario: DrillScenario, number: signal.Signals, status: int
) -> None:
    """The server drops the received part of an upload when the connection ends."""
    pad(scenario.setup.add())
    before = scenario.read()
    with scenario.start() as running:
        scenario.setup.proxy.inject(
            UPLOADING, Fault(before=lambda _seen: running.terminate(number), cut_request=CUT_BYTES)
        )
        result = running.wait()
    assert (result.status, scenario.read()) == (status, before)


def test_a_signal_after_the_server_had_everything_drops_what_it_made_of_it(scenario: DrillScenario) -> None:
    """No answer says that the upload is done; the collection and the server's gauge do."""
    before = scenario.read()
    with scenario.start() as running:
        scenario.setup.proxy.inject(
            UPLOADING, Fault(after=lambda _seen: running.terminate(signal.SIGINT), silent=True)
        )
        result = running.wait()
    assert (result.status, result.took < 20, scenario.read()) == (130, True, before)


def test_a_signal_while_the_server_is_loading_leaves_it_to_the_next_drill(
    scenario: DrillScenario, embedded: EmbeddedQdrant
) -> None:
    """A server cannot be told to stop, and two seconds are too short: it is reported, the next drill cleans up."""
    before = scenario.read()
    embedded.misbehave({"fault": "pause", "moment": "before-create", "seconds": 4})
    with scenario.start() as running:
        embedded.await_moment("before-create", 30)
        begin = time.monotonic()
        running.terminate(signal.SIGINT)
        result = running.wait()
    took = time.monotonic() - begin
    loading = scenario.read()
    embedded.misbehave()
    again = scenario.drill_again()
    assert (result.status, took < LIMIT_SECONDS, loading != before) == (130, True, True)
    assert "(the server is still loading it); the next drill removes them" in result.stderr
    assert (again, scenario.read()) == ((0, 1), before)


@pytest.mark.parametrize(
    ("line", "fault", "status"),
    [
        (UPLOADING, Fault(status=500), 17),
        (UPLOADING, Fault(status=413), 17),
        (r"POST .*/points/count", Fault(status=403, body=b'{"status":{"error":"Forbidden: Access denied"}}'), 12),
        (r"POST .*/points$", Fault(raw=b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"), 17),
    ],
    ids=["refused", "too large for a proxy", "key refused while comparing", "nonsense while comparing"],
)
def test_a_drill_that_fails_drops_everything(scenario: DrillScenario, line: str, fault: Fault, status: int) -> None:
    """Whatever the server answers, the status is that of the failure and nothing is left."""
    before = scenario.read()
    scenario.setup.proxy.inject(line, fault)
    outcome = only(drill_here(url=scenario.setup.proxy.url, store=scenario.setup.store.path))
    assert (outcome.status, outcome.left, scenario.read()) == (status, "", before)


def test_a_lost_answer_is_no_failure(scenario: DrillScenario) -> None:
    """The server went on by itself: what it made is compared, and goes."""
    before = scenario.read()
    scenario.setup.proxy.inject(UPLOADING, Fault(lost=True), times=1)
    outcome = only(drill_here(url=scenario.setup.proxy.url, store=scenario.setup.store.path))
    assert (outcome.status, outcome.points, len(scenario.setup.proxy.find(UPLOADING)), scenario.read()) == (
        0,
        43,
        1,
        before,
    )


def test_an_upload_that_was_cut_is_sent_again_once(scenario: DrillScenario) -> None:
    """And a second loss is the end of it, with nothing left."""
    before = scenario.read()
    scenario.setup.proxy.inject(UPLOADING, Fault(cut_request=CUT_BYTES), times=1)
    once = only(drill_here(url=scenario.setup.proxy.url, store=scenario.setup.store.path))
    scenario.setup.proxy.inject(UPLOADING, Fault(cut_request=CUT_BYTES))
    twice = only(drill_here(url=scenario.setup.proxy.url, store=scenario.setup.store.path))
    assert (once.status, twice.status, twice.left, scenario.read()) == (0, 17, "", before)
    assert twice.message.startswith("the connection was lost twice")


def test_what_cannot_be_dropped_is_said_and_goes_with_the_next_drill(scenario: DrillScenario) -> None:
    """A server that refuses the deletion: the marker stays, so that it is known to be a drill's."""
    before = scenario.read()
    scenario.setup.proxy.inject(r"DELETE /collections/.drill-[0-9a-f]+$", Fault(status=500))
    outcome = only(drill_here(url=scenario.setup.proxy.url, store=scenario.setup.store.path))
    assert outcome.status == 0
    assert outcome.left.startswith(f"the temporary collection '{outcome.scratch}' and its marker (")
    assert (scenario.drill_again(), scenario.read()) == ((0, 1), before)


def test_only_what_a_dead_drill_marked_is_removed(scenario: DrillScenario) -> None:
    """Neither a temporary name without a marker, nor a dead restore's collection, nor a foreign marker."""
    server = scenario.setup.server
    server.create(SCRATCH, vectors={"size": 4, "distance": "Dot"})
    server.upsert(SCRATCH, range(3))
    server.create("towns-2", vectors={"size": 4, "distance": "Dot"})
    plant_mark(server, "towns-2", Phase.SENT, TargetBefore.ABSENT)
    server.create(".restoring-0123456789abcdef-1", vectors={}, metadata={"collection": SCRATCH})
    before = scenario.read()
    assert (scenario.drill_again(), scenario.read()) == ((0, 0), before)


def test_a_mark_of_another_name_says_nothing_about_a_scratch_collection(scenario: DrillScenario) -> None:
    """Only the marker that is named after a temporary collection may condemn it."""
    server = scenario.setup.server
    planted = plant_mark(server, SCRATCH, Phase.SENT, TargetBefore.ABSENT)
    metadata, name = server.metadata(planted), name_marker("towns-2", 1)
    server.drop(planted)
    server.create(name, vectors={}, metadata=metadata)
    server.create(SCRATCH, vectors={"size": 4, "distance": "Dot"})
    before = scenario.read()
    assert (scenario.drill_again(), scenario.read(), name in server.collections()) == ((0, 0), before, True)


@contextlib.contextmanager
def living_drill(server: Server) -> Iterator[None]:
    """Hold a drill's marker whose holder lives, with its temporary collection."""
    promised = describe("plain", "cities")
    mark = Marker(
        collection=SCRATCH,
        token="e" * 32,
        holder=DEAD,
        since="2026-11-20T12:00:00+00:00",
        snapshot="cities_20261120_120000.snapshot",
        sha256=promised.sha256,
        size=promised.size,
        was=TargetBefore.ABSENT,
        phase=Phase.SENT,
        sent=SentTransfer("upload", promised.size, 0.0, name_upload(SCRATCH)),
    )
    qdrant = connect(server.url, "")
    held = place_marker(qdrant, mark, 1, makes=1)
    assert isinstance(held, OwnMarker)
    server.create(SCRATCH, vectors={"size": 4, "distance": "Dot"})
    try:
        yield
    finally:
        held.stop()
        qdrant.close()


def test_a_living_drills_scratch_collection_is_left_to_it(scenario: DrillScenario) -> None:
    """Its marker's heartbeat goes on, so it is not taken for dead; this test takes ten seconds of real time."""
    with living_drill(scenario.setup.server):
        before = scenario.read()
        # At four times the speed ten seconds still see a beat that comes every two.
        report = drill_here(url=scenario.setup.server.url, store=scenario.setup.store.path, clock=FastClock(4))
        after = scenario.read()
    assert (report.status, report.removed, after) == (0, (), before)


def test_two_drills_at_once_do_not_meet(scenario: DrillScenario) -> None:
    """Each has a name of its own; the one does not take the other for dead."""
    before = scenario.read()
    statuses: list[int] = []

    def drill() -> None:
        report = drill_here(url=scenario.setup.server.url, store=scenario.setup.store.path, clock=FastClock(2))
        statuses.append(report.status)

    workers = [threading.Thread(target=drill) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert (statuses, scenario.read()) == ([0, 0], before)


def test_a_mark_made_by_a_drill_is_dead_only_when_it_beats_no_more(scenario: DrillScenario) -> None:
    """The rest of a killed drill, planted: marker, collection and uploaded file go, and the report names it."""
    server = scenario.setup.server
    before = scenario.read()
    plant_mark(server, SCRATCH, Phase.SENT, TargetBefore.ABSENT)
    server.create(SCRATCH, vectors={"size": 4, "distance": "Dot"})
    report = drill_here(url=server.url, store=scenario.setup.store.path, clock=FastClock(40))
    assert (report.status, report.removed, scenario.read()) == (0, (SCRATCH,), before)
