"""`serve` while things go wrong: a job that stalls, signals, kills, a deadline."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from restore.stores.layout import SCHEDULE_FILE
from tests.support.recording_proxy import Fault, RecordingProxy
from tests.support.run_serve import RunningServe
from tests.support.server_under_test import Server

VECTORS = {"size": 4, "distance": "Dot"}
DAILY = {"RESTORE_SCHEDULE_SNAPSHOT": "@daily"}
DOWNLOAD = r"GET /collections/[^/]+/snapshots/.+"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    """Return the path of a store."""
    return tmp_path / "store"


def read_job(store_path: Path) -> dict[str, object]:
    """Return the state of the only job, as the store has it."""
    (job,) = json.loads((store_path / SCHEDULE_FILE).read_bytes())["jobs"]
    return dict(job)


def wait_for_request(proxy: RecordingProxy, pattern: str) -> None:
    """Wait until a request has come."""
    end = time.monotonic() + 20
    while not proxy.find(pattern) and time.monotonic() < end:
        time.sleep(0.02)


def test_a_stalled_job_turns_health_bad_within_the_stated_time(
    store_path: Path, proxy: RecordingProxy, cities: str
) -> None:
    """The download never answers: 503 after --health-timeout; the metrics say so too, and are still answered."""
    proxy.inject(DOWNLOAD, Fault(silent=True))
    limits = {"RESTORE_HEALTH_TIMEOUT": "2s", "RESTORE_STALL_TIMEOUT": "60s"}
    with RunningServe(store_path, proxy.url, {"QDRANT_COLLECTION_NAME": cities, **DAILY, **limits}) as serving:
        wait_for_request(proxy, DOWNLOAD)
        before, begin = serving.ask("/healthz").status, time.monotonic()
        after = serving.wait_for("/healthz", 503)
        took = time.monotonic() - begin
        ready, metrics = serving.ask("/readyz").status, serving.ask("/metrics").text

    assert (before, after.status, ready) == (200, 503, 503)
    assert after.document["running"] == "snapshot"
    assert after.document["problems"][0].startswith("snapshot gave no sign for ")
    assert "qdrant_restore_serve_healthy 0.0" in metrics
    assert 'qdrant_restore_operation_in_progress{command="snapshot"} 1.0' in metrics
    assert 1 < took < 5


@pytest.mark.parametrize("pattern", [r"GET /readyz", r"POST /collections/[^/]+/snapshots", r"GET /telemetry.*"])
def test_a_server_that_stops_answering_turns_health_bad_wherever_the_job_is(
    pattern: str, store_path: Path, proxy: RecordingProxy, cities: str
) -> None:
    """Waiting for it to be ready, for a snapshot to be created, for a look at what it does; good again afterwards."""
    proxy.inject(pattern, Fault(silent=True))
    limits = {"RESTORE_HEALTH_TIMEOUT": "2s", "RESTORE_STALL_TIMEOUT": "8s", "RESTORE_WAIT_TIMEOUT": "8s"}
    with RunningServe(store_path, proxy.url, {"QDRANT_COLLECTION_NAME": cities, **DAILY, **limits}) as serving:
        wait_for_request(proxy, pattern)
        bad = serving.wait_for("/healthz", 503, within=8)
        serving.wait_ended("snapshot", within=60)
        good = serving.wait_for("/healthz", 200).status

    assert (bad.status, bad.document["running"], good) == (503, "snapshot", 200)


def test_a_server_that_shows_that_it_works_keeps_the_job_healthy(store_path: Path, embedded: EmbeddedQdrant) -> None:
    """Creating a large snapshot takes it hours: its gauge of running creations is the job's sign of life."""
    server = Server(embedded.url, snapshots=embedded.snapshots)
    server.create("cities", vectors=VECTORS)
    embedded.misbehave({"fault": "pause", "moment": "creating", "seconds": 5})
    with RunningServe(store_path, embedded.url, {"RESTORE_HEALTH_TIMEOUT": "2s", **DAILY}) as serving:
        embedded.await_moment("creating")
        time.sleep(4)
        page = serving.ask("/healthz")
        output = serving.wait_ended("snapshot")

    assert (page.status, page.document["running"], output["status"]) == (200, "snapshot", 0)


def test_health_comes_back_with_the_work(store_path: Path, proxy: RecordingProxy, cities: str) -> None:
    """The stalled job gives up by its own limit; the worker is at work again, and says what failed."""
    proxy.inject(DOWNLOAD, Fault(silent=True))
    limits = {"RESTORE_HEALTH_TIMEOUT": "1s", "RESTORE_STALL_TIMEOUT": "3s"}
    with RunningServe(store_path, proxy.url, {"QDRANT_COLLECTION_NAME": cities, **DAILY, **limits}) as serving:
        bad = serving.wait_for("/healthz", 503).status
        output = serving.wait_ended("snapshot", within=60)
        healthy, ready = serving.wait_for("/healthz", 200).status, serving.ask("/readyz").status

    assert bad == 503
    assert output["status"] != 0
    assert (healthy, ready) == (200, 503)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_an_idle_serve_within_two_seconds(
    number: signal.Signals, status: int, store_path: Path
) -> None:
    """With the signal's own status."""
    with RunningServe(store_path, NOWHERE, DAILY, missed=False) as serving:
        serving.wait_for("/healthz", 200)
        begin = time.monotonic()
        result = serving.end(number)

    assert result.status == status
    assert time.monotonic() - begin < 2


def test_a_signal_in_the_middle_of_a_job_leaves_nothing_half_made(
    store_path: Path, target: Server, proxy: RecordingProxy, cities: str
) -> None:
    """Neither in the store nor on the server; what was interrupted is remembered as such."""
    proxy.inject(DOWNLOAD, Fault(silent=True))
    with RunningServe(store_path, proxy.url, {"QDRANT_COLLECTION_NAME": cities, **DAILY}) as serving:
        wait_for_request(proxy, DOWNLOAD)
        begin = time.monotonic()
        result = serving.end()
        took = time.monotonic() - begin

    assert result.status == 143
    assert took < 2
    assert sorted(path.name for path in store_path.iterdir() if path.name != ".lock") == [SCHEDULE_FILE, "README.md"]
    assert target.snapshots_of(cities) == []
    assert (read_job(store_path)["ended"], read_job(store_path)["attempts"]) == (None, 1)


def test_a_killed_serve_does_the_run_again_at_its_next_start(
    store_path: Path, target: Server, proxy: RecordingProxy, cities: str
) -> None:
    """Whatever the kill left is cleaned up by the run itself."""
    proxy.inject(DOWNLOAD, Fault(silent=True))
    with RunningServe(store_path, proxy.url, {"QDRANT_COLLECTION_NAME": cities, **DAILY}) as serving:
        wait_for_request(proxy, DOWNLOAD)
        serving.end(signal.SIGKILL)
    with RunningServe(store_path, target.url, {"QDRANT_COLLECTION_NAME": cities, **DAILY}, missed=False) as serving:
        output = serving.wait_ended("snapshot")

    assert output["status"] == 0
    assert len(list(store_path.glob("*.snapshot.json"))) == 1
    assert read_job(store_path)["attempts"] == 2


def test_a_deadline_is_one_of_each_run_and_not_of_the_process(
    store_path: Path, proxy: RecordingProxy, cities: str
) -> None:
    """The run ends with 124, the process goes on and does the next job."""
    proxy.inject(DOWNLOAD, Fault(silent=True))
    variables = {**DAILY, "RESTORE_SCHEDULE_VERIFY": "@daily", "RESTORE_DEADLINE": "1s"}
    with RunningServe(store_path, proxy.url, {"QDRANT_COLLECTION_NAME": cities, **variables}) as serving:
        snapshot, verify = serving.wait_ended("snapshot"), serving.wait_ended("verify")
        # The alarm that would end a slow tidying is off again.
        time.sleep(2.5)
        alive = serving.ask("/healthz").status
        result = serving.end()

    assert (snapshot["status"], verify["status"]) == (124, 0)
    assert (alive, result.status) == (200, 143)


def _break(file: Path) -> None:
    """Leave neither a key nor a mapping of settings in it."""
    file.write_text("\n" if file.name == "key" else "wait_timeout\n")


@pytest.mark.parametrize("broken", ["restore.yaml", "key"])
def test_settings_and_secret_files_are_read_again_before_each_run(
    broken: str, store_path: Path, proxy: RecordingProxy, cities: str
) -> None:
    """What was broken while the first job ran fails the second, with status 2, and not the process."""
    files = {"restore.yaml": store_path.parent / "restore.yaml", "key": store_path.parent / "key"}
    files["restore.yaml"].write_text("wait_timeout: 60s\n")
    files["key"].write_text("first-key\n")
    proxy.inject(DOWNLOAD, Fault(before=lambda _: _break(files[broken])))
    variables = {**DAILY, "RESTORE_SCHEDULE_VERIFY": "@daily", "QDRANT_API_KEY_FILE": str(files["key"])}
    with RunningServe(store_path, proxy.url, {"QDRANT_COLLECTION_NAME": cities, **variables}) as serving:
        snapshot, verify = serving.wait_ended("snapshot"), serving.wait_ended("verify")
        healthy = serving.ask("/healthz").status

    assert (snapshot["status"], verify["status"], healthy) == (0, 2, 200)
