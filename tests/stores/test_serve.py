"""`serve` whose store is a bucket: its book, its lock, its metrics, a kill, two of them, and a mirror into it."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from collections.abc import Mapping

import pytest

from restore.stores.layout import SCHEDULE_FILE
from tests.stores.conftest import BucketScenario
from tests.support.recording_proxy import Fault
from tests.support.run_serve import RunningServe, read_events, write_missed
from tests.support.server_under_test import Server

pytestmark = pytest.mark.xdist_group("buckets")

DAILY = {"RESTORE_SCHEDULE_SNAPSHOT": "@daily"}
VECTORS = {"size": 4, "distance": "Dot"}


@pytest.fixture
def server(scenario: BucketScenario) -> Server:
    """Return the place's Qdrant with a collection of 100 points."""
    server = Server(scenario.qdrant)
    server.create("cities", vectors=VECTORS)
    server.upsert("cities", range(1, 101))
    return server


def serve(
    scenario: BucketScenario, variables: Mapping[str, str], *, missed: bool = True, url: str = ""
) -> RunningServe:
    """Start it for the bucket; its jobs were missed."""
    schedules = {name: text for name, text in variables.items() if name.startswith("RESTORE_SCHEDULE_")}
    if missed:
        scenario.harness.write(SCHEDULE_FILE, write_missed(schedules))
    given = {**scenario.server.environment, "RESTORE_STORE": scenario.harness.name, **variables}
    return RunningServe(scenario.root / "here", url or scenario.qdrant, given, missed=False)


def count_snapshots(scenario: BucketScenario) -> int:
    """Count what was published."""
    return len(scenario.harness.open().list_snapshots("cities"))


def read_job(scenario: BucketScenario) -> dict[str, object]:
    """Return the state of the only job, as the bucket has it."""
    (job,) = json.loads(scenario.harness.open().read_document(SCHEDULE_FILE) or b"{}")["jobs"]
    return dict(job)


def test_every_job_runs_with_a_bucket_as_the_store(scenario: BucketScenario, server: Server) -> None:
    """The book lies in the bucket, and the metrics tell what rests there; nothing is written beside the process."""
    jobs = ("snapshot", "prune", "verify", "drill")
    schedules = {f"RESTORE_SCHEDULE_{job.upper()}": "@daily" for job in jobs}
    with serve(scenario, {"RESTORE_KEEP_LAST": "1", **schedules}) as serving:
        output = [serving.wait_ended(job)["status"] for job in jobs]
        metrics = serving.wait_metric('qdrant_restore_seconds_since_proven{collection="cities"}')
        ready = serving.ask("/readyz").status

    assert (output, ready) == ([0, 0, 0, 0], 200)
    assert 'qdrant_restore_latest_snapshot_points{collection="cities"} 100.0' in metrics
    assert 'qdrant_restore_snapshots{collection="cities",state="verified"} 1.0' in metrics
    assert count_snapshots(scenario) == 1
    assert list((scenario.root / "here").iterdir()) == []


def test_a_killed_serve_with_a_bucket_does_the_run_again(scenario: BucketScenario, server: Server) -> None:
    """Kill -9 in the middle of a verification: the next process finds in the bucket what was interrupted."""
    scenario.add()
    scenario.proxy.inject(r"GET /.*\.snapshot($|\?)", Fault(silent=True), times=1)
    with serve(scenario, {"RESTORE_SCHEDULE_VERIFY": "@daily"}) as serving:
        end = time.monotonic() + 30
        while not scenario.proxy.find(r"GET /.*\.snapshot($|\?)") and time.monotonic() < end:
            time.sleep(0.02)
        serving.end(signal.SIGKILL)
    interrupted = read_job(scenario)
    with serve(scenario, {"RESTORE_SCHEDULE_VERIFY": "@daily"}, missed=False) as serving:
        output = serving.wait_ended("verify")

    assert (interrupted["ended"], interrupted["attempts"]) == (None, 1)
    assert (output["status"], read_job(scenario)["attempts"]) == (0, 2)


def test_two_processes_with_one_bucket_run_a_slot_once(scenario: BucketScenario, server: Server) -> None:
    """They start together, and the bucket accepts only one of their claims."""
    with contextlib.ExitStack() as running:
        first = running.enter_context(serve(scenario, DAILY))
        second = running.enter_context(serve(scenario, DAILY, missed=False))
        pages = [one.wait_for("/readyz", 200).status for one in (first, second)]
        end = time.monotonic() + 30
        while not count_snapshots(scenario) and time.monotonic() < end:
            time.sleep(0.1)
        # So long as a second one would take to be begun.
        time.sleep(2.0)
        result = [one.end() for one in (first, second)]
    events = [event["event"] for one in result for event in read_events(one.stderr)]

    assert pages == [200, 200]
    assert (events.count("job.began"), count_snapshots(scenario)) == (1, 1)


def test_a_signal_ends_it_while_the_bucket_does_not_answer(scenario: BucketScenario, server: Server) -> None:
    """Two seconds; nothing is published."""
    with serve(scenario, DAILY) as serving:
        serving.wait_for("/healthz", 200)
        scenario.proxy.inject(".*", Fault(silent=True))
        time.sleep(0.3)
        begin = time.monotonic()
        result = serving.end()
        took = time.monotonic() - begin

    assert result.status == 143
    assert took < 2


def test_a_bucket_that_goes_away_fails_the_job_and_not_the_process(scenario: BucketScenario, server: Server) -> None:
    """What cannot be saved is said; the pages go on telling."""
    with serve(scenario, {"RESTORE_SCHEDULE_VERIFY": "@daily", **DAILY}) as serving:
        serving.wait_ended("verify")
        scenario.proxy.inject(".*", Fault(status=403, body=b"<Error><Code>AccessDenied</Code></Error>"))
        healthy = serving.wait_for("/healthz", 200).status
        metrics = serving.ask("/metrics").text
        result = serving.end()

    assert (healthy, result.status) == (200, 143)
    assert 'qdrant_restore_latest_snapshot_points{collection="cities"} 100.0' in metrics


def test_a_directory_is_mirrored_into_a_bucket_by_schedule(scenario: BucketScenario, server: Server) -> None:
    """From settings alone: what a night's snapshot made is off the machine a moment later."""
    here = scenario.root / "here"
    schedules = {**DAILY, "RESTORE_SCHEDULE_MIRROR": "@daily"}
    given = {**scenario.server.environment, **schedules, "RESTORE_MIRROR_TO": scenario.harness.name}
    with RunningServe(here, scenario.qdrant, given) as serving:
        output = [serving.wait_ended(job)["status"] for job in ("snapshot", "mirror")]
    (snapshot,) = [path for path in here.glob("cities_2*.snapshot") if not path.is_symlink()]

    assert output == [0, 0]
    assert scenario.harness.read(scenario.harness.open()) == snapshot.read_bytes()
    assert scenario.harness.open().list_documents(".set.json") == tuple(path.name for path in here.glob("*.set.json"))
    assert not any(path.name.startswith(".partial") for path in here.iterdir())


def test_a_bucket_that_stops_answering_turns_health_bad(scenario: BucketScenario, server: Server) -> None:
    """In the middle of the upload; the stated time is two seconds."""
    scenario.proxy.inject(r"PUT /.*\.snapshot($|\?)", Fault(silent=True))
    with serve(scenario, {"RESTORE_HEALTH_TIMEOUT": "2s", **DAILY}) as serving:
        page = serving.wait_for("/healthz", 503, within=30)

    assert (page.status, page.document["running"]) == (503, "snapshot")
