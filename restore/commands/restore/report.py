"""What a restore reports: one outcome for each collection, one exit status for all, lines for people."""

from enum import StrEnum

import msgspec

from restore.commands import outcome as shared
from restore.commands.outcome import Failure, Report, Summary, describe_outcome, describe_summary, describe_warnings
from restore.errors import IntegrityError, RestoreError
from restore.monitoring.run_result import CollectionRun
from restore.recovery.plan import Skip, SkipReason
from restore.recovery.policy_choices import Transfer
from restore.recovery.request import RestoreRequest, SnapshotCandidate, SnapshotChoice
from restore.system.text import format_count, format_time


class RestoreResult(StrEnum):
    """How one collection ended."""

    RESTORED = "restored"
    RESTORED_OLDER = "restored_older"
    FINISHED = "finished"
    PRESENT = "skipped_exists"
    PRESENT_UNCHECKED = "skipped_exists_marks_unchecked"
    EMPTY = "skipped_empty"
    NO_SNAPSHOT = "skipped_missing"
    WOULD_RESTORE = "would_restore"
    WRITTEN_MEANWHILE = "written_meanwhile"
    FAILED = "failed"


_DONE = frozenset({RestoreResult.RESTORED, RestoreResult.RESTORED_OLDER, RestoreResult.FINISHED})


class RestoreOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one collection. `message` is a sentence without its name; `status` is 0 unless it failed.

    `points` is how many the collection has now, None where they were not counted. `transfer` is the way the bytes
    took, empty when none were sent. `lock_wait_seconds` is how long another run's marker was watched.
    """

    collection: str
    result: RestoreResult
    message: str
    status: int = 0
    hint: str = ""
    snapshot: str = ""
    points: int | None = None
    size_bytes: int | None = None
    seconds: float | None = None
    transfer: str = ""
    warnings: tuple[str, ...] = ()
    lock_wait_seconds: float = 0.0

    @property
    def is_skipped(self) -> bool:
        """True if it was left alone, or would be restored."""
        return not self.status and self.result not in _DONE

    @property
    def handled_bytes(self) -> int:
        """The snapshot's size where it was restored."""
        return self.size_bytes or 0 if self.result in _DONE and not self.status else 0

    def to_run(self) -> CollectionRun:
        """Return what metrics count; of the ways to restore only an upload moves bytes through this process."""
        is_upload = self.transfer == Transfer.UPLOAD
        return CollectionRun(
            collection=self.collection,
            status=self.status,
            skipped=self.is_skipped,
            seconds=self.seconds,
            bytes_moved=self.size_bytes or 0 if is_upload else 0,
            direction="upload" if is_upload else "",
        )


class RestoreReport(Report, frozen=True, kw_only=True):
    """All outcomes of one run, in the order in which the collections were asked for."""

    url: str
    server_version: str
    store: str
    outcomes: tuple[RestoreOutcome, ...]
    seconds: float
    status: int
    dry_run: bool = False
    summary: Summary = Summary()
    warnings: tuple[str, ...] = ()
    lock_wait_seconds: float = 0.0

    def list_runs(self) -> list[CollectionRun]:
        """Return one for each outcome."""
        return [outcome.to_run() for outcome in self.outcomes]

    def list_failures(self) -> list[Failure]:
        """Return one for each outcome."""
        return [Failure(one.collection, one.status, one.message) for one in self.outcomes]


def describe(report: RestoreReport) -> list[str]:
    """Return the lines for people: warnings, then one line each, `collection: sentence`, hints indented."""
    lines = describe_warnings(report.warnings)
    for one in report.outcomes:
        lines += describe_outcome(one.collection, one.message, warnings=one.warnings, hint=one.hint)
    return lines if report.dry_run else lines + describe_summary(report.summary)


def report_failure(collection: str, error: RestoreError) -> RestoreOutcome:
    """Return the outcome of a collection that failed in an expected way."""
    return RestoreOutcome(result=RestoreResult.FAILED, **shared.report_failure(collection, error))


def report_written(request: RestoreRequest, marker: str, points: int, snapshot: str) -> RestoreOutcome:
    """Return the outcome of a collection that got points while its restore was interrupted: none is removed."""
    return RestoreOutcome(
        collection=request.target,
        result=RestoreResult.WRITTEN_MEANWHILE,
        message=f"a restore of it was interrupted, and it holds {format_count(points, 'point')} by "
        "now, which is not what was sent; "
        "left as it is",
        status=IntegrityError.status,
        hint=f"to take the snapshot: {request.replace_command()}; to keep what is there: "
        f"delete the collection '{marker}', which marks the interrupted restore",
        snapshot=snapshot,
        points=points,
    )


def report_skip(request: RestoreRequest, skip: Skip, candidate: SnapshotCandidate | None) -> RestoreOutcome:
    """Return the outcome of a collection that is left alone, with the reason."""
    match skip.reason:
        case SkipReason.PRESENT:
            result, message = RestoreResult.PRESENT, _describe_present(request, skip, candidate)
        case SkipReason.PRESENT_MARKS_HIDDEN:
            result = RestoreResult.PRESENT_UNCHECKED
            message = (
                f"{format_count(skip.points or 0, 'point')} here; present, markers could not be checked with this key"
            )
            if candidate and request.choice is not SnapshotChoice.LATEST:
                message += f"; snapshot '{candidate.name}' is not restored"
        case SkipReason.EMPTY:
            result, message = RestoreResult.EMPTY, "here with no points, and left so"
        case SkipReason.NO_SNAPSHOT:
            result, message = RestoreResult.NO_SNAPSHOT, "not here, and the store has no snapshot of it; skipped"
    snapshot = candidate.stored.file if candidate else ""
    return RestoreOutcome(
        collection=request.target,
        result=result,
        message=message,
        points=skip.points,
        snapshot=snapshot,
        warnings=candidate.notes if candidate else (),
    )


def _describe_present(request: RestoreRequest, skip: Skip, candidate: SnapshotCandidate | None) -> str:
    points = skip.points or 0
    here = f"{'' if skip.exact else 'about '}{format_count(points, 'point')} here"
    is_named = request.choice is not SnapshotChoice.LATEST
    if candidate is None:
        return f"{here}; snapshot '{request.policies.snapshot}' is not in the store" if is_named else here
    what = f"snapshot '{candidate.name}'" if is_named else "the latest snapshot"
    manifest = candidate.manifest
    if manifest is None and not is_named:
        return here
    to_take = f"to take it: {request.replace_command(candidate)}"
    if manifest is None:
        return f"{here}; {what} has no manifest; {to_take}"
    when = f"{what} ({format_time(manifest.created)})"
    if manifest.points == points:
        return f"{here}; {when} has as many"
    about = "" if manifest.points_exact else "about "
    return f"{here}; {when} has {about}{manifest.points:,}; {to_take}"
