"""The jobs of `serve`, from settings alone: a mirror, pruning without a rule, a drill without its engine."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest

from restore.monitoring.prometheus import parse_samples
from restore.stores.layout import SCHEDULE_FILE
from tests.support.program import run_program
from tests.support.run_serve import RunningServe, read_events, receive
from tests.support.server_under_test import Server

DAILY = {"RESTORE_SCHEDULE_SNAPSHOT": "@daily"}


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    """Return the path of a store."""
    return tmp_path / "store"


def list_kept(store: Path) -> dict[str, bytes]:
    """Return the content of a store's snapshots, manifests and sets, and the file that latest leads to."""
    return {path.name: path.read_bytes() for path in store.glob("*.snapshot*")} | {
        path.name: path.read_bytes() for path in store.glob("*.set.json")
    }


def test_a_mirror_is_made_by_schedule_from_settings_alone(store_path: Path, target: Server, cities: str) -> None:
    """RESTORE_MIRROR_TO and RESTORE_SCHEDULE_MIRROR: after the snapshot, with its health and its metrics."""
    away = store_path.parent / "away"
    schedules = {**DAILY, "RESTORE_SCHEDULE_MIRROR": "@daily"}
    variables = {**schedules, "RESTORE_MIRROR_TO": str(away), "QDRANT_COLLECTION_NAME": cities}
    with RunningServe(store_path, target.url, variables) as serving:
        output = [serving.wait_ended(job) for job in ("snapshot", "mirror")]
        metrics = serving.wait_metric(f'qdrant_restore_mirror_last_status{{collection="{cities}"}} 1.0')
        ready = serving.ask("/readyz").status

    assert [(one["status"], one["schedule"]) for one in output] == [(0, "@daily UTC")] * 2
    assert output[0]["ended"] <= output[1]["began"]
    assert ready == 200
    assert list_kept(away) == list_kept(store_path)
    assert 'qdrant_restore_run_last_status{command="mirror"} 1.0' in metrics
    assert 'qdrant_restore_bytes_transferred_total{direction="mirror"} ' in metrics
    assert 'qdrant_restore_next_run_timestamp_seconds{command="mirror"} ' in metrics


def test_a_mirror_without_a_place_to_go_to_is_told_at_the_start(store_path: Path) -> None:
    """Not at half past two."""
    environment = {"RESTORE_SCHEDULE_MIRROR": "@daily", "RESTORE_STORE": str(store_path)}
    result = run_program("serve", cwd=store_path.parent, environment=environment)

    assert (result.status, result.stderr.splitlines()[0]) == (
        2,
        "error: RESTORE_SCHEDULE_MIRROR: where to? set RESTORE_MIRROR_TO, or mirror_to: in restore.yaml",
    )


def test_a_mirror_that_fails_is_told_and_the_snapshot_stays_good(
    store_path: Path, target: Server, cities: str
) -> None:
    """The other store is not mounted: status, error and metric are the mirror's own."""
    schedules = {**DAILY, "RESTORE_SCHEDULE_MIRROR": "@daily"}
    with receive() as receiver:
        variables = {
            **schedules,
            "RESTORE_MIRROR_TO": str(store_path.parent / "gone" / "away"),
            "QDRANT_COLLECTION_NAME": cities,
            "RESTORE_NOTIFY_HEALTHCHECKS": f"{receiver.url}/{{command}}",
        }
        with RunningServe(store_path, target.url, variables) as serving:
            output = [serving.wait_ended(job)["status"] for job in ("snapshot", "mirror")]
            metrics = serving.wait_metric('qdrant_restore_run_last_status{command="mirror"} 0.0')
            ready, healthy = serving.ask("/readyz"), serving.ask("/healthz").status
            pinged = receiver.wait_paths(4)
            result = serving.end()

    assert output == [0, 10]
    assert (ready.status, healthy) == (503, 200)
    assert ready.document["problems"] == ["the last mirror ended with status 10"]
    assert 'qdrant_restore_run_last_status{command="snapshot"} 1.0' in metrics
    assert pinged == ["/snapshot/start", "/snapshot", "/mirror/start", "/mirror/fail"]
    assert result.status == 143


def test_pruning_by_schedule_without_a_rule_deletes_nothing_and_says_so(
    store_path: Path, target: Server, cities: str
) -> None:
    """An empty rule keeps everything."""
    schedules = {**DAILY, "RESTORE_SCHEDULE_PRUNE": "@daily"}
    with RunningServe(store_path, target.url, {"QDRANT_COLLECTION_NAME": cities, **schedules}) as serving:
        output = [serving.wait_ended(job)["status"] for job in ("snapshot", "prune")]
        result = serving.end()
    said = [event["line"] for event in read_events(result.stderr) if event["event"] == "job.told"]

    assert output == [0, 0]
    (manifest,) = store_path.glob("*.snapshot.json")
    assert f"  kept {manifest.name.removesuffix('.json')}: no rule is set" in said


def test_a_drill_whose_engine_is_not_installed_fails_and_nothing_else_does(
    store_path: Path, target: Server, cities: str
) -> None:
    """Status 2 of that job, with its sentence; the process and the other jobs go on."""
    schedules = {**DAILY, "RESTORE_SCHEDULE_DRILL": "@daily"}
    variables = {**schedules, "RESTORE_DRILL_ON": "embedded", "QDRANT_COLLECTION_NAME": cities}
    with RunningServe(store_path, target.url, variables, without=("qdrant_edge",)) as serving:
        output = [serving.wait_ended(job)["status"] for job in ("snapshot", "drill")]
        healthy = serving.ask("/healthz").status
        result = serving.end()
    errors = [event["error"] for event in read_events(result.stderr) if event["event"] == "job.ended"]

    assert (output, healthy) == ([0, 2], 200)
    assert errors == [None, "--on embedded: the embedded engine is not installed (qdrant_edge is missing)"]


def test_a_failed_run_is_in_the_metrics_file_of_serve_too(store_path: Path, target: Server) -> None:
    """Also a run that reached no collection, with its duration."""
    file = store_path.parent / "x.prom"
    limits = {"RESTORE_WAIT_TIMEOUT": "0.5s", "RESTORE_METRICS_FILE": str(file)}
    with RunningServe(store_path, "http://127.0.0.1:9", {**DAILY, **limits}) as serving:
        output = serving.wait_ended("snapshot")
        end = time.monotonic() + 20
        while not file.exists() and time.monotonic() < end:
            time.sleep(0.05)
        serving.end()
    known = {(key.name, *key.labels): value for key, value in parse_samples(file.read_text()).items()}

    assert output["status"] == 124
    assert known["run_last_status", "snapshot"] == 0
    assert known["run_total", "snapshot", "failed"] == 1
    assert known["run_duration_seconds", "snapshot"] > 0


def wait_published(store_path: Path) -> None:
    """Wait for a first snapshot, and then as long as a second one would take to be begun."""
    end = time.monotonic() + 30
    while not list(store_path.glob("*.snapshot.json")) and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(2.0)


def test_two_processes_with_one_store_run_a_missed_slot_once(store_path: Path, target: Server, cities: str) -> None:
    """Both started at the same moment, and one of them logs that the other one has the slot."""
    variables = {"QDRANT_COLLECTION_NAME": cities, **DAILY}
    with contextlib.ExitStack() as running:
        first = running.enter_context(RunningServe(store_path, target.url, variables))
        second = running.enter_context(RunningServe(store_path, target.url, variables, missed=False))
        wait_published(store_path)
        ready = [one.wait_for("/readyz", 200).status for one in (first, second)]
        result = [one.end() for one in (first, second)]
    events = [event["event"] for one in result for event in read_events(one.stderr)]

    assert len(list(store_path.glob("*.snapshot.json"))) == 1
    assert (events.count("job.began"), ready) == (1, [200, 200])
    assert (store_path / SCHEDULE_FILE).exists()
