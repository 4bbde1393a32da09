"""What `prune` reports: what went or would go, and for each survivor why it stays."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from restore.commands.outcome import Summary
from restore.creation.journal_document import StaleObject
from restore.errors import PARTIAL
from restore.retention.outcome import PruneOutcome
from restore.system.text import format_bytes, format_count

_UNFINISHED = {False: "a run that was killed left it", True: "a run that was killed left it, unless one is at it now"}


class PruneReport(msgspec.Struct, frozen=True, kw_only=True):
    """All outcomes of one run, by collection. `sets` are the documents of sets of which nothing is left.

    `removed` names what killed runs had left in the store, `server` what they left on the server, when asked for.
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


def summarise(outcomes: tuple[PruneOutcome, ...], seconds: float) -> Summary:
    """Count the collections; one for which no rule is set was skipped. The bytes are what deletions free."""
    failed = sum(1 for outcome in outcomes if outcome.status)
    skipped = sum(1 for outcome in outcomes if not outcome.status and outcome.is_without_rule)
    size = sum(outcome.freed_bytes for outcome in outcomes)
    succeeded = len(outcomes) - failed - skipped
    return Summary(succeeded=succeeded, failed=failed, skipped=skipped, size_bytes=size, seconds=seconds)


def decide_status(outcomes: Iterable[PruneOutcome], server: Iterable[StaleObject] = ()) -> int:
    """Give the run's exit status: 0, the failure's own when nothing succeeded, else 3 for partial."""
    outcomes, server = tuple(outcomes), tuple(server)
    statuses = [*(outcome.status for outcome in outcomes), *(leftover.status for leftover in server)]
    failures = [status for status in statuses if status]
    if not failures:
        return 0
    some = len(failures) < len(statuses) or any(outcome.pruned for outcome in outcomes)
    return PARTIAL if some else failures[0]


def describe(report: PruneReport) -> list[str]:
    """Give a line per collection, then one for each file: what goes first, survivors with their reasons after it."""
    lines = [f"warning: {warning}" for warning in report.warnings]
    for outcome in report.outcomes:
        lines.append(f"{outcome.collection}: {_describe_outcome(outcome, report)}")
        lines += [f"  warning: {warning}" for warning in outcome.warnings]
        lines += [f"  hint: {outcome.hint}"] if outcome.hint else []
        lines += [f"  {_say_pruned(report)} {one.file}" for one in outcome.pruned]
        lines += [f"  not deleted {one.file}: {one.error}" for one in outcome.failed]
        lines += [f"  kept {one.file}: {', '.join(one.reasons)}" for one in outcome.kept]
        lines += [f"  not ours {one.file}: {', '.join(one.reasons)}" for one in outcome.left]
    lines += [f"{_say_pruned(report)} {name}: nothing of that set is left" for name in report.sets]
    lines += [f"{_say_pruned(report)} {name}: {_UNFINISHED[report.dry_run]}" for name in report.removed]
    lines += [_describe_leftover(one, report) for one in report.server]
    return [*lines, _summarise(report)]


def _describe_leftover(one: StaleObject, report: PruneReport) -> str:
    where = f"collection '{one.collection}' on the server" if one.collection else "journal"
    return (
        f"{where}: {_say_pruned(report) if one.removed else 'left'} {one.file}{': ' * bool(one.message)}{one.message}"
    )


def _say_pruned(report: PruneReport) -> str:
    return "would delete" if report.dry_run else "deleted"


def _describe_outcome(outcome: PruneOutcome, report: PruneReport) -> str:
    if outcome.message:
        return outcome.message
    if outcome.is_without_rule:
        return f"no rule is set, all of it stays ({format_count(len(outcome.kept), 'snapshot')})"
    gone = f"{_say_pruned(report)} {len(outcome.pruned)} ({format_bytes(outcome.freed_bytes)})"
    return f"{gone}, {format_count(len(outcome.kept), 'stays', 'stay')}"


def _summarise(report: PruneReport) -> str:
    files = sum(len(outcome.pruned) for outcome in report.outcomes)
    freed = sum(outcome.freed_bytes for outcome in report.outcomes)
    failed = sum(1 for outcome in report.outcomes if outcome.status)
    collections = format_count(len(report.outcomes), "collection")
    done = f"{_say_pruned(report)} {format_count(files, 'snapshot')} of {collections}"
    return f"{done}, {format_bytes(freed)}, {failed or 'none'} failed, in {report.seconds:.1f} s"
