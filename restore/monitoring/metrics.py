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


def _list_command(command: str) -> tuple[Metric, ...]:
    each = ("collection",)
    return (
        Metric(
            f"{command}_total",
            MetricType.COUNTER,
            ("collection", "outcome"),
            f"Collections that {command} was run for, by outcome: succeeded, skipped, failed.",
        ),
        Metric(
            f"{command}_duration_seconds",
            MetricType.GAUGE,
            each,
            f"How long the last {command} of the collection took.",
        ),
        Metric(
            f"{command}_last_status",
            MetricType.GAUGE,
            each,
            f"1: the last {command} of the collection succeeded, 0: failed.",
        ),
        Metric(
            f"{command}_last_success_timestamp_seconds",
            MetricType.GAUGE,
            each,
            f"When {command} last succeeded for the collection.",
        ),
    )


_RUNS = (
    Metric(
        "run_total",
        MetricType.COUNTER,
        ("command", "outcome"),
        "Whole runs of a command; succeeded means that every collection did.",
    ),
    Metric("run_duration_seconds", MetricType.GAUGE, ("command",), "How long the last run took."),
    Metric(
        "run_last_status", MetricType.GAUGE, ("command",), "1: every collection of the last run succeeded, 0: not."
    ),
    Metric(
        "run_last_success_timestamp_seconds",
        MetricType.GAUGE,
        ("command",),
        "When every collection of a run last succeeded.",
    ),
    Metric(
        "run_last_end_timestamp_seconds",
        MetricType.GAUGE,
        ("command",),
        "When the last run ended, whatever came of it.",
    ),
    Metric(
        "bytes_transferred_total",
        MetricType.COUNTER,
        ("direction",),
        "Bytes of snapshots moved; download, upload or mirror.",
    ),
    Metric(
        "lock_wait_seconds",
        MetricType.GAUGE,
        ("command",),
        "How long the last run waited for another run, which held the lock of the store or the collection.",
    ),
)

_STORE = (
    Metric(
        "snapshots",
        MetricType.GAUGE,
        ("collection", "state"),
        "Snapshots in the store: verified (its manifest promises every byte), unverified, broken (or found so).",
    ),
    Metric(
        "snapshots_expected",
        MetricType.GAUGE,
        ("collection",),
        "How many verified snapshots there are to be at least.",
    ),
    Metric("latest_snapshot_timestamp_seconds", MetricType.GAUGE, ("collection",), "When the latest was made."),
    Metric("latest_snapshot_size_bytes", MetricType.GAUGE, ("collection",), "Its size."),
    Metric("latest_snapshot_points", MetricType.GAUGE, ("collection",), "Its points."),
    Metric(
        "oldest_verified_snapshot_timestamp_seconds", MetricType.GAUGE, ("collection",), "How far back one can go."
    ),
    Metric(
        "last_proven_timestamp_seconds",
        MetricType.GAUGE,
        ("collection",),
        "When a drill last proved one of the collection's snapshots, also one that was pruned since.",
    ),
)

_SERVE = (
    Metric("operation_in_progress", MetricType.GAUGE, ("command",), "1 while serve runs the job, else 0."),
    Metric("next_run_timestamp_seconds", MetricType.GAUGE, ("command",), "When serve will run the job next."),
    Metric(
        "seconds_since_proven",
        MetricType.GAUGE,
        ("collection",),
        "Seconds since a drill last proved the collection's backup.",
    ),
    Metric("serve_healthy", MetricType.GAUGE, (), "What /healthz says: 1 or 0."),
    Metric("serve_ready", MetricType.GAUGE, (), "What /readyz says: 1 or 0."),
)

_BUILD = (Metric("build_info", MetricType.GAUGE, ("version",), "1; the version of qdrant-restore that wrote this."),)

METRICS: tuple[Metric, ...] = (
    *_RUNS,
    *(metric for command in COUNTED_COMMANDS for metric in _list_command(command)),
    *_STORE,
    *_SERVE,
    *_BUILD,
)
BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in METRICS}
