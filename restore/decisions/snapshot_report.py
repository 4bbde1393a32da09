"""What `snapshot` reports: one outcome for each collection, one exit status for all, lines for people."""

from __future__ import annotations

import msgspec

from restore.decisions.report import describe_amount
from restore.errors import PARTIAL, RestoreError


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
    """All outcomes of one run. `removed` names what killed runs had left in the store."""

    url: str
    server_version: str
    store: str
    outcomes: tuple[SnapshotOutcome, ...]
    seconds: float
    status: int
    removed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def decide_status(outcomes: tuple[SnapshotOutcome, ...]) -> int:
    """Give the run's exit status: 0, the failure's own when nothing succeeded, else 3 for partial."""
    failures = [outcome.status for outcome in outcomes if outcome.status]
    if not failures:
        return 0
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
    return lines


def _describe_success(outcome: SnapshotOutcome) -> str:
    about = "" if outcome.points_exact else "about "
    points = f"{about}{outcome.points:,} points" if outcome.points is not None else "points not counted"
    size = describe_amount(outcome.size_bytes or 0)
    return f"{outcome.snapshot} is the latest now: {points}, {size}, checked, in {outcome.seconds or 0:.1f} s"
