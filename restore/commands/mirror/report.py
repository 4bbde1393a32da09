"""What `mirror` reports: what was copied, what was there already, what could not be copied."""

from collections.abc import Sequence
from typing import Self

import msgspec

from restore.commands import outcome as shared
from restore.commands.outcome import Failure, Outcome, Report, Summary, describe_warnings, find_failure_status
from restore.errors import RestoreError
from restore.monitoring.run_result import CollectionRun
from restore.retention.outcome import PruneOutcome
from restore.system.text import format_bytes, format_count


class CopiedSnapshot(msgspec.Struct, frozen=True):
    """A snapshot that is in the target now. `size_bytes` is its size in the store, compressed or encrypted."""

    file: str
    size_bytes: int


class CopyFailure(msgspec.Struct, frozen=True):
    """A snapshot that could not be copied, or is another one in the target."""

    file: str
    status: int
    error: str
    hint: str = ""

    @classmethod
    def from_error(cls, file: str, error: RestoreError) -> Self:
        """Return why a snapshot could not be copied."""
        return cls(file, error.status, str(error), error.hint)


class MirrorOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one collection. `present` counts the snapshots that the target had already.

    `unkept` counts those that the target lacks and its rule would not keep: they are not copied. `latest` is the
    file that is the target's latest now.
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
        """Its exit status: the first failure's."""
        return find_failure_status(self.failed)

    @property
    def reason(self) -> str:
        """Why it failed; empty when all went well."""
        return ", ".join(one.error for one in self.failed)

    @property
    def is_skipped(self) -> bool:
        """True if nothing had to be copied."""
        return not self.copied

    @property
    def handled_bytes(self) -> int:
        """The size of what was copied, as it lies in the target."""
        return sum(one.size_bytes for one in self.copied)


class MirrorReport(Report, frozen=True, kw_only=True):
    """All outcomes of one run, by collection. `sets` and `pins` name the documents that were copied.

    `pruned` is what the target's own rule deleted there, by collection; empty without a rule.
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

    def list_runs(self) -> list[CollectionRun]:
        """Return one for each outcome."""
        return [
            CollectionRun(
                collection=one.collection,
                status=one.status,
                seconds=one.seconds,
                bytes_moved=one.handled_bytes,
                direction="mirror" if one.copied else "",
            )
            for one in self.outcomes
        ]

    def list_failures(self) -> list[Failure]:
        """Return one for each outcome, and for each collection that was pruned."""
        return [
            *(Failure(one.collection, one.status, one.reason) for one in self.outcomes),
            *(Failure(one.collection, one.status, one.reason) for one in self.pruned),
        ]


def decide_status(outcomes: Sequence[MirrorOutcome], pruned: Sequence[PruneOutcome] = ()) -> int:
    """Return the exit status: 0, the failures' own when all failed alike, else 3 for partial."""
    rows: list[Outcome] = [*outcomes, *pruned]
    failed = [one for one in rows if one.status]
    worked = any(not outcome.status or outcome.copied for outcome in outcomes)
    return shared.decide_status(failed, partly_done=worked or len({one.status for one in failed}) > 1)


def describe(report: MirrorReport) -> list[str]:
    """Return a line per collection and per failure, and one about the whole run."""
    lines = describe_warnings(report.warnings)
    would = "would be " if report.dry_run else ""
    for outcome in report.outcomes:
        amount = f" ({format_bytes(outcome.handled_bytes)})" if outcome.copied else ""
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
    copied = sum(len(outcome.copied) for outcome in report.outcomes)
    total = format_bytes(sum(outcome.handled_bytes for outcome in report.outcomes))
    lines.append(
        f"{format_count(copied, 'snapshot')} ({total}) {would}copied from '{report.source}' to "
        f"'{report.target}' in {report.seconds:.1f} s"
    )
    return lines
