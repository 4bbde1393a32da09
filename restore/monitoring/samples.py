"""What a run changes in the metrics: from what was known and how it ended to what is known now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from restore.checks.file_report import FileReport, FileState
from restore.monitoring.metrics import BY_NAME, COUNTED_COMMANDS
from restore.monitoring.run_result import CollectionRun, RunResult


class SeriesKey(NamedTuple):
    """One series: a metric's name without the prefix, and its labels' values in the table's order."""

    name: str
    labels: tuple[str, ...] = ()


Samples = Mapping[SeriesKey, float]
_STATES = {
    FileState.CHECKED: "verified",
    FileState.UNCHECKED: "unverified",
    FileState.HELD_BACK: "unverified",
    FileState.DAMAGED: "broken",
}
# A clock may be set back by so much.
_SET_BACK = timedelta(hours=1)
# Metrics of the moment: told anew each time, never carried on from an earlier run.
_OF_THE_STORE = frozenset(
    {
        "snapshots",
        "snapshots_expected",
        "latest_snapshot_timestamp_seconds",
        "latest_snapshot_size_bytes",
        "latest_snapshot_points",
        "oldest_verified_snapshot_timestamp_seconds",
        "last_proven_timestamp_seconds",
    }
)


def record_run(samples: Samples, ended: RunResult) -> Samples:
    """Count a run. A failure leaves the time of the last success as it was; the next success clears the gauge."""
    if ended.command not in COUNTED_COMMANDS:
        return samples
    found = dict(samples)
    name, outcome = (ended.command,), "failed" if ended.status else "succeeded"
    _add(found, SeriesKey("run_total", (ended.command, outcome)), 1)
    found[SeriesKey("run_duration_seconds", name)] = ended.seconds
    found[SeriesKey("run_last_status", name)] = float(not ended.status)
    found[SeriesKey("run_last_end_timestamp_seconds", name)] = ended.at.timestamp()
    if not ended.status:
        found[SeriesKey("run_last_success_timestamp_seconds", name)] = ended.at.timestamp()
    if ended.lock_wait_seconds is not None:
        found[SeriesKey("lock_wait_seconds", name)] = ended.lock_wait_seconds
    for part in ended.parts:
        _record_part(found, ended, part)
    return found


def _record_part(found: dict[SeriesKey, float], ended: RunResult, part: CollectionRun) -> None:
    command, name = ended.command, (part.collection,)
    outcome = "failed" if part.status else "skipped" if part.skipped else "succeeded"
    _add(found, SeriesKey(f"{command}_total", (part.collection, outcome)), 1)
    found[SeriesKey(f"{command}_last_status", name)] = float(not part.status)
    if part.seconds is not None:
        found[SeriesKey(f"{command}_duration_seconds", name)] = part.seconds
    if not part.status:
        found[SeriesKey(f"{command}_last_success_timestamp_seconds", name)] = ended.at.timestamp()
    if part.direction and part.bytes_moved:
        _add(found, SeriesKey("bytes_transferred_total", (part.direction,)), part.bytes_moved)


class StoreContents(NamedTuple):
    """What rests in the store.

    `expected` is how many verified snapshots each collection is to have at least, also one that has nothing there;
    `proven` is when a drill last proved each, also by a snapshot that is gone.
    """

    files: Iterable[FileReport]
    expected: Mapping[str, int]
    proven: Mapping[str, datetime]


def record_store(samples: Samples, stock: StoreContents, now: datetime) -> Samples:
    """Tell what rests in the store now. A proof that lies ahead of `now` is a wrong clock's, and proves nothing."""
    files, expected, proven = stock
    found = {key: value for key, value in samples.items() if key.name not in _OF_THE_STORE}
    groups: dict[str, list[FileReport]] = {name: [] for name in sorted(expected)}
    for one in files:
        if one.collection in groups:
            groups[one.collection].append(one)
    for collection, own in groups.items():
        _record_collection(found, collection, own, expected[collection])
        proofs = [*(one.last_proven for one in own), proven.get(collection)]
        past = [at for at in proofs if at is not None and at <= now + _SET_BACK]
        if past:
            found[SeriesKey("last_proven_timestamp_seconds", (collection,))] = max(past).timestamp()
    return found


def _record_collection(
    found: dict[SeriesKey, float], collection: str, files: list[FileReport], expected: int
) -> None:
    name = (collection,)
    for word in ("verified", "unverified", "broken"):
        count = sum(1 for one in files if _judge(one) == word)
        found[SeriesKey("snapshots", (collection, word))] = float(count)
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
    """Give the word for a file, empty for what is no snapshot. It is broken until it passes what it failed."""
    word = _STATES.get(one.state, "")
    return "broken" if word and one.last_failure else word


def keep_known(samples: Samples) -> Samples:
    """Leave out what this version has no row for, or with other labels: another version wrote it."""
    return {
        key: value
        for key, value in samples.items()
        if key.name in BY_NAME and len(BY_NAME[key.name].labels) == len(key.labels)
    }


def add_build_info(samples: Samples, version: str) -> Samples:
    """Say which version tells all this."""
    others = {key: value for key, value in samples.items() if key.name != "build_info"}
    return {**others, SeriesKey("build_info", (version,)): 1.0}


def _add(found: dict[SeriesKey, float], key: SeriesKey, amount: float) -> None:
    found[key] = found.get(key, 0.0) + amount
