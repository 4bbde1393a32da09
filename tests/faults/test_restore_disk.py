"""Ten restores that fail leave no more on the server's disk, or on ours, than one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.recording_proxy import Fault
from tests.support.restore_scenario import RestoreScenario
from tests.support.targets import EMPTY, MISSING, OTHER, TargetSetup

UPLOADING = r"POST .*snapshots/upload"
FAILED = b'{"status":{"error":"Service internal error: it could not be unpacked"},"time":0.0}'


def refuse(scenario: RestoreScenario) -> None:
    """Let the server have the file and recover nothing."""
    scenario.proxy.inject(
        UPLOADING, Fault(after=lambda _: scenario.server.drop(scenario.name), rewrite=lambda _: FAILED, answered=500)
    )


def lose(scenario: RestoreScenario) -> None:
    """Let every upload break off."""
    scenario.proxy.inject(UPLOADING, Fault(cut_request=200_000))


def promise_too_much(scenario: RestoreScenario) -> None:
    """Let the comparison fail."""
    scenario.add(points=44)


def promise_another_checksum(scenario: RestoreScenario) -> None:
    """Let the server find another checksum."""
    scenario.add(sha256="0" * 64)


@pytest.mark.parametrize(
    ("scene", "spoil"),
    [
        (MISSING, refuse),
        (MISSING, lose),
        (MISSING, promise_too_much),
        (MISSING, promise_another_checksum),
        (EMPTY, refuse),
        (OTHER, lose),
    ],
    ids=lambda one: one.name if isinstance(one, TargetSetup) else one.__name__,
)
def test_ten_failing_restores_leave_no_more_than_one(
    own_scenario: RestoreScenario, scene: TargetSetup, spoil: Callable[[RestoreScenario], None]
) -> None:
    """The same collections, markers and files on the server, and nothing in the store."""
    own_scenario.add()
    scene.prepare(own_scenario.server, own_scenario.name)
    spoil(own_scenario)
    stored = own_scenario.store.files()
    left = [leave(own_scenario, scene.arguments) for _ in range(10)]
    assert [status for status, *_ in left] == [left[0][0]] * 10
    assert left[0][0] != 0
    assert left[9][1:] == left[1][1:]
    assert len(left[9][1]) <= len(left[0][1])
    assert left[9][2] == left[0][2]
    assert own_scenario.store.files() == stored


def leave(scenario: RestoreScenario, arguments: tuple[str, ...]) -> tuple[int, list[str], dict[str, int]]:
    """Run once and return the status, and the collections and files that the server has afterwards."""
    outcome = scenario.restore(*arguments)
    names = ["a mark" if name.startswith(".restoring-") else name for name in scenario.server.collections()]
    return outcome.status, names, scenario.server.files()
