"""The metrics: what each run changes in them, and that the table of them is whole."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta

from restore import __version__
from restore.checks.file_report import FileReport, FileState
from restore.commands.mirror.report import CopiedSnapshot, CopyFailure, MirrorOutcome, MirrorReport
from restore.commands.outcome import describe_failures
from restore.commands.snapshot.report import SnapshotOutcome, SnapshotReport
from restore.daemon.health import Health, record_moment
from restore.monitoring.metrics import METRICS, PREFIX, MetricType
from restore.monitoring.prometheus import parse_samples, render_samples
from restore.monitoring.run_result import CollectionRun, RunResult, merge_runs
from restore.monitoring.samples import Samples, SeriesKey, StoreContents, add_build_info, record_run, record_store
from restore.retention.outcome import DeleteFailure, PruneOutcome
from restore.stores.layout import Kind

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def make_end(status: int = 0, *runs: CollectionRun, at: datetime = NOON) -> RunResult:
    """Return how a snapshot run ended."""
    return RunResult(command="snapshot", operation_id="1", status=status, seconds=2.5, at=at, runs=runs)


def pick(samples: Samples, *names: str) -> dict[tuple[str, ...], float]:
    """Return the samples of some metrics."""
    return {(key.name, *key.labels): value for key, value in samples.items() if key.name in names}


def test_a_run_sets_each_of_the_four_metrics_of_its_collections() -> None:
    """Names and labels as they are promised."""
    moved = CollectionRun(collection="cities", seconds=2.0, bytes_moved=100, direction="download")

    assert {PREFIX + key.name: (key.labels, value) for key, value in record_run({}, make_end(0, moved)).items()} == {
        "qdrant_restore_run_total": (("snapshot", "succeeded"), 1),
        "qdrant_restore_run_duration_seconds": (("snapshot",), 2.5),
        "qdrant_restore_run_last_status": (("snapshot",), 1),
        "qdrant_restore_run_last_end_timestamp_seconds": (("snapshot",), NOON.timestamp()),
        "qdrant_restore_run_last_success_timestamp_seconds": (("snapshot",), NOON.timestamp()),
        "qdrant_restore_snapshot_total": (("cities", "succeeded"), 1),
        "qdrant_restore_snapshot_last_status": (("cities",), 1),
        "qdrant_restore_snapshot_duration_seconds": (("cities",), 2.0),
        "qdrant_restore_snapshot_last_success_timestamp_seconds": (("cities",), NOON.timestamp()),
        "qdrant_restore_bytes_transferred_total": (("download",), 100),
    }


def test_a_failure_sets_a_gauge_that_the_next_success_clears() -> None:
    """And leaves the time of the last success, whose age shows how long nothing went well."""
    later = NOON + timedelta(hours=1)
    good = record_run({}, make_end(0, CollectionRun(collection="cities")))
    bad = record_run(good, make_end(17, CollectionRun(collection="cities", status=17), at=later))
    again = record_run(bad, make_end(0, CollectionRun(collection="cities"), at=later))
    watching_proxy = ("snapshot_last_status", "snapshot_last_success_timestamp_seconds", "run_last_status")

    assert pick(bad, *watching_proxy) == {
        ("snapshot_last_status", "cities"): 0,
        ("snapshot_last_success_timestamp_seconds", "cities"): NOON.timestamp(),
        ("run_last_status", "snapshot"): 0,
    }
    assert pick(again, *watching_proxy) == {
        ("snapshot_last_status", "cities"): 1,
        ("snapshot_last_success_timestamp_seconds", "cities"): later.timestamp(),
        ("run_last_status", "snapshot"): 1,
    }


def test_a_run_that_reached_no_collection_fails_as_a_whole() -> None:
    """Qdrant was away: no collection has an outcome, the run has."""
    assert pick(record_run({}, make_end(17)), "run_last_status", "run_total") == {
        ("run_last_status", "snapshot"): 0,
        ("run_total", "snapshot", "failed"): 1,
    }


def test_a_collection_that_is_wanted_and_has_nothing_is_told_with_zeros() -> None:
    """An alert on too few snapshots must have something to compare."""
    found = record_store({}, StoreContents((), {"cities": 1}, {}), NOON)

    assert pick(found, "snapshots", "snapshots_expected") == {
        ("snapshots", "cities", "verified"): 0,
        ("snapshots", "cities", "unverified"): 0,
        ("snapshots", "cities", "broken"): 0,
        ("snapshots_expected", "cities"): 1,
    }


def test_the_store_is_told_as_it_is_now() -> None:
    """What was told of a collection that has gone is not told again."""

    def make(state: FileState, day: int, *, latest: bool = False) -> FileReport:
        made = datetime(2026, 11, day, tzinfo=UTC)
        return FileReport(
            file=f"{day}",
            kind=Kind.SNAPSHOT,
            state=state,
            collection="cities",
            created=made,
            latest=latest,
            size_bytes=day,
            points=7,
            last_proven=made if day < 3 else None,
        )

    before: Samples = {
        SeriesKey("snapshots", ("gone", "verified")): 3.0,
        SeriesKey("run_total", ("verify", "failed")): 1.0,
    }
    files = [
        make(FileState.CHECKED, 1),
        make(FileState.CHECKED, 3, latest=True),
        make(FileState.DAMAGED, 2),
        make(FileState.HELD_BACK, 4),
    ]

    found = record_store(before, StoreContents(files, {"cities": 2}, {}), NOON)

    assert {(key.name, *key.labels): value for key, value in found.items()} == {
        ("run_total", "verify", "failed"): 1,
        ("snapshots", "cities", "verified"): 2,
        ("snapshots", "cities", "unverified"): 1,
        ("snapshots", "cities", "broken"): 1,
        ("snapshots_expected", "cities"): 2,
        ("oldest_verified_snapshot_timestamp_seconds", "cities"): datetime(2026, 11, 1, tzinfo=UTC).timestamp(),
        ("latest_snapshot_timestamp_seconds", "cities"): datetime(2026, 11, 3, tzinfo=UTC).timestamp(),
        ("latest_snapshot_size_bytes", "cities"): 3,
        ("latest_snapshot_points", "cities"): 7,
        ("last_proven_timestamp_seconds", "cities"): datetime(2026, 11, 2, tzinfo=UTC).timestamp(),
    }


def test_a_proof_outlives_its_snapshot_and_one_of_the_future_is_none() -> None:
    """The snapshot that was drilled is pruned by now; a clock a year ahead must not prove a year of backups."""
    day = timedelta(days=1)
    proven = {"cities": NOON - day, "docs": NOON + 365 * day}
    file = FileReport(
        file="1", kind=Kind.SNAPSHOT, state=FileState.CHECKED, collection="cities", last_proven=NOON - 2 * day
    )
    found = record_store({}, StoreContents([file], {"cities": 1, "docs": 1}, proven), NOON)

    assert pick(found, "last_proven_timestamp_seconds") == {
        ("last_proven_timestamp_seconds", "cities"): (NOON - day).timestamp()
    }


def test_what_failed_its_last_check_counts_as_broken() -> None:
    """Although a look at the list finds its name and size as they should be."""
    file = FileReport(
        file="1", kind=Kind.SNAPSHOT, state=FileState.CHECKED, collection="cities", created=NOON, last_failure="a bit"
    )
    found = record_store({}, StoreContents([file], {"cities": 1}, {}), NOON)

    assert pick(found, "snapshots", "oldest_verified_snapshot_timestamp_seconds") == {
        ("snapshots", "cities", "verified"): 0,
        ("snapshots", "cities", "unverified"): 0,
        ("snapshots", "cities", "broken"): 1,
    }


def test_every_command_tells_how_long_what_moved_and_why_it_failed() -> None:
    """A mirror's bytes, and the errors of the files that a mirror and a pruning report."""
    mirrored = MirrorOutcome(
        collection="cities",
        copied=(CopiedSnapshot("a", 3), CopiedSnapshot("b", 4)),
        failed=(CopyFailure("c", 18, "gone"),),
        seconds=2.0,
    )
    pruned = PruneOutcome(collection="cities", status=18, failed=(DeleteFailure("d", 18, "held"),), seconds=1.0)
    mirror = MirrorReport(source="/a", target="/b", outcomes=(mirrored,), seconds=2.0, status=3)
    snapshot = SnapshotReport(
        url="", server_version="", store="", outcomes=(), seconds=1.0, status=3, pruned=(pruned,)
    )

    assert merge_runs(mirror.list_runs()) == (
        CollectionRun(collection="cities", status=18, seconds=2.0, bytes_moved=7, direction="mirror"),
    )
    assert [describe_failures(one) for one in (mirror, snapshot)] == ["cities: gone", "cities: held"]


def test_the_seconds_since_a_backup_was_proven_are_those_of_the_moment() -> None:
    """What the store remembers is a time; its age grows without anybody doing anything."""
    proven: Samples = {SeriesKey("last_proven_timestamp_seconds", ("cities",)): NOON.timestamp()}
    nobody = Health(healthy=True, ready=True, problems=(), running="", jobs=())
    found = record_moment(record_moment(proven, nobody, NOON), nobody, NOON + timedelta(hours=1))

    assert pick(found, "seconds_since_proven") == {("seconds_since_proven", "cities"): 3600}


def test_a_report_becomes_one_part_for_each_collection() -> None:
    """With what travelled, and one sentence about what failed."""
    report = SnapshotReport(
        url="http://localhost:6333",
        server_version="1.18.3",
        store="/store",
        outcomes=(
            SnapshotOutcome(collection="cities", snapshot="c.snapshot", size_bytes=9, sha256="ab", seconds=1.5),
            SnapshotOutcome(collection="docs", status=17, message="does not answer"),
        ),
        seconds=2.0,
        status=3,
    )  # fmt: skip

    assert merge_runs(report.list_runs()) == (
        CollectionRun(collection="cities", seconds=1.5, bytes_moved=9, direction="download"),
        CollectionRun(collection="docs", status=17),
    )
    assert describe_failures(report) == "docs: does not answer"


def test_the_text_reads_back_as_what_was_written() -> None:
    """Also a collection's name that needs escaping; counters go on where they were."""
    written = record_run({}, make_end(0, CollectionRun(collection='a"\\b\nc {d="e"}')))

    assert parse_samples(render_samples(written).decode()) == {**add_build_info(written, __version__)}


def test_a_text_that_is_none_counts_as_nothing() -> None:
    """A file that somebody else wrote, or half of one, must not stop a backup."""
    assert parse_samples('qdrant_restore_run_total{command="snap') == {}
    assert parse_samples("\0\1") == {}


def test_the_table_of_metrics_is_whole() -> None:
    """Names as Prometheus wants them: counters end in _total, nothing else does; each name and sentence once."""
    names = Counter(metric.full_name for metric in METRICS)
    counting = {metric.full_name for metric in METRICS if metric.sort is MetricType.COUNTER}

    assert [name for name, times in names.items() if times > 1 or not re.fullmatch(r"[a-z_]+", name)] == []
    assert counting == {name for name in names if name.endswith("_total")}
    assert [metric.name for metric in METRICS if not metric.help.endswith(".")] == []
