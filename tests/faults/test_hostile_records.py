"""What a store remembers may be somebody's lie: records of checks, the schedule's book, journals of killed runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from restore.checks.check_file import check_file
from restore.checks.record import CheckDocument, CheckResult, PassedCheck, name_check
from restore.checks.recorder import add_checks
from restore.commands.list.command import run as run_list
from restore.monitoring.samples import SeriesKey, StoreContents, record_store
from restore.qdrant.client import Qdrant, connect
from restore.snapshots.document import write_document
from restore.stores.layout import SCHEDULE_FILE, Kind
from restore.stores.local.reader import LocalStore
from tests.support.hostile_files import CONTENTS, SPOILS, make_outside
from tests.support.resolve_settings import resolve_settings
from tests.support.restore_scenario import RestoreScenario
from tests.support.run_prune import fill, prune_here
from tests.support.run_serve import RunningServe, read_events
from tests.support.sample_stores import NOON, FilledStore, describe
from tests.support.server_under_test import path

YEAR = timedelta(days=365)


def remember(store: FilledStore, file: str, *ages: timedelta) -> None:
    """Let the store remember checks of a file, so long before noon each: a hash, then a drill."""
    promised = describe("plain", "cities")
    passed = {
        depth: PassedCheck(at=NOON - age, result=CheckResult.AS_PROMISED)
        for depth, age in zip(("hash", "restore"), ages, strict=True)
    }
    document = CheckDocument(sha256=promised.sha256, size=promised.size, passed=passed)
    (store.path / name_check(file)).write_bytes(write_document(document))


@pytest.mark.parametrize("ahead", [timedelta(minutes=61), YEAR, datetime.max.replace(tzinfo=UTC) - NOON])
def test_a_proof_of_the_future_is_none(ahead: timedelta, store: FilledStore) -> None:
    """A proof dated in the future, by a wrong clock or on purpose, would silence every alarm until then."""
    (file,) = fill(store, "cities", [0])
    remember(store, file, YEAR, -ahead)
    found = run_list(resolve_settings("list", store=store.path), LocalStore(str(store.path)), NOON).files[0]
    samples = record_store({}, StoreContents([found], {"cities": 1}, {"cities": NOON + ahead}), NOON)

    assert (found.last_check, found.last_depth, found.last_proven) == (NOON - YEAR, "hash", None)
    assert SeriesKey("last_proven_timestamp_seconds", ("cities",)) not in samples


def test_two_machines_whose_clocks_differ_a_little_believe_each_other(store: FilledStore) -> None:
    """A date up to an hour ahead is believed, as everywhere."""
    (file,) = fill(store, "cities", [0])
    remember(store, file, YEAR, -timedelta(hours=1))
    directory = LocalStore(str(store.path))
    files = [check_file(directory, entry) for entry in directory.list_entries() if entry.kind is Kind.SNAPSHOT]
    (found,) = add_checks(directory, files, NOON)

    assert found.last_proven == NOON + timedelta(hours=1)


@pytest.mark.parametrize("kind", SPOILS)
def test_a_book_that_is_none_of_ours_keeps_no_job_from_running(kind: str, store: FilledStore) -> None:
    """`serve` starts with a new state, answers, and ends when it is asked to."""
    fill(store, "cities", [0])
    make_outside(store.path.parent)
    SPOILS[kind](store.path / SCHEDULE_FILE)
    with RunningServe(
        store.path, "http://127.0.0.1:9", {"RESTORE_SCHEDULE_VERIFY": "@every 1m"}, missed=False
    ) as serving:
        page = serving.wait_for("/healthz", 200)
        metrics = serving.ask("/metrics")
        run_result = serving.end()
    events = [one["event"] for one in read_events(run_result.stderr)]

    assert (page.status, metrics.status, run_result.status, "Traceback" in run_result.stderr) == (
        200,
        200,
        143,
        False,
    )
    assert "schedule.job" in events


def serve_remembering(store: FilledStore, slot: datetime) -> RunningServe:
    """Start a serve whose daily job took its last slot then."""
    fill(store, "cities", [0])
    jobs = [{"job": "verify", "schedule": "0 3 * * * UTC", "slot": slot.isoformat()}]
    (store.path / SCHEDULE_FILE).write_text(json.dumps({"jobs": jobs, "schema": 1}))
    return RunningServe(store.path, "http://127.0.0.1:9", {"RESTORE_SCHEDULE_VERIFY": "0 3 * * *"}, missed=False)


def list_begun(stderr: str) -> list[str]:
    """Return the jobs that began."""
    return [one["job"] for one in read_events(stderr) if one["event"] == "job.began"]


@pytest.mark.parametrize("ahead", [YEAR, 5000 * YEAR])
def test_a_clock_that_ran_ahead_stops_no_job_for_good(ahead: timedelta, store: FilledStore) -> None:
    """The slot that it took is given up, and the next one comes within a day."""
    with serve_remembering(store, datetime.now(UTC) + ahead) as serving:
        (job,) = serving.wait_for("/healthz", 200).document["jobs"]
        run_result = serving.end()

    assert timedelta(0) < datetime.fromisoformat(job["next"]) - datetime.now(UTC) < timedelta(days=1)
    assert list_begun(run_result.stderr) == []


@pytest.mark.parametrize("ago", [YEAR, datetime.now(UTC) - datetime(1970, 1, 1, tzinfo=UTC)])
def test_after_a_jump_forward_a_job_runs_once(ago: timedelta, store: FilledStore) -> None:
    """The missed slots of a year are made up for by one run."""
    with serve_remembering(store, datetime.now(UTC) - ago) as serving:
        job = serving.wait_ended("verify")
        run_result = serving.end()

    assert timedelta(0) < datetime.fromisoformat(job["next"]) - datetime.now(UTC) < timedelta(days=1)
    assert list_begun(run_result.stderr) == ["verify"]


@pytest.fixture
def qdrant(scenario: RestoreScenario) -> Iterator[Qdrant]:
    """Yield a client of the server under test that is recorded."""
    client = connect(scenario.proxy.url, scenario.server.key)
    yield client
    client.close()


def leave_journal(store: Path, url: str, *creations: Mapping[str, object]) -> None:
    """Leave a journal in a store."""
    document = {"schema": 1, "run_id": "0123abcd", "url": url, "creations": creations}
    (store / ".journal-0123abcd.json").write_text(json.dumps(document))


@pytest.mark.parametrize(
    "lie",
    [
        {"name": "<name>", "size": "<size>", "checksum": "0" * 64, "created": "<created>"},
        {"name": "<name>", "size": "<size>", "checksum": None, "created": "<created>"},
        {"name": "../<name>", "size": "<size>", "checksum": "<checksum>", "created": "<created>"},
        {"name": "another", "size": "<size>", "checksum": "<checksum>", "created": "<created>"},
        None,
    ],
)
def test_a_journal_deletes_no_strangers_snapshot(
    lie: dict[str, object] | None, scenario: RestoreScenario, qdrant: Qdrant
) -> None:
    """A name, a checksum or a time of appearance does not prove that a snapshot is ours."""
    scenario.server.create(scenario.name, vectors={"size": 4, "distance": "Dot"})
    made = scenario.server.ask("POST", path(scenario.name, "snapshots")).result
    truth = {
        "<name>": made["name"],
        "<size>": made["size"],
        "<checksum>": made["checksum"],
        "<created>": made["creation_time"],
    }
    output = lie and {
        key: truth.get(str(value), str(value).replace("<name>", made["name"]) if value else value)
        for key, value in lie.items()
    }
    creation: dict[str, object] = {
        "collection": scenario.name,
        "at": "2026-11-20T12:00:00Z",
        "before": [],
        "made": output,
    }
    leave_journal(scenario.store.path, scenario.proxy.url, creation)
    prune_here("--server", store=scenario.store.path, qdrant=qdrant)

    assert scenario.server.snapshots_of(scenario.name) == [made["name"]]
    assert scenario.proxy.writes == []


@pytest.mark.parametrize("name", ["..", ".", "", "../x", "a/b", "x\0y", ".restoring-0123456789abcdef-1", "x" * 256])
def test_a_journal_of_a_name_that_no_collection_has_is_not_followed(
    name: str, scenario: RestoreScenario, qdrant: Qdrant
) -> None:
    """No request has such a name in it; a path of dots would be another request."""
    creation: dict[str, object] = {"collection": name, "at": "2026-11-20T12:00:00Z", "before": [], "made": None}
    leave_journal(scenario.store.path, scenario.proxy.url, creation)
    report = prune_here("--server", store=scenario.store.path, qdrant=qdrant)
    journal = [one for one in report.server if one.file == ".journal-0123abcd.json"]

    assert [(one.status, one.removed) for one in journal] == [(13, False)]
    assert [seen.line for seen in scenario.proxy.seen if "snapshots" in seen.line and ".." in seen.line] == []


@pytest.mark.parametrize("kind", CONTENTS)
def test_a_journal_that_is_none_is_told_and_left(kind: str, scenario: RestoreScenario, qdrant: Qdrant) -> None:
    """The clean-up goes on, and the server is not written to."""
    (scenario.store.path / ".journal-0123abcd.json").write_bytes(CONTENTS[kind])
    report = prune_here("--server", store=scenario.store.path, qdrant=qdrant)
    journal = [one for one in report.server if one.file == ".journal-0123abcd.json"]

    assert [one.status for one in journal] in ([13], [14])
    assert scenario.proxy.writes == []
