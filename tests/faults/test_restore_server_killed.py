"""The server dies while it recovers: the next run makes whole whatever it left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from tests.support.open_server import BinaryQdrant, has_binary
from tests.support.recording_proxy import RecordingProxy
from tests.support.restore_scenario import RestoreScenario
from tests.support.sample_stores import FilledStore
from tests.support.server_under_test import Server
from tests.support.targets import EMPTY, MISSING, OTHER, SAME, TargetSetup

MOMENTS = ("received", "unpacking", "after-create", "while-moving", "after-move")
EXISTING = ("received", "unpacking", "while-moving", "after-move")
"""A collection that is there is not created."""


@pytest.mark.parametrize(
    ("scene", "moment"),
    [
        *((MISSING, moment) for moment in MOMENTS),
        *((EMPTY, moment) for moment in EXISTING),
        *((SAME, moment) for moment in EXISTING),
        *((OTHER, moment) for moment in MOMENTS),
    ],
    ids=lambda one: one.name if isinstance(one, TargetSetup) else one,
)
def test_a_server_killed_at_any_moment_of_a_recover_is_whole_after_the_next_run(
    embedded: EmbeddedQdrant, own_scenario: RestoreScenario, moment: str, scene: TargetSetup
) -> None:
    """A green empty collection, "Dirty shard", or nothing at all: the marker tells that a restore left it."""
    own_scenario.add()
    scene.prepare(own_scenario.server, own_scenario.name)
    embedded.misbehave({"fault": "die", "moment": moment})
    with own_scenario.start(own_scenario.name, *scene.arguments) as running:
        assert embedded.wait() == -9
        running.kill()
    embedded.start()
    assert own_scenario.restore(*scene.arguments).status == 0
    assert own_scenario.state == own_scenario.promise(aliased=scene in {SAME, OTHER})


def test_a_server_that_stays_away_is_told_with_the_mark_that_stays(
    embedded: EmbeddedQdrant, own_scenario: RestoreScenario
) -> None:
    """Rules 8 and 11: the connection was lost and nobody answers; 17 or 124, and the next run finishes."""
    own_scenario.add()
    embedded.misbehave({"fault": "die", "moment": "while-moving"})
    outcome = own_scenario.restore("--stall-timeout", "20")
    assert outcome.status == 17
    assert f"its marker '{own_scenario.mark}' stays, and the next run finishes it" in outcome.message
    embedded.start()
    assert own_scenario.restore().status == 0
    assert own_scenario.state == own_scenario.promise()


def test_a_server_that_restarts_while_it_recovers_is_waited_for(
    embedded: EmbeddedQdrant, own_scenario: RestoreScenario
) -> None:
    """Rule 5: compose restarts it at once; the same run finds out what became of it and sends again."""
    own_scenario.add()
    embedded.misbehave({"fault": "die", "moment": "while-moving"})

    with own_scenario.start(own_scenario.name) as running:
        embedded.wait()
        embedded.start()
        result = running.wait()
    assert (result.status, result.outcome["result"]) == (0, "restored")
    assert own_scenario.state == own_scenario.promise()


@pytest.fixture
def binary(tmp_path: Path) -> Iterator[BinaryQdrant]:
    """Yield a real server of this test's own, where `QDRANT_BINARY` names one."""
    if not has_binary():
        pytest.skip("QDRANT_BINARY names no Qdrant; the embedded one was killed at each moment by name")
    server = BinaryQdrant(tmp_path / "binary")
    server.start()
    yield server
    server.stop()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scene", [MISSING, EMPTY, SAME, OTHER], ids=lambda scene: scene.name)
def test_a_real_server_killed_during_a_recover_is_whole_after_the_next_run(
    binary: BinaryQdrant, store: FilledStore, scene: TargetSetup
) -> None:
    """Killed at twelve different moments, some milliseconds after it was sent the snapshot."""
    server = Server(binary.url, snapshots=binary.snapshots)
    ends = {}
    for number, milliseconds in enumerate((0, 2, 5, 10, 15, 20, 30, 40, 50, 60, 80, 120)):
        name = f"cities-{number}"
        store.add(name)
        scene.prepare(server, name)
        with RecordingProxy(binary.url) as proxy:
            scenario = RestoreScenario(server, proxy, store, name)
            with scenario.start(name, *scene.arguments, hurried=True) as running:
                wait_for_sending(proxy)
                time.sleep(milliseconds / 1000)
                binary.kill()
                binary.start()
                running.kill()
                running.wait()
            again = scenario.restore(*scene.arguments)
        ends[milliseconds] = (again.status, scenario.state == scenario.promise(aliased=scene in {SAME, OTHER}))
    assert ends == dict.fromkeys(ends, (0, True))


def wait_for_sending(proxy: RecordingProxy) -> None:
    """Wait until the upload is on its way."""
    end = time.monotonic() + 30
    while not proxy.find("snapshots/upload"):
        assert time.monotonic() < end
        time.sleep(0.001)
