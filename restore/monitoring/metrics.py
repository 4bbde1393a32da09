"""The table of metrics. The export, the page and the tests of the dashboard and the alerts are made from it."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from restore.settings.command_names import JOBS

PREFIX = "qdrant_restore_"
# Commands whose runs are counted, each with its own four metrics.
COUNTED_COMMANDS: tuple[str, ...] = ("restore", *JOBS)


class MetricType(StrEnum):
    """The type of a metric, as Prometheus knows it."""

    COUNTER = "counter"
    GAUGE = "gauge"


class Metric(msgspec.Struct, frozen=True):
    """One row: the name without the prefix, its type, its labels in order, and one sentence of help."""

    name: str
    sort: MetricType
    labels: tuple[str, ...]
    help: str

    @property
    def full_name(self) -> str:
        """The name as it is exported."""
        return PREFIX + self.name


def _gauge(name: str, label: str, help_text: str) -> Metric:
    return Metric(name, MetricType.GAUGE, (label,) if label else (), help_text)


def _counter(name: str, labels: tuple[str, ...], help_text: str) -> Metric:
    return Metric(name, MetricType.COUNTER, labels, help_text)


def _list_command(command: str) -> tuple[Metric, ...]:
    return (
        _counter(
            f"{command}_total",
            ("collection", "outcome"),
            f"Collections that {command} was run for, by outcome: succeeded, skipped, failed.",
        ),
        _gauge(f"{command}_duration_seconds", "collection", f"How long the last {command} of the collection took."),
        _gauge(
            f"{command}_last_status",
            "collection",
            f"1: the last {command} of the collection succeeded, 0: failed.",
        ),
        _gauge(
            f"{command}_last_success_timestamp_seconds",
            "collection",
            f"When {command} last succeeded for the collection.",
        ),
    )


_RUNS = (
    _counter(
        "run_total",
        ("command", "outcome"),
        "Whole runs of a command; succeeded means that every collection did.",
    ),
    _gauge("run_duration_seconds", "command", "How long the last run took."),
    _gauge("run_last_status", "command", "1: every collection of the last run succeeded, 0: not."),
    _gauge("run_last_success_timestamp_seconds", "command", "When every collection of a run last succeeded."),
    _gauge("run_last_end_timestamp_seconds", "command", "When the last run ended, whatever came of it."),
    _counter("bytes_transferred_total", ("direction",), "Bytes of snapshots moved; download, upload or mirror."),
    _gauge(
        "lock_wait_seconds",
        "command",
        "How long the last run waited for another run, which held the lock of the store or the collection.",
    ),
)

# Measured anew each time, never kept from an earlier run.
OF_THE_STORE = (
    Metric(
        "snapshots",
        MetricType.GAUGE,
        ("collection", "state"),
        "Snapshots in the store: verified (its manifest promises every byte), unverified, broken (or found so).",
    ),
    _gauge("snapshots_expected", "collection", "How many verified snapshots there are to be at least."),
    _gauge("latest_snapshot_timestamp_seconds", "collection", "When the latest was made."),
    _gauge("latest_snapshot_size_bytes", "collection", "Its size."),
    _gauge("latest_snapshot_points", "collection", "Its points."),
    _gauge("oldest_verified_snapshot_timestamp_seconds", "collection", "How far back one can go."),
    _gauge(
        "last_proven_timestamp_seconds",
        "collection",
        "When a drill last proved one of the collection's snapshots, also one that was pruned since.",
    ),
)

OF_SERVE = (
    _gauge("operation_in_progress", "command", "1 while serve runs the job, else 0."),
    _gauge("next_run_timestamp_seconds", "command", "When serve will run the job next."),
    _gauge("seconds_since_proven", "collection", "Seconds since a drill last proved the collection's backup."),
    _gauge("serve_healthy", "", "What /healthz says: 1 or 0."),
    _gauge("serve_ready", "", "What /readyz says: 1 or 0."),
)

METRICS: tuple[Metric, ...] = (
    *_RUNS,
    *(metric for command in COUNTED_COMMANDS for metric in _list_command(command)),
    *OF_THE_STORE,
    *OF_SERVE,
    _gauge("build_info", "version", "1; the version of qdrant-restore that wrote this."),
)
BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in METRICS}
