"""What `list` and `verify` report of a store, and the lines for people."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from restore.decisions.report import Summary, describe_amount
from restore.errors import DecryptionError
from restore.words.assessment import Assessment, State
from restore.words.check import Depth
from restore.words.show import say_number
from restore.words.snapshot import SnapshotName, parse_name
from restore.words.store import Kind


class ListReport(msgspec.Struct, frozen=True, kw_only=True):
    """Every file that was looked at, sorted by name. Looking never fails because of what it sees."""

    store: str
    files: tuple[Assessment, ...]
    status: int = 0
    warnings: tuple[str, ...] = ()


class VerifyReport(msgspec.Struct, frozen=True, kw_only=True):
    """Every file that was looked at. `status` is the first failure's, 0 without one.

    Of the `snapshots` that were meant `sampled` were looked at; None: all of them.
    """

    store: str
    files: tuple[Assessment, ...]
    status: int
    depth: Depth = Depth.ARCHIVE
    snapshots: int = 0
    sampled: int | None = None
    summary: Summary = Summary()
    warnings: tuple[str, ...] = ()


def mark_latest(files: Iterable[Assessment]) -> tuple[Assessment, ...]:
    """Give the files back, those that a pointer leads to marked as latest."""
    files = tuple(files)
    targets = {one.target for one in files if one.target}
    return tuple(msgspec.structs.replace(one, latest=True) if one.file in targets else one for one in files)


def mark_newest(files: Iterable[Assessment]) -> tuple[Assessment, ...]:
    """Give the files back, each collection's newest by its name's time that is not held back marked as latest."""
    files = tuple(files)
    newest: dict[str, SnapshotName] = {}
    for one in files:
        name = parse_name(one.file)
        if name and one.kind is Kind.SNAPSHOT and one.state is not State.HELD_BACK:
            newest[name.encoded] = max(newest.get(name.encoded, name), name)
    latest = {str(name) for name in newest.values()}
    return tuple(msgspec.structs.replace(one, latest=one.file in latest) for one in files)


def summarise(files: tuple[Assessment, ...], *, left_out: int, seconds: float) -> Summary:
    """Count what was looked at: pointers are not files of their own, and what a sample left out was skipped."""
    looked = [one for one in files if one.state is not State.POINTER]
    failed = sum(1 for one in looked if one.status)
    size = sum(one.size_bytes for one in looked)
    return Summary(
        succeeded=len(looked) - failed, failed=failed, skipped=left_out, size_bytes=size, seconds=round(seconds, 3)
    )


def decide_status(files: Iterable[Assessment]) -> int:
    """Give the exit status of a verification: the first failure's own."""
    return next((one.status for one in files if one.status), 0)


def describe_list(report: ListReport) -> list[str]:
    """Give a heading per collection and a line per file, newest last; what belongs to none stands at the end."""
    lines = [f"warning: {warning}" for warning in report.warnings]
    if not report.files and not lines:
        return [f"store '{report.store}' is empty"]
    for heading, files in _group(report.files):
        lines.append(heading)
        rows = [_row(one) for one in files]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for one, row in zip(files, rows, strict=True):
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            lines.append("  " + "  ".join(cells).rstrip())
            lines += _describe_trouble(one)
    return lines


def describe_verify(report: VerifyReport) -> list[str]:
    """Give a line per file: what was compared, or what is wrong."""
    lines = [f"warning: {warning}" for warning in report.warnings]
    for one in report.files:
        lines.append(f"{one.file}: {_judge(one, report.depth)}")
        lines += [f"  hint: {one.hint}"] if one.hint else []
    locked = sum(1 for one in report.files if one.status == DecryptionError.status)
    bad = sum(1 for one in report.files if one.status) - locked
    unopened = f", {locked:,} without their key" if locked else ""
    of = f" ({report.sampled} of {say_number(report.snapshots, 'snapshot')})" if report.sampled is not None else ""
    where = f" in store '{report.store}'" if report.store else ""
    took = f"{describe_amount(report.summary.size_bytes)} in {report.summary.seconds:.1f} s"
    lines.append(f"{say_number(len(report.files), 'file')}{of}{where}, {bad or 'none'} damaged{unopened}; {took}")
    return lines


def _group(files: tuple[Assessment, ...]) -> list[tuple[str, list[Assessment]]]:
    """Give files by collection, pointers left out (a mark shows them) unless something is wrong with one."""
    shown = [one for one in files if one.state is not State.POINTER]
    names = sorted({one.collection for one in shown if one.collection})
    groups = [(name, sorted((one for one in shown if one.collection == name), key=_age)) for name in names]
    rest = [one for one in shown if one.collection is None]
    return groups + ([("(of no collection)", rest)] if rest else [])


def _age(one: Assessment) -> tuple[str, int, str]:
    name = parse_name(one.file)
    return (one.created.isoformat() if one.created else "", name.sequence if name else 1, one.file)


def _row(one: Assessment) -> tuple[str, ...]:
    about = "" if one.points_exact else "about "
    return (
        one.file,
        ", ".join(word for word, is_so in (("latest", one.latest), ("pinned", one.pinned)) if is_so),
        f"{one.created:%Y-%m-%d %H:%M:%S} UTC" if one.created else "",
        describe_amount(one.size_bytes) if one.size_bytes else "",
        f"{about}{say_number(one.points, 'point')}" if one.points is not None else "",
        f"Qdrant {one.server_version}" if one.server_version else "",
        str(one.state),
        f"last check {one.last_check:%Y-%m-%d} ({one.last_depth})" if one.last_check else "",
        f"last proven {one.last_proven:%Y-%m-%d}" if one.last_proven else "",
    )


def _describe_trouble(one: Assessment) -> list[str]:
    lines = [f"    note: {one.note}"] if one.note else []
    lines += [f"    pinned: {one.pin_reason}"] if one.pin_reason else []
    lines += [f"    {one.problem}"] if one.problem else []
    lines += [f"    failed its last check: {one.last_failure}"] if one.last_failure and not one.problem else []
    return lines + ([f"    hint: {one.hint}"] if one.hint else [])


def _judge(one: Assessment, depth: Depth) -> str:
    if one.state is State.POINTER:
        return f"points to {one.target}"
    if one.status or one.state is State.DEBRIS or (one.state is State.FOREIGN and one.problem):
        return one.problem or str(one.state)
    if one.state is State.FOREIGN:
        return str(one.state)
    amount = describe_amount(one.size_bytes)
    held = f"; held back: {one.problem}" if one.problem else ""
    if depth is Depth.LIST:
        beside = "as its manifest says" if one.promised_sha256 else "no manifest"
        return f"there, {amount}, {beside}; its bytes were not read{held}"
    if one.state is State.UNCHECKED:
        return f"whole, {amount}; no manifest, so its bytes cannot be compared"
    return f"as promised, {amount}, sha256 {one.sha256[:12]}{held}"
