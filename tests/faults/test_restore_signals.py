"""A signal, or the deadline, ends a restore within two seconds, and the right things stay (rule 11)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.support.program import make_environment
from tests.support.recording_proxy import Fault, Seen
from tests.support.restore_environment import Ground
from tests.support.server_under_test import path

UPLOADING = r"POST .*snapshots/upload"
LIMIT_SECONDS = 2.0


class Hold:
    """Holds a request for as long as a test likes."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.released = threading.Event()

    def __call__(self, _seen: Seen) -> None:
        """Say that it came, and wait."""
        self.reached.set()
        self.released.wait(30)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize(
    "line",
    ["^GET /readyz$", "^GET /aliases$", "^PUT {mark}$", "^GET {mark}$", r"^GET /telemetry\?details_level=2$"],
    ids=["wait", "examine", "mark", "second look", "before sending"],
)
def test_a_signal_before_the_transfer_leaves_nothing(
    ground: Ground, line: str, number: signal.Signals, status: int
) -> None:
    """Status 143 or 130 within two seconds; no marker, no collection, whatever request was under way."""
    ground.add()
    hold = Hold()
    ground.proxy.inject(line.format(mark=path(ground.mark)), Fault(after=hold), times=1)
    with ground.start(ground.name) as running:
        assert hold.reached.wait(20)
        begin = time.monotonic()
        running.terminate(number)
        ended = running.wait()
    hold.released.set()
    assert (ended.status, time.monotonic() - begin < LIMIT_SECONDS) == (status, True)
    assert (ground.markers, ground.name in ground.server.collections()) == ([], False)
    assert f"error: ended by {number.name}" in ended.stderr


def test_a_signal_while_another_is_waited_for_leaves_the_other_alone(ground: Ground) -> None:
    """Waiting for another restore's marker is a step as well."""
    ground.add()
    mark = ground.mark
    ground.server.create(mark, vectors={}, metadata={"phase": "somebody's"})
    with ground.start(ground.name) as running:
        wait_until_asked(ground, f"^GET {path(mark)}$", times=2)
        begin = time.monotonic()
        running.terminate()
        ended = running.wait()
    assert (ended.status, time.monotonic() - begin < LIMIT_SECONDS, ground.markers) == (143, True, [mark])
    assert ground.proxy.writes == []


@pytest.mark.parametrize("moment", ["on its way", "loading"])
def test_a_signal_during_the_transfer_leaves_the_mark_and_the_next_run_finishes(ground: Ground, moment: str) -> None:
    """After the first byte the marker stays, and the message names it (rule 11)."""
    ground.add("indexed" if moment == "on its way" else "plain")
    hold = Hold()
    fault = Fault(before=hold, refused=True) if moment == "on its way" else Fault(after=hold, lost=True)
    ground.proxy.inject(UPLOADING, fault, times=1)
    with ground.start(ground.name) as running:
        assert hold.reached.wait(20)
        begin = time.monotonic()
        running.terminate()
        ended = running.wait()
    hold.released.set()
    assert (ended.status, time.monotonic() - begin < LIMIT_SECONDS, ground.markers) == (143, True, [ground.mark])
    assert f"its mark '{ground.mark}' stays, and the next run finishes it" in ended.stderr
    assert ground.restore().status == 0
    assert ground.markers == []


def test_the_deadline_ends_all_of_it(ground: Ground) -> None:
    """Rule 11: `--deadline` over all of it: 124 within 2 s after it."""
    ground.add()
    hold = Hold()
    ground.proxy.inject(UPLOADING, Fault(before=hold, refused=True), times=1)
    with ground.start(ground.name, "--deadline", "2") as running:
        assert hold.reached.wait(20)
        ended = running.wait()
    hold.released.set()
    assert (ended.status, ended.took < 2 + LIMIT_SECONDS, ground.markers) == (124, True, [ground.mark])
    assert ground.restore().result == "restored"


def test_a_second_signal_ends_at_once(ground: Ground) -> None:
    """A clean-up that hangs is given up; the status stays that of the first signal."""
    ground.add()
    hold = Hold()
    ground.proxy.inject(r"^GET /telemetry\?details_level=2$", Fault(after=hold), times=1)
    ground.proxy.inject(f"^DELETE {path(ground.mark)}$", Fault(silent=True))
    with ground.start(ground.name) as running:
        assert hold.reached.wait(20)
        running.terminate()
        wait_until_asked(ground, f"^DELETE {path(ground.mark)}$", times=1)
        begin = time.monotonic()
        running.terminate(signal.SIGINT)
        ended = running.wait()
    hold.released.set()
    assert (ended.status, time.monotonic() - begin < 1) == (143, True)


def test_tidying_that_hangs_ends_after_two_seconds(ground: Ground) -> None:
    """The server does not answer the last request; the process is gone all the same."""
    ground.add()
    hold = Hold()
    ground.proxy.inject(r"^GET /telemetry\?details_level=2$", Fault(after=hold), times=1)
    ground.proxy.inject(f"^DELETE {path(ground.mark)}$", Fault(silent=True))
    with ground.start(ground.name) as running:
        assert hold.reached.wait(20)
        begin = time.monotonic()
        running.terminate()
        ended = running.wait()
    hold.released.set()
    assert (ended.status, time.monotonic() - begin < LIMIT_SECONDS) == (143, True)


def test_as_pid_1_a_signal_ends_it(ground: Ground) -> None:
    """The kernel ignores signals without a handler for PID 1, as in a container without an init."""
    if (
        shutil.which("unshare") is None
        or subprocess.run([*PID_1, "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("this system gives nobody a PID namespace; tests/compose does it in a container")
    ground.add()
    hold = Hold()
    ground.proxy.inject("^GET /aliases$", Fault(after=hold), times=1)
    environment = make_environment(QDRANT_URL=ground.proxy.url, RESTORE_STORE=str(ground.store.path))
    with subprocess.Popen(
        [*PID_1, sys.executable, "-m", "restore", "restore", ground.name],
        env={**environment, "QDRANT_API_KEY": ground.server.key},
        cwd=ground.store.path.parent,
        stderr=subprocess.PIPE,
    ) as unshared:
        assert hold.reached.wait(20)
        (child,) = Path(f"/proc/{unshared.pid}/task/{unshared.pid}/children").read_text().split()
        begin = time.monotonic()
        os.kill(int(child), signal.SIGTERM)
        assert unshared.wait(10) == 143
        assert time.monotonic() - begin < LIMIT_SECONDS
    hold.released.set()


PID_1 = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]


def wait_until_asked(ground: Ground, pattern: str, *, times: int) -> None:
    """Wait until the proxy has seen so many requests of a kind."""
    end = time.monotonic() + 20
    while len(ground.proxy.find(pattern)) < times:
        assert time.monotonic() < end, [seen.line for seen in ground.proxy.seen]
        time.sleep(0.01)
