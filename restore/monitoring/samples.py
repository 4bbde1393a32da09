"""What a run, and the contents of the store, change in the metrics."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from restore.checks.file_report import FileReport, FileState
from restore.monitoring.metrics import BY_NAME, COUNTED_COMMANDS, OF_THE_STORE, Metric
from restore.monitoring.run_result import CollectionRun, RunResult
from restore.system.text import escape_surrogates


class SeriesKey(NamedTuple):
    """One series: a metric's name without the prefix, and the values of its labels in the table's order."""

    name: str
    labels: tuple[str, ...] = ()


Samples = Mapping[SeriesKey, float]
_STATES = {
    FileState.CHECKED: "verified",
    FileState.UNCHECKED: "unverified",
    FileState.HELD_BACK: "unverified",
    FileState.DAMAGED: "broken",
    FileState.UNREADABLE: "broken",
}
# A clock may have been set back by this much.
_SET_BACK = timedelta(hours=1)


def record_run(samples: Samples, result: RunResult) -> Samples:
    """Return the samples with one run more. A failure leaves the time of the last success as it was."""
    if result.command not in COUNTED_COMMANDS:
        return samples
    found = dict(samples)
    name, outcome = (result.command,), "failed" if result.status else "succeeded"
    _add(found, SeriesKey("run_total", (result.command, outcome)), 1)
    found[SeriesKey("run_duration_seconds", name)] = result.seconds
    found[SeriesKey("run_last_status", name)] = float(not result.status)
    found[SeriesKey("run_last_end_timestamp_seconds", name)] = result.at.timestamp()
    if not result.status:
        found[SeriesKey("run_last_success_timestamp_seconds", name)] = result.at.timestamp()
    if result.lock_wait_seconds is not None:
        found[SeriesKey("lock_wait_seconds", name)] = result.lock_wait_seconds
    for run in result.runs:
        _record_collection_run(found, result, run)
    return found


def _record_collection_run(found: dict[SeriesKey, float], result: RunResult, run: CollectionRun) -> None:
    command, name = result.command, (escape_surrogates(run.collection),)
    outcome = "failed" if run.status else "skipped" if run.skipped else "succeeded"
    _add(found, SeriesKey(f"{command}_total", (*name, outcome)), 1)
    found[SeriesKey(f"{command}_last_status", name)] = float(not run.status)
    if run.seconds is not None:
        found[SeriesKey(f"{command}_duration_seconds", name)] = run.seconds
    if not run.status:
        found[SeriesKey(f"{command}_last_success_timestamp_seconds", name)] = result.at.timestamp()
    if run.direction and run.bytes_moved:
        _add(found, SeriesKey("bytes_transferred_total", (run.direction,)), run.bytes_moved)


class StoreContents(NamedTuple):
    """What the store holds.

    `expected` is the least number of verified snapshots of each collection, also of one without any file. `proven` is
    when a drill last proved each, also by a snapshot that was deleted since.
    """

    files: Iterable[FileReport]
    expected: Mapping[str, int]
    proven: Mapping[str, datetime]


def record_store(samples: Samples, contents: StoreContents, now: datetime) -> Samples:
    """Return the samples with what the store holds now. A proof later than `now` is ignored: a clock was wrong."""
    files, expected, proven = contents
    found = drop_metrics(samples, OF_THE_STORE)
    groups: dict[str, list[FileReport]] = {name: [] for name in sorted(expected)}
    for one in files:
        if one.collection in groups:
            groups[one.collection].append(one)
    for collection, own in groups.items():
        _record_collection(found, collection, own, expected[collection])
        proofs = [*(one.last_proven for one in own), proven.get(collection)]
        past = [at for at in proofs if at is not None and at <= now + _SET_BACK]
        if past:
            name = (escape_surrogates(collection),)
            found[SeriesKey("last_proven_timestamp_seconds", name)] = max(past).timestamp()
    return found


def _record_collection(
    found: dict[SeriesKey, float], collection: str, files: list[FileReport], expected: int
) -> None:
    name = (escape_surrogates(collection),)
    for word in ("verified", "unverified", "broken"):
        count = sum(1 for one in files if _judge(one) == word)
        found[SeriesKey("snapshots", (*name, word))] = float(count)
    found[SeriesKey("snapshots_expected", name)] = float(expected)
    made = [one.created for one in files if _judge(one) == "verified" and one.created]
    if made:
        found[SeriesKey("oldest_verified_snapshot_timestamp_seconds", name)] = min(made).timestamp()
    for one in files:
        if one.latest and one.state is not FileState.POINTER:
            found[SeriesKey("latest_snapshot_size_bytes", name)] = float(one.size_bytes)
            if one.created is not None:
                found[SeriesKey("latest_snapshot_timestamp_seconds", name)] = one.created.timestamp()
            if one.points is not None:
                found[SeriesKey("latest_snapshot_points", name)] = float(one.points)


def _judge(one: FileReport) -> str:
    """Return the state of a snapshot, empty for another file. It is broken until it passes the check it failed."""
    word = _STATES.get(one.state, "")
    return "broken" if word and one.last_failure else word


def drop_metrics(samples: Samples, metrics: Iterable[Metric]) -> dict[SeriesKey, float]:
    """Return the samples without those of these metrics."""
    names = {metric.name for metric in metrics}
    return {key: value for key, value in samples.items() if key.name not in names}


def keep_known(samples: Samples) -> Samples:
    """Return the samples that this version has a row for, with its labels; another version wrote the rest."""
    return {
        key: value
        for key, value in samples.items()
        if key.name in BY_NAME and len(BY_NAME[key.name].labels) == len(key.labels)
    }


def add_build_info(samples: Samples, version: str) -> Samples:
    """Return the samples with the version that writes them."""
    others = {key: value for key, value in samples.items() if key.name != "build_info"}
    return {**others, SeriesKey("build_info", (version,)): 1.0}


def _add(found: dict[SeriesKey, float], key: SeriesKey, amount: float) -> None:
    found[key] = found.get(key, 0.0) + amount
