"""What a drill reports: one outcome for each collection, one exit status for all, lines for people."""

from enum import StrEnum

import msgspec

from restore.commands import outcome as shared
from restore.commands.outcome import Failure, Report, Summary, describe_outcome, describe_summary, describe_warnings
from restore.errors import IntegrityError, RestoreError
from restore.monitoring.run_result import CollectionRun
from restore.recovery.policy_choices import Transfer
from restore.recovery.request import SnapshotCandidate
from restore.system.text import format_bytes, format_count


class DrillResult(StrEnum):
    """How one collection's drill ended. UNPROMISED: restored, and no manifest says what it should have."""

    PROVEN = "proven"
    UNPROMISED = "unpromised"
    DIFFERS = "differs"
    FAILED = "failed"


class DrillOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one collection. `message` is a sentence without its name; `status` is 0 unless it failed.

    `scratch` was the temporary collection; `left` says what of it stayed behind, empty when nothing did. `points` is
    how many it had, `searches` how many of them were searched for by their own vectors.
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

    @property
    def is_skipped(self) -> bool:
        """False: a drill skips no collection."""
        return False

    @property
    def handled_bytes(self) -> int:
        """The snapshot's size where it is known."""
        return self.size_bytes or 0

    def to_run(self) -> CollectionRun:
        """Return what metrics count; of the ways to restore only an upload moves bytes through this process."""
        is_upload = self.transfer == Transfer.UPLOAD
        return CollectionRun(
            collection=self.collection,
            status=self.status,
            seconds=self.seconds,
            bytes_moved=self.size_bytes or 0 if is_upload else 0,
            direction="upload" if is_upload else "",
        )


class DrillReport(Report, frozen=True, kw_only=True):
    """All outcomes of one run. `depth` is `restore`, or `embedded` where the embedded engine was restored into.

    `removed` are the temporary collections of killed drills that this run dropped.
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

    def list_runs(self) -> list[CollectionRun]:
        """Return one for each outcome."""
        return [outcome.to_run() for outcome in self.outcomes]

    def list_failures(self) -> list[Failure]:
        """Return one for each outcome."""
        return [Failure(one.collection, one.status, one.message) for one in self.outcomes]


def decide_status(outcomes: tuple[DrillOutcome, ...]) -> int:
    """Return the run's exit status: 13 when one snapshot is not what its manifest says, else as every command's."""
    if any(outcome.status == IntegrityError.status for outcome in outcomes):
        return IntegrityError.status
    return shared.decide_status(outcomes)


def describe(report: DrillReport) -> list[str]:
    """Return the lines for people: warnings, then one line each, `collection: sentence`, hints indented."""
    lines = describe_warnings(report.warnings)
    lines += [f"removed '{name}', which a drill that was killed had left" for name in report.removed]
    for one in report.outcomes:
        lines += describe_outcome(one.collection, one.message, warnings=one.warnings, left=one.left, hint=one.hint)
    return lines + describe_summary(report.summary)


def report_failure(collection: str, scratch: str, error: RestoreError) -> DrillOutcome:
    """Return the outcome of a collection whose drill failed in an expected way."""
    failed = shared.report_failure(collection, error, target=scratch, with_left=False)
    return DrillOutcome(result=DrillResult.FAILED, scratch=scratch, left=error.left, **failed)


def describe_proof(candidate: SnapshotCandidate, outcome: DrillOutcome) -> str:
    """Return the sentence about a drill that found nothing wrong."""
    points = format_count(outcome.points, "point") if outcome.points is not None else "restored"
    size, seconds = format_bytes(candidate.size), outcome.seconds or 0.0
    begin = f"{points} restored from {candidate.stored.file} ({size}) in {seconds:.1f} s"
    searched = f", {format_count(outcome.searches, 'search', 'searches')}" if outcome.searches else ""
    if candidate.manifest is None:
        return f"{begin}; it has no manifest, so nothing says what it should hold{searched}"
    counted = "count" if candidate.manifest.points_exact else "count (approximate)"
    return f"{begin}; proven: {counted}, schema, {format_count(outcome.samples, 'sampled point')}{searched}"
