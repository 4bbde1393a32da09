"""A signal, or the deadline, ends a restore within two seconds, and the right things stay (rule 11)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.program import make_environment
from tests.support.recording_proxy import Fault
from tests.support.request_hold import RequestHold
from tests.support.restore_scenario import RestoreScenario
from tests.support.server_under_test import path

UPLOADING = r"POST .*snapshots/upload"
LIMIT_SECONDS = 2.0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize(
    "line",
    ["^GET /readyz$", "^GET /aliases$", "^PUT {mark}$", "^GET {mark}$", r"^GET /telemetry\?details_level=2$"],
    ids=["wait", "examine", "mark", "second look", "before sending"],
)
def test_a_signal_before_the_transfer_leaves_nothing(
    scenario: RestoreScenario, line: str, number: signal.Signals, status: int
) -> None:
    """Status 143 or 130 within two seconds; no marker, no collection, whatever request was under way."""
    scenario.add()
    hold = RequestHold()
    scenario.proxy.inject(line.format(mark=path(scenario.mark)), Fault(after=hold), times=1)
    with scenario.start(scenario.name) as running:
        assert hold.reached.wait(20)
        begin = time.monotonic()
        running.terminate(number)
        run_result = running.wait()
    hold.release.set()
    assert (run_result.status, time.monotonic() - begin < LIMIT_SECONDS) == (status, True)
    assert (scenario.markers, scenario.name in scenario.server.collections()) == ([], False)
    assert f"error: ended by {number.name}" in run_result.stderr


def test_a_signal_while_another_is_waited_for_leaves_the_other_alone(scenario: RestoreScenario) -> None:
    """Waiting for another restore's marker is a step as well."""
    scenario.add()
    mark = scenario.mark
    scenario.server.create(mark, vectors={}, metadata={"phase": "somebody's"})
    with scenario.start(scenario.name) as running:
        wait_until_asked(scenario, f"^GET {path(mark)}$", times=2)
        begin = time.monotonic()
        running.terminate()
        run_result = running.wait()
    assert (run_result.status, time.monotonic() - begin < LIMIT_SECONDS, scenario.markers) == (143, True, [mark])
    assert scenario.proxy.writes == []


@pytest.mark.parametrize("moment", ["on its way", "loading"])
def test_a_signal_during_the_transfer_leaves_the_mark_and_the_next_run_finishes(
    scenario: RestoreScenario, moment: str
) -> None:
    """After the first byte the marker stays, and the message names it (rule 11)."""
    scenario.add("indexed" if moment == "on its way" else "plain")
    hold = RequestHold()
    fault = Fault(before=hold, refused=True) if moment == "on its way" else Fault(after=hold, lost=True)
    scenario.proxy.inject(UPLOADING, fault, times=1)
    with scenario.start(scenario.name) as running:
        assert hold.reached.wait(20)
        begin = time.monotonic()
        running.terminate()
        run_result = running.wait()
    hold.release.set()
    assert (run_result.status, time.monotonic() - begin < LIMIT_SECONDS, scenario.markers) == (
        143,
        True,
        [scenario.mark],
    )
    assert f"its marker '{scenario.mark}' stays, and the next run finishes it" in run_result.stderr
    assert scenario.restore().status == 0
    assert scenario.markers == []


def test_the_deadline_ends_all_of_it(scenario: RestoreScenario) -> None:
    """Rule 11: `--deadline` over all of it: 124 within 2 s after it."""
    scenario.add()
    hold = RequestHold()
    scenario.proxy.inject(UPLOADING, Fault(before=hold, refused=True), times=1)
    with scenario.start(scenario.name, "--deadline", "2") as running:
        assert hold.reached.wait(20)
        run_result = running.wait()
    hold.release.set()
    assert (run_result.status, run_result.took < 2 + LIMIT_SECONDS, scenario.markers) == (124, True, [scenario.mark])
    assert scenario.restore().result == "restored"


def test_a_second_signal_ends_at_once(scenario: RestoreScenario) -> None:
    """A clean-up that hangs is given up; the status stays that of the first signal."""
    scenario.add()
    hold = RequestHold()
    scenario.proxy.inject(r"^GET /telemetry\?details_level=2$", Fault(after=hold), times=1)
    scenario.proxy.inject(f"^DELETE {path(scenario.mark)}$", Fault(silent=True))
    with scenario.start(scenario.name) as running:
        assert hold.reached.wait(20)
        running.terminate()
        wait_until_asked(scenario, f"^DELETE {path(scenario.mark)}$", times=1)
        begin = time.monotonic()
        running.terminate(signal.SIGINT)
        run_result = running.wait()
    hold.release.set()
    assert (run_result.status, time.monotonic() - begin < 1) == (143, True)


def test_tidying_that_hangs_ends_after_two_seconds(scenario: RestoreScenario) -> None:
    """The server does not answer the last request; the process is gone all the same."""
    scenario.add()
    hold = RequestHold()
    scenario.proxy.inject(r"^GET /telemetry\?details_level=2$", Fault(after=hold), times=1)
    scenario.proxy.inject(f"^DELETE {path(scenario.mark)}$", Fault(silent=True))
    with scenario.start(scenario.name) as running:
        assert hold.reached.wait(20)
        begin = time.monotonic()
        running.terminate()
        run_result = running.wait()
    hold.release.set()
    assert (run_result.status, time.monotonic() - begin < LIMIT_SECONDS) == (143, True)


def test_as_pid_1_a_signal_ends_it(scenario: RestoreScenario) -> None:
    """The kernel ignores signals without a handler for PID 1, as in a container without an init."""
    if (
        shutil.which("unshare") is None
        or subprocess.run([*PID_1, "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("this system gives nobody a PID namespace; tests/compose does it in a container")
    scenario.add()
    hold = RequestHold()
    scenario.proxy.inject("^GET /aliases$", Fault(after=hold), times=1)
    environment = make_environment(QDRANT_URL=scenario.proxy.url, RESTORE_STORE=str(scenario.store.path))
    with subprocess.Popen(
        [*PID_1, sys.executable, "-m", "restore", "restore", scenario.name],
        env={**environment, "QDRANT_API_KEY": scenario.server.key},
        cwd=scenario.store.path.parent,
        stderr=subprocess.PIPE,
    ) as unshared:
        assert hold.reached.wait(20)
        (child,) = Path(f"/proc/{unshared.pid}/task/{unshared.pid}/children").read_text().split()
        begin = time.monotonic()
        os.kill(int(child), signal.SIGTERM)
        assert unshared.wait(10) == 143
        assert time.monotonic() - begin < LIMIT_SECONDS
    hold.release.set()


PID_1 = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]


def wait_until_asked(scenario: RestoreScenario, pattern: str, *, times: int) -> None:
    """Wait until the proxy has seen so many requests of a kind."""
    end = time.monotonic() + 20
    while len(scenario.proxy.find(pattern)) < times:
        assert time.monotonic() < end, [seen.line for seen in scenario.proxy.seen]
        time.sleep(0.01)
