"""What `snapshot` reports: one outcome for each collection, one exit status for all, lines for people."""

import msgspec

from restore.commands import outcome as shared
from restore.commands.outcome import Failure, Report, Summary, describe_outcome, describe_summary, describe_warnings
from restore.errors import RestoreError
from restore.monitoring.run_result import CollectionRun
from restore.retention.outcome import PruneOutcome
from restore.system.text import format_bytes, format_count


class SnapshotOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one collection. `status` is its exit status; `latest`: latest points at `snapshot` now.

    `snapshot` is the file's name, empty when nothing was kept. `points` is None when they were not counted, and exact
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

    @property
    def is_skipped(self) -> bool:
        """False: a snapshot is made of every collection that was chosen."""
        return False

    @property
    def handled_bytes(self) -> int:
        """The snapshot's size; 0 when none was made."""
        return self.size_bytes or 0

    def to_run(self) -> CollectionRun:
        """Return what metrics count; a snapshot was downloaded when its checksum is known."""
        is_download = bool(self.snapshot and self.sha256)
        return CollectionRun(
            collection=self.collection,
            status=self.status,
            seconds=self.seconds,
            bytes_moved=self.size_bytes or 0 if is_download else 0,
            direction="download" if is_download else "",
        )


class SnapshotReport(Report, frozen=True, kw_only=True):
    """All outcomes of one run, in the order in which the collections were asked for.

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

    def list_runs(self) -> list[CollectionRun]:
        """Return one for each outcome."""
        return [outcome.to_run() for outcome in self.outcomes]

    def list_failures(self) -> list[Failure]:
        """Return one for each outcome, and for each collection that was pruned."""
        return [
            *(Failure(one.collection, one.status, one.message) for one in self.outcomes),
            *(Failure(one.collection, one.status, one.reason) for one in self.pruned),
        ]


def report_failure(collection: str, error: RestoreError, warnings: tuple[str, ...]) -> SnapshotOutcome:
    """Return the outcome of a collection of which no snapshot could be made."""
    return SnapshotOutcome(warnings=warnings, **shared.report_failure(collection, error))


def describe(report: SnapshotReport) -> list[str]:
    """Return the lines for people: warnings, then one line each, `collection: sentence`, hints indented."""
    lines = describe_warnings(report.warnings)
    for one in report.outcomes:
        sentence = one.message or _describe_success(one)
        lines += describe_outcome(one.collection, sentence, warnings=one.warnings, hint=one.hint)
    for pruned in report.pruned:
        lines += _describe_pruned(pruned)
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
