"""Runs that wait for each other, and for those who are told: how long is known, and nobody waits for ever."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from restore.monitoring.prometheus import parse_samples
from restore.monitoring.webhook import NotifyError, post
from restore.stores.local.writer import open_writable_local_store
from restore.system.secret import Secret
from tests.support.program import ProgramResult, make_environment, run_program
from tests.support.recording_proxy import Fault, RecordingProxy
from tests.support.run_serve import RunningServe, read_events, receive
from tests.support.server_under_test import Server

DAILY = {"RESTORE_SCHEDULE_SNAPSHOT": "@daily"}
DOWNLOAD = r"GET /collections/[^/]+/snapshots/.+"
HOLD = """
import sys, time
from restore.stores.local.writer import open_writable_local_store
with open_writable_local_store(sys.argv[1]).lock():
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    """Return the path of a store."""
    return tmp_path / "store"


@contextlib.contextmanager
def holding(store_path: Path, seconds: float) -> Iterator[None]:
    """Hold the store's lock in another process for so long."""
    open_writable_local_store(str(store_path))
    command = [sys.executable, "-c", HOLD, str(store_path), str(seconds)]
    with subprocess.Popen(command, env=make_environment(), stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        try:
            yield
        finally:
            holder.kill()


def run(store_path: Path, target: Server, *arguments: str, **environment: str) -> ProgramResult:
    """Run a command that writes metrics."""
    given = {
        "QDRANT_URL": target.url,
        "RESTORE_STORE": str(store_path),
        "RESTORE_METRICS_FILE": str(store_path.parent / "x.prom"),
        "RESTORE_LOG_FORMAT": "json",
    }
    return run_program(*arguments, cwd=store_path.parent, environment={**given, **environment})


def read_wait(text: str) -> dict[str, float]:
    """Return how long the last run of each command waited."""
    return {key.labels[0]: value for key, value in parse_samples(text).items() if key.name == "lock_wait_seconds"}


@pytest.mark.parametrize("command", ["snapshot", "prune", "mirror"])
def test_a_run_that_waits_for_the_lock_says_so_and_how_long(
    command: str, store_path: Path, target: Server, cities: str
) -> None:
    """The metric, the log while it waits, and the report."""
    run(store_path, target, "snapshot", cities)
    locked = store_path if command != "mirror" else store_path.parent / "away"
    with holding(locked, 2.0):
        result = run(store_path, target, command, "--json", RESTORE_MIRROR_TO=str(locked))
    waits = read_wait((store_path.parent / "x.prom").read_text())
    events = [event["store"] for event in read_events(result.stderr) if event["event"] == "store.waiting_for_another"]

    assert result.status == 0, result.stderr
    assert events == [str(locked)]
    assert 0.3 < waits[command] < 10
    assert json.loads(result.stdout)["lock_wait_seconds"] == waits[command]


def test_a_run_that_had_not_to_wait_says_zero(store_path: Path, target: Server, cities: str) -> None:
    """And ends what an alert on waiting has begun."""
    run(store_path, target, "snapshot", cities)

    assert read_wait((store_path.parent / "x.prom").read_text()) == {"snapshot": 0}


def test_a_run_that_gives_up_waiting_says_how_long_it_did(store_path: Path, target: Server, cities: str) -> None:
    """Status 11, after `--lock-timeout`."""
    with holding(store_path, 30.0):
        result = run(store_path, target, "snapshot", cities, "--lock-timeout", "1s")

    assert result.status == 11
    assert read_wait((store_path.parent / "x.prom").read_text()) == {"snapshot": 1}


def test_a_restore_that_waits_for_another_one_says_how_long(
    store_path: Path, target: Server, proxy: RecordingProxy, cities: str
) -> None:
    """The marker on the server is a lock as well."""
    run(store_path, target, "snapshot", cities)
    target.forget(cities)
    proxy.inject(r"(PUT|POST) /collections/[^/]+/snapshots/(upload|recover).*", Fault(delay=2.0))
    environment = make_environment(QDRANT_URL=proxy.url, RESTORE_STORE=str(store_path))
    command = [sys.executable, "-m", "restore", "restore", cities]
    with subprocess.Popen(command, env=environment, cwd=store_path.parent, stderr=subprocess.PIPE) as first:
        end = time.monotonic() + 20
        while not proxy.find(r"(PUT|POST) /collections/[^/]+/snapshots/.*") and time.monotonic() < end:
            time.sleep(0.02)
        second = run(store_path, target, "restore", cities)
        first.communicate(timeout=60)

    assert (first.returncode, second.status) == (0, 0), second.stderr
    assert 0.5 < read_wait((store_path.parent / "x.prom").read_text())["restore"] < 30


def test_serve_that_waits_for_a_lock_is_alive_and_tells_how_long(
    store_path: Path, target: Server, cities: str
) -> None:
    """Restarting it would not end the other run. The metric is there when the job has ended."""
    limits = {"RESTORE_HEALTH_TIMEOUT": "12s"}
    with (
        holding(store_path, 3.0),
        RunningServe(store_path, target.url, {"QDRANT_COLLECTION_NAME": cities, **DAILY, **limits}) as serving,
    ):
        output = serving.wait_ended("snapshot")
        waits = read_wait(serving.ask("/metrics").text)

    assert output["status"] == 0
    assert 0.3 < waits["snapshot"] < 10


# --- telling ----------------------------------------------------------------------------------------------------


def test_one_who_answers_without_end_is_not_waited_for() -> None:
    """A byte now and then keeps every limit on silence from being reached: the whole has one."""
    with receive() as receiver:
        receiver.hangs = True
        begin = time.monotonic()
        with pytest.raises(NotifyError) as caught:
            post(Secret(f"{receiver.url}/secret"), b"", "text/plain", timeout_seconds=1.0)
        took = time.monotonic() - begin

    assert str(caught.value) == "127.0.0.1: no answer within 1 s"
    assert 0.9 < took < 2.5


def test_a_webhook_that_hangs_delays_a_run_by_its_limit_and_changes_nothing(
    store_path: Path, target: Server, cities: str
) -> None:
    """Ten seconds, not for ever; the snapshot is made and the status is 0."""
    with receive() as receiver:
        receiver.hangs = True
        begin = time.monotonic()
        result = run(store_path, target, "snapshot", cities, RESTORE_NOTIFY_WEBHOOK=f"{receiver.url}/hook")
        took = time.monotonic() - begin
    failures = [event["reason"] for event in read_events(result.stderr) if event["event"] == "notify.failed"]

    assert result.status == 0
    assert failures == ["127.0.0.1: no answer within 10 s"]
    assert took < 20


def test_a_signal_is_not_held_up_by_those_who_are_told(
    store_path: Path, target: Server, proxy: RecordingProxy, cities: str
) -> None:
    """SIGTERM in the middle of a run whose webhook and check hang: gone within two seconds, the metrics written."""
    proxy.inject(DOWNLOAD, Fault(silent=True))
    file = store_path.parent / "x.prom"
    with receive() as receiver:
        environment = make_environment(
            QDRANT_URL=proxy.url,
            RESTORE_STORE=str(store_path),
            RESTORE_METRICS_FILE=str(file),
            RESTORE_NOTIFY_WEBHOOK=f"{receiver.url}/hook",
            RESTORE_NOTIFY_HEALTHCHECKS=f"{receiver.url}/check",
        )
        command = [sys.executable, "-m", "restore", "snapshot", cities]
        with subprocess.Popen(command, env=environment, cwd=store_path.parent, stderr=subprocess.PIPE) as running:
            end = time.monotonic() + 20
            while not proxy.find(DOWNLOAD) and time.monotonic() < end:
                time.sleep(0.02)
            receiver.hangs = True
            begin = time.monotonic()
            running.send_signal(signal.SIGTERM)
            running.communicate(timeout=20)
            took = time.monotonic() - begin

    assert running.returncode == 143
    assert took < 2
    assert 'qdrant_restore_run_last_status{command="snapshot"} 0.0' in file.read_text()
    assert [path.partition("?")[0] for path, _ in receiver.came] == ["/check/start", "/hook", "/check/fail"]
