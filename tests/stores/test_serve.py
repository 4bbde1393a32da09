"""`serve` whose store is a bucket: its book, its lock, its metrics, a kill, two of them, and a mirror into it."""

from __future__ import annotations

import contextlib
import json
import signal
import time

import pytest

from restore.stores.layout import SCHEDULE_FILE
from tests.stores.conftest import Place
from tests.support.recording_proxy import Fault
from tests.support.run_serve import Serving, read_events, write_missed
from tests.support.server_under_test import Server

pytestmark = pytest.mark.xdist_group("buckets")

DAILY = {"RESTORE_SCHEDULE_SNAPSHOT": "@daily"}
VECTORS = {"size": 4, "distance": "Dot"}


@pytest.fixture
def server(place: Place) -> Server:
    """Give the place's Qdrant with a collection of 100 points."""
    server = Server(place.qdrant)
    server.create("cities", vectors=VECTORS)
    server.upsert("cities", range(1, 101))
    return server


def serve(place: Place, *, missed: bool = True, url: str = "", **variables: str) -> Serving:
    """Start it for the bucket; its jobs were missed."""
    schedules = {name: text for name, text in variables.items() if name.startswith("RESTORE_SCHEDULE_")}
    if missed:
        place.kept.write(SCHEDULE_FILE, write_missed(schedules))
    given = {**place.server.environment, "RESTORE_STORE": place.kept.name, **variables}
    return Serving(place.root / "here", url or place.qdrant, missed=False, **given)


def count_snapshots(place: Place) -> int:
    """Count what was published."""
    return len(place.kept.open().list_snapshots("cities"))


def read_job(place: Place) -> dict[str, object]:
    """Give what the bucket remembers of the only job."""
    (job,) = json.loads(place.kept.open().read_document(SCHEDULE_FILE) or b"{}")["jobs"]
    return dict(job)


def test_every_job_runs_with_a_bucket_as_the_store(place: Place, server: Server) -> None:
    """The book lies in the bucket, and the metrics tell what rests there; nothing is written beside the process."""
    jobs = ("snapshot", "prune", "verify", "drill")
    schedules = {f"RESTORE_SCHEDULE_{job.upper()}": "@daily" for job in jobs}
    with serve(place, RESTORE_KEEP_LAST="1", **schedules) as serving:
        told = [serving.wait_ended(job)["status"] for job in jobs]
        metrics = serving.wait_metric('qdrant_restore_seconds_since_proven{collection="cities"}')
        ready = serving.ask("/readyz").status

    assert (told, ready) == ([0, 0, 0, 0], 200)
    assert 'qdrant_restore_latest_snapshot_points{collection="cities"} 100.0' in metrics
    assert 'qdrant_restore_snapshots{collection="cities",state="verified"} 1.0' in metrics
    assert count_snapshots(place) == 1
    assert list((place.root / "here").iterdir()) == []


def test_a_killed_serve_with_a_bucket_does_the_run_again(place: Place, server: Server) -> None:
    """Kill -9 in the middle of a verification: the next process finds in the bucket what was interrupted."""
    place.add()
    place.proxy.inject(r"GET /.*\.snapshot($|\?)", Fault(silent=True), times=1)
    with serve(place, RESTORE_SCHEDULE_VERIFY="@daily") as serving:
        end = time.monotonic() + 30
        while not place.proxy.find(r"GET /.*\.snapshot($|\?)") and time.monotonic() < end:
            time.sleep(0.02)
        serving.end(signal.SIGKILL)
    interrupted = read_job(place)
    with serve(place, missed=False, RESTORE_SCHEDULE_VERIFY="@daily") as serving:
        told = serving.wait_ended("verify")

    assert (interrupted["ended"], interrupted["attempts"]) == (None, 1)
    assert (told["status"], read_job(place)["attempts"]) == (0, 2)


def test_two_processes_with_one_bucket_run_a_slot_once(place: Place, server: Server) -> None:
    """They start together, and the bucket accepts only one of their claims."""
    with contextlib.ExitStack() as running:
        first = running.enter_context(serve(place, **DAILY))
        second = running.enter_context(serve(place, missed=False, **DAILY))
        pages = [one.wait_for("/readyz", 200).status for one in (first, second)]
        end = time.monotonic() + 30
        while not count_snapshots(place) and time.monotonic() < end:
            time.sleep(0.1)
        # So long as a second one would take to be begun.
        time.sleep(2.0)
        ended = [one.end() for one in (first, second)]
    events = [event["event"] for one in ended for event in read_events(one.stderr)]

    assert pages == [200, 200]
    assert (events.count("job.began"), count_snapshots(place)) == (1, 1)


def test_a_signal_ends_it_while_the_bucket_does_not_answer(place: Place, server: Server) -> None:
    """Two seconds; nothing is published."""
    with serve(place, **DAILY) as serving:
        serving.wait_for("/healthz", 200)
        place.proxy.inject(".*", Fault(silent=True))
        time.sleep(0.3)
        begin = time.monotonic()
        ended = serving.end()
        took = time.monotonic() - begin

    assert ended.status == 143
    assert took < 2


def test_a_bucket_that_goes_away_fails_the_job_and_not_the_process(place: Place, server: Server) -> None:
    """What cannot be saved is said; the pages go on telling."""
    with serve(place, RESTORE_SCHEDULE_VERIFY="@daily", **DAILY) as serving:
        serving.wait_ended("verify")
        place.proxy.inject(".*", Fault(status=403, body=b"<Error><Code>AccessDenied</Code></Error>"))
        healthy = serving.wait_for("/healthz", 200).status
        metrics = serving.ask("/metrics").text
        ended = serving.end()

    assert (healthy, ended.status) == (200, 143)
    assert 'qdrant_restore_latest_snapshot_points{collection="cities"} 100.0' in metrics


def test_a_directory_is_mirrored_into_a_bucket_by_schedule(place: Place, server: Server) -> None:
    """From settings alone: what a night's snapshot made is off the machine a moment later."""
    here = place.root / "here"
    schedules = {**DAILY, "RESTORE_SCHEDULE_MIRROR": "@daily"}
    given = {**place.server.environment, **schedules, "RESTORE_MIRROR_TO": place.kept.name}
    with Serving(here, place.qdrant, **given) as serving:
        told = [serving.wait_ended(job)["status"] for job in ("snapshot", "mirror")]
    (snapshot,) = [path for path in here.glob("cities_2*.snapshot") if not path.is_symlink()]

    assert told == [0, 0]
    assert place.kept.read(place.kept.open()) == snapshot.read_bytes()
    assert place.kept.open().list_documents(".set.json") == tuple(path.name for path in here.glob("*.set.json"))
    assert not any(path.name.startswith(".partial") for path in here.iterdir())


def test_a_bucket_that_stops_answering_turns_health_bad(place: Place, server: Server) -> None:
    """In the middle of the upload; the stated time is two seconds."""
    place.proxy.inject(r"PUT /.*\.snapshot($|\?)", Fault(silent=True))
    with serve(place, RESTORE_HEALTH_TIMEOUT="2s", **DAILY) as serving:
        page = serving.wait_for("/healthz", 503, within=30)

    assert (page.status, page.told["running"]) == (503, "snapshot")
