"""What `mirror` reports: what was copied, what was there already, what could not be."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from restore.commands.outcome import Summary
from restore.errors import PARTIAL, RestoreError
from restore.retention.outcome import PruneOutcome
from restore.system.text import format_bytes, format_count


class CopiedSnapshot(msgspec.Struct, frozen=True):
    """A snapshot that is in the target now. `size_bytes` as it lies there."""

    file: str
    size_bytes: int


class CopyFailure(msgspec.Struct, frozen=True):
    """A snapshot that could not be copied, or lies in the target as another one."""

    file: str
    status: int
    error: str
    hint: str = ""


class MirrorOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """One collection's end. `present` counts what was there already; `latest` is the file that is latest now.

    `unkept` counts what the target lacks and its rule would not keep: it is not copied.
    """

    collection: str
    copied: tuple[CopiedSnapshot, ...] = ()
    present: int = 0
    unkept: int = 0
    failed: tuple[CopyFailure, ...] = ()
    latest: str = ""
    seconds: float | None = None

    @property
    def status(self) -> int:
        """Give its exit status: the first failure's."""
        return next((one.status for one in self.failed), 0)


class MirrorReport(msgspec.Struct, frozen=True, kw_only=True):
    """All outcomes of one run, by collection. `sets` and `pins` name the documents that were copied.

    `pruned` is what the target's own rule deleted there, by collection; empty without one.
    """

    source: str
    target: str
    outcomes: tuple[MirrorOutcome, ...]
    seconds: float
    status: int
    sets: tuple[str, ...] = ()
    pins: tuple[str, ...] = ()
    pruned: tuple[PruneOutcome, ...] = ()
    removed: tuple[str, ...] = ()
    dry_run: bool = False
    lock_wait_seconds: float = 0.0
    summary: Summary = Summary()
    warnings: tuple[str, ...] = ()


def report_failure(file: str, error: RestoreError) -> CopyFailure:
    """Say why a snapshot could not be copied."""
    return CopyFailure(file, error.status, str(error), error.hint)


def summarise(outcomes: tuple[MirrorOutcome, ...], seconds: float) -> Summary:
    """Count the collections; one of which everything was there already was skipped."""
    failed = sum(1 for outcome in outcomes if outcome.status)
    skipped = sum(1 for outcome in outcomes if not outcome.status and not outcome.copied)
    size = sum(one.size_bytes for outcome in outcomes for one in outcome.copied)
    succeeded = len(outcomes) - failed - skipped
    return Summary(succeeded=succeeded, failed=failed, skipped=skipped, size_bytes=size, seconds=seconds)


def decide_status(outcomes: Iterable[MirrorOutcome], pruned: Iterable[PruneOutcome] = ()) -> int:
    """Give the exit status: 0, the failures' own when all failed alike, else partial."""
    outcomes = tuple(outcomes)
    failed = {one.status for one in outcomes if one.status} | {one.status for one in pruned if one.status}
    if not failed:
        return 0
    worked = any(not outcome.status or outcome.copied for outcome in outcomes)
    return PARTIAL if worked or len(failed) > 1 else failed.pop()


def describe(report: MirrorReport) -> list[str]:
    """Give a line per collection, one per trouble, and what it all came to."""
    lines = [f"warning: {warning}" for warning in report.warnings]
    would = "would be " if report.dry_run else ""
    for outcome in report.outcomes:
        size = format_bytes(sum(one.size_bytes for one in outcome.copied))
        amount = f" ({size})" if outcome.copied else ""
        unkept = f", {outcome.unkept} not kept by the target's rule" if outcome.unkept else ""
        there = f"{outcome.present} there{unkept}"
        lines.append(f"{outcome.collection}: {len(outcome.copied)} {would}copied{amount}, {there}")
        for one in outcome.failed:
            lines.append(f"  {one.file}: {one.error}")
            lines += [f"    hint: {one.hint}"] if one.hint else []
    for pruned in report.pruned:
        lines += [f"{pruned.collection}: deleted {one.file} from the target" for one in pruned.pruned]
        lines += [f"{pruned.collection}: {pruned.message}"] if pruned.message else []
        lines += [f"  not deleted {one.file}: {one.error}" for one in pruned.failed]
    copied = [one for outcome in report.outcomes for one in outcome.copied]
    total = format_bytes(sum(one.size_bytes for one in copied))
    lines.append(
        f"{format_count(len(copied), 'snapshot')} ({total}) {would}copied from '{report.source}' to "
        f"'{report.target}' in {report.seconds:.1f} s"
    )
    return lines
