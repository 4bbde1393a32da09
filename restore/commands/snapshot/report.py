"""What `snapshot` reports: one outcome for each collection, one exit status for all, lines for people."""

from __future__ import annotations

import msgspec

from restore.commands.outcome import Summary, describe_summary
from restore.errors import PARTIAL, RestoreError
from restore.retention.outcome import PruneOutcome
from restore.system.text import format_bytes, format_count


class SnapshotOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one collection. `status` is its exit status; `latest`: latest points at `snapshot` now.

    `snapshot` is the file's name, empty when nothing was kept. `points` is None when nobody counted, and exact
    when `points_exact`. `message` is a sentence without the collection's name, empty when all went well.
    """

    collection: str
    status: int = 0
    latest: bool = False
    snapshot: str = ""
    size_bytes: int | None = None
    sha256: str = ""
    points: int | None = None
    points_exact: bool = False
    samples: int = 0
    seconds: float | None = None
    message: str = ""
    hint: str = ""
    warnings: tuple[str, ...] = ()


class SnapshotReport(msgspec.Struct, frozen=True, kw_only=True):
    """All outcomes of one run, in the order in which the collections were wanted.

    `removed` names what killed runs had left in the store, `set` the document of this run's set, empty when it has
    none. `pruned` is there where a retention rule is set.
    """

    url: str
    server_version: str
    store: str
    outcomes: tuple[SnapshotOutcome, ...]
    seconds: float
    status: int
    removed: tuple[str, ...] = ()
    run_id: str = ""
    set: str = ""
    pruned: tuple[PruneOutcome, ...] = ()
    summary: Summary = Summary()
    warnings: tuple[str, ...] = ()
    lock_wait_seconds: float = 0.0


def summarise(outcomes: tuple[SnapshotOutcome, ...], seconds: float) -> Summary:
    """Count how they ended."""
    failed = sum(1 for outcome in outcomes if outcome.status)
    size = sum(outcome.size_bytes or 0 for outcome in outcomes)
    return Summary(succeeded=len(outcomes) - failed, failed=failed, size_bytes=size, seconds=seconds)


def decide_status(outcomes: tuple[SnapshotOutcome, ...], *, incomplete: bool = False) -> int:
    """Give the run's exit status: 0, the failure's own when nothing succeeded, else 3 for partial.

    `incomplete`: something beside the snapshots failed: a deletion that retention wanted, the set's document.
    """
    failures = [outcome.status for outcome in outcomes if outcome.status]
    if not failures:
        return PARTIAL if incomplete else 0
    return failures[0] if len(failures) == len(outcomes) else PARTIAL


def report_failure(collection: str, error: RestoreError, warnings: tuple[str, ...]) -> SnapshotOutcome:
    """Turn an expected failure into an outcome; the line begins with the collection's name already."""
    message = str(error)
    for prefix in (f"collection '{collection}': ", f"collection '{collection}' "):
        message = message.removeprefix(prefix)
    return SnapshotOutcome(
        collection=collection, status=error.status, message=message, hint=error.hint, warnings=warnings
    )


def describe(report: SnapshotReport) -> list[str]:
    """Give the lines a person reads: warnings, then one line each, `collection: sentence`, hints indented."""
    lines = [f"warning: {warning}" for warning in report.warnings]
    for outcome in report.outcomes:
        lines.append(f"{outcome.collection}: {outcome.message or _describe_success(outcome)}")
        lines += [f"  warning: {warning}" for warning in outcome.warnings]
        lines += [f"  hint: {outcome.hint}"] if outcome.hint else []
    for one in report.pruned:
        lines += _describe_pruned(one)
    return lines + describe_summary(report.summary)


def _describe_pruned(outcome: PruneOutcome) -> list[str]:
    if outcome.message:
        return [f"{outcome.collection}: not pruned: {outcome.message}"]
    lines = [f"{outcome.collection}: pruned {one.file}" for one in outcome.pruned]
    lines += [f"{outcome.collection}: not pruned {one.file}: {one.error}" for one in outcome.failed]
    return lines + [f"{outcome.collection}: warning: {warning}" for warning in outcome.warnings]


def _describe_success(outcome: SnapshotOutcome) -> str:
    about = "" if outcome.points_exact else "about "
    points = f"{about}{format_count(outcome.points, 'point')}" if outcome.points is not None else "points not counted"
    size = format_bytes(outcome.size_bytes or 0)
    return f"{outcome.snapshot} is the latest now: {points}, {size}, checked, in {outcome.seconds or 0:.1f} s"
