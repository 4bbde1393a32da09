"""What `prune` reports: what it deleted or would delete, and why each other snapshot stays."""

from restore.commands.outcome import Failure, Report, Summary, describe_outcome, describe_warnings
from restore.creation.journal_document import StaleObject
from restore.monitoring.run_result import CollectionRun
from restore.retention.outcome import PruneOutcome
from restore.system.text import format_bytes, format_count

_UNFINISHED = {False: "a run that was killed left it", True: "a run that was killed left it, unless one is at it now"}


class PruneReport(Report, frozen=True, kw_only=True):
    """All outcomes of one run, by collection. `sets` are the deleted documents of sets without any snapshot left.

    `removed` names what killed runs had left in the store; `server` is what they left on the server, with `--server`.
    """

    store: str
    outcomes: tuple[PruneOutcome, ...]
    seconds: float
    status: int
    dry_run: bool = False
    sets: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    server: tuple[StaleObject, ...] = ()
    summary: Summary = Summary()
    warnings: tuple[str, ...] = ()
    lock_wait_seconds: float = 0.0

    def list_runs(self) -> list[CollectionRun]:
        """Return one for each outcome."""
        return [
            CollectionRun(collection=one.collection, status=one.status, seconds=one.seconds) for one in self.outcomes
        ]

    def list_failures(self) -> list[Failure]:
        """Return one for each outcome, and for each object on the server."""
        return [
            *(Failure(one.collection, one.status, one.reason) for one in self.outcomes),
            *(Failure(one.collection or one.file, one.status, one.message) for one in self.server),
        ]


def describe(report: PruneReport) -> list[str]:
    """Return a line per collection, then one for each file: what is deleted, then what stays with its reasons."""
    lines = describe_warnings(report.warnings)
    for outcome in report.outcomes:
        sentence = _describe_decision(outcome, report)
        lines += describe_outcome(outcome.collection, sentence, warnings=outcome.warnings, hint=outcome.hint)
        lines += [f"  {_describe_deletion(report)} {one.file}" for one in outcome.pruned]
        lines += [f"  not deleted {one.file}: {one.error}" for one in outcome.failed]
        lines += [f"  kept {one.file}: {', '.join(one.reasons)}" for one in outcome.kept]
        lines += [f"  not ours {one.file}: {', '.join(one.reasons)}" for one in outcome.left]
    lines += [f"{_describe_deletion(report)} {name}: nothing of that set is left" for name in report.sets]
    lines += [f"{_describe_deletion(report)} {name}: {_UNFINISHED[report.dry_run]}" for name in report.removed]
    lines += [_describe_stale(one, report) for one in report.server]
    return [*lines, _summarise(report)]


def _describe_stale(one: StaleObject, report: PruneReport) -> str:
    where = f"collection '{one.collection}' on the server" if one.collection else "journal"
    reason = f": {one.message}" if one.message else ""
    return f"{where}: {_describe_deletion(report) if one.removed else 'left'} {one.file}{reason}"


def _describe_deletion(report: PruneReport) -> str:
    return "would delete" if report.dry_run else "deleted"


def _describe_decision(outcome: PruneOutcome, report: PruneReport) -> str:
    if outcome.message:
        return outcome.message
    if outcome.is_skipped:
        return f"no rule is set, all of it stays ({format_count(len(outcome.kept), 'snapshot')})"
    deleted = f"{_describe_deletion(report)} {len(outcome.pruned)} ({format_bytes(outcome.handled_bytes)})"
    return f"{deleted}, {format_count(len(outcome.kept), 'stays', 'stay')}"


def _summarise(report: PruneReport) -> str:
    files = sum(len(outcome.pruned) for outcome in report.outcomes)
    freed = sum(outcome.handled_bytes for outcome in report.outcomes)
    failed = sum(1 for outcome in report.outcomes if outcome.status)
    collections = format_count(len(report.outcomes), "collection")
    done = f"{_describe_deletion(report)} {format_count(files, 'snapshot')} of {collections}"
    return f"{done}, {format_bytes(freed)}, {failed or 'none'} failed, in {report.seconds:.1f} s"
