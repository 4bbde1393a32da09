"""What `verify` reports, and the lines for people."""

from restore.checks.file_report import FileReport, FileState
from restore.checks.record import Depth
from restore.commands.outcome import Failure, Report, Summary, describe_outcome, describe_warnings
from restore.errors import DecryptionError
from restore.monitoring.run_result import CollectionRun
from restore.system.text import format_bytes, format_count


class VerifyReport(Report, frozen=True, kw_only=True):
    """Every file that was looked at. `status` is the first failure's, 0 without one.

    Of `snapshots` snapshots, `sampled` were read; None: all of them.
    """

    store: str
    files: tuple[FileReport, ...]
    status: int
    depth: Depth = Depth.ARCHIVE
    snapshots: int = 0
    sampled: int | None = None
    summary: Summary = Summary()
    warnings: tuple[str, ...] = ()

    def list_runs(self) -> list[CollectionRun]:
        """Return one for each file that belongs to a collection."""
        return [
            CollectionRun(collection=one.collection, status=one.status, seconds=one.seconds)
            for one in self.files
            if one.collection
        ]

    def list_failures(self) -> list[Failure]:
        """Return one for each file."""
        return [Failure(one.collection or one.file, one.status, one.problem) for one in self.files]


def summarise(files: tuple[FileReport, ...], *, left_out: int, seconds: float) -> Summary:
    """Count the files without pointers; what a sample left out was skipped."""
    counted = [one for one in files if one.state is not FileState.POINTER]
    failed = sum(1 for one in counted if one.status)
    size = sum(one.size_bytes for one in counted)
    return Summary(
        succeeded=len(counted) - failed, failed=failed, skipped=left_out, size_bytes=size, seconds=round(seconds, 3)
    )


def describe_verify(report: VerifyReport) -> list[str]:
    """Return a line per file: what was compared, or what is wrong."""
    lines = describe_warnings(report.warnings)
    for one in report.files:
        lines += describe_outcome(one.file, _describe_file(one, report.depth), hint=one.hint)
    locked = sum(1 for one in report.files if one.status == DecryptionError.status)
    unreadable = sum(1 for one in report.files if one.state is FileState.UNREADABLE)
    bad = sum(1 for one in report.files if one.status) - locked - unreadable
    unopened = f", {unreadable:,} unreadable" if unreadable else ""
    unopened += f", {locked:,} without their key" if locked else ""
    of = f" ({report.sampled} of {format_count(report.snapshots, 'snapshot')})" if report.sampled is not None else ""
    where = f" in store '{report.store}'" if report.store else ""
    took = f"{format_bytes(report.summary.size_bytes)} in {report.summary.seconds:.1f} s"
    lines.append(f"{format_count(len(report.files), 'file')}{of}{where}, {bad or 'none'} damaged{unopened}; {took}")
    return lines


def _describe_file(one: FileReport, depth: Depth) -> str:
    if one.state is FileState.POINTER:
        return f"points to {one.target}"
    if one.status or one.state is FileState.DEBRIS or (one.state is FileState.FOREIGN and one.problem):
        return one.problem or str(one.state)
    if one.state is FileState.FOREIGN:
        return str(one.state)
    amount = format_bytes(one.size_bytes)
    held_back = f"; held back: {one.problem}" if one.problem else ""
    if depth is Depth.LIST:
        beside = "as its manifest says" if one.promised_sha256 else "no manifest"
        return f"there, {amount}, {beside}; its bytes were not read{held_back}"
    if one.state is FileState.UNCHECKED:
        return f"whole, {amount}; no manifest, so its bytes cannot be compared"
    return f"as promised, {amount}, sha256 {one.sha256[:12]}{held_back}"
