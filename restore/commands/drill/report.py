"""What a drill reports: one outcome for each collection, one exit status for all, lines for people."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from restore.commands.outcome import Summary, describe_summary
from restore.errors import PARTIAL, IntegrityError, RestoreError
from restore.recovery.request import SnapshotCandidate
from restore.system.text import format_bytes, format_count


class DrillResult(StrEnum):
    """How one collection's drill ended. UNPROMISED: restored, and no manifest says what it should hold."""

    PROVEN = "proven"
    UNPROMISED = "unpromised"
    DIFFERS = "differs"
    FAILED = "failed"


class DrillOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """One collection's end. `message` is a sentence without the name; `status` is 0 unless it failed.

    `scratch` was the throw-away collection; `left` says what of it stayed behind, empty when nothing did. `points`
    counts what it held, `searches` how many points were looked for by their own vectors.
    """

    collection: str
    result: DrillResult
    message: str
    status: int = 0
    hint: str = ""
    snapshot: str = ""
    scratch: str = ""
    points: int | None = None
    samples: int = 0
    searches: int = 0
    size_bytes: int | None = None
    seconds: float | None = None
    transfer: str = ""
    left: str = ""
    warnings: tuple[str, ...] = ()


class DrillReport(msgspec.Struct, frozen=True, kw_only=True):
    """All outcomes of one run. `depth` is `restore`, or `embedded` where the embedded engine was restored into.

    `removed` are the scratch collections of dead drills that this run removed.
    """

    url: str
    server_version: str
    store: str
    depth: str
    outcomes: tuple[DrillOutcome, ...]
    seconds: float
    status: int
    removed: tuple[str, ...] = ()
    summary: Summary = Summary()
    warnings: tuple[str, ...] = ()


def summarise(outcomes: tuple[DrillOutcome, ...], seconds: float) -> Summary:
    """Count how they ended; a drill skips none."""
    failed = sum(1 for outcome in outcomes if outcome.status)
    size = sum(outcome.size_bytes or 0 for outcome in outcomes)
    return Summary(succeeded=len(outcomes) - failed, failed=failed, size_bytes=size, seconds=seconds)


def decide_status(outcomes: tuple[DrillOutcome, ...]) -> int:
    """Give the run's exit status: 13 when one snapshot is not what it promised, else as a restore's."""
    failures = [outcome.status for outcome in outcomes if outcome.status]
    if IntegrityError.status in failures:
        return IntegrityError.status
    if not failures:
        return 0
    return failures[0] if len(failures) == len(outcomes) else PARTIAL


def describe(report: DrillReport) -> list[str]:
    """Give the lines a person reads: warnings, then one line each, `collection: sentence`, hints indented."""
    lines = [f"warning: {warning}" for warning in report.warnings]
    lines += [f"removed '{name}', which a drill that was killed had left" for name in report.removed]
    for outcome in report.outcomes:
        lines.append(f"{outcome.collection}: {outcome.message}")
        lines += [f"  warning: {warning}" for warning in outcome.warnings]
        lines += [f"  left behind: {outcome.left}"] if outcome.left else []
        lines += [f"  hint: {outcome.hint}"] if outcome.hint else []
    return lines + describe_summary(report.summary)


def report_failure(collection: str, scratch: str, error: RestoreError) -> DrillOutcome:
    """Turn an expected failure into an outcome."""
    message = error.message
    for name in (collection, scratch):
        message = message.removeprefix(f"collection '{name}': ").removeprefix(f"collection '{name}' ")
    return DrillOutcome(
        collection=collection,
        result=DrillResult.FAILED,
        message=message,
        status=error.status,
        hint=error.hint,
        scratch=scratch,
        left=error.left,
    )


def describe_proof(candidate: SnapshotCandidate, outcome: DrillOutcome) -> str:
    """Say what a drill showed that found nothing wrong."""
    own_marker = format_count(outcome.points, "point") if outcome.points is not None else "restored"
    size, seconds = format_bytes(candidate.size), outcome.seconds or 0.0
    begin = f"{own_marker} restored from {candidate.stored.file} ({size}) in {seconds:.1f} s"
    searched = f", {format_count(outcome.searches, 'search', 'searches')}" if outcome.searches else ""
    if candidate.manifest is None:
        return f"{begin}; it has no manifest, so nothing says what it should hold{searched}"
    counted = "count" if candidate.manifest.points_exact else "count (approximate)"
    return f"{begin}; proven: {counted}, schema, {format_count(outcome.samples, 'sampled point')}{searched}"
