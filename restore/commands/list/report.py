"""What `list` and `list --sets` report, and the lines for people."""

from datetime import datetime

import msgspec

from restore.checks.file_report import FileReport, FileState
from restore.commands.outcome import Report, describe_warnings
from restore.sets.selection import SetState, StoredSet
from restore.snapshots.name import parse_name
from restore.system.text import format_bytes, format_count


class ShownSet(msgspec.Struct, frozen=True, kw_only=True):
    """One run's set. `present` counts its snapshots that the store has; `missing` and `failed` name collections."""

    run_id: str
    file: str
    created: datetime
    state: SetState
    whole_server: bool
    server: str
    snapshots: int
    present: int
    missing: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


class SetsReport(Report, frozen=True, kw_only=True):
    """Every set, oldest first. `damaged` are the documents that cannot be read, with the reason."""

    store: str
    sets: tuple[ShownSet, ...]
    damaged: tuple[tuple[str, str], ...] = ()
    status: int = 0


def summarise_set(found: StoredSet) -> ShownSet:
    """Return what the store has of a set."""
    document = found.document
    return ShownSet(
        run_id=document.run_id,
        file=found.file,
        created=document.created,
        state=found.state,
        whole_server=document.whole,
        server=document.server,
        snapshots=len(document.collections),
        present=len(document.collections) - len(found.missing),
        missing=tuple(member.collection for member in found.missing),
        failed=tuple(one.collection for one in document.failed),
    )


def describe_sets(report: SetsReport) -> list[str]:
    """Return a line for each set, and below it what is missing."""
    if not report.sets and not report.damaged:
        return [f"store '{report.store}' has no sets"]
    lines = []
    for one in report.sets:
        scope = "whole server" if one.whole_server else "some collections"
        count = f"{one.present:,} of {format_count(one.snapshots, 'collection')}"
        count = count if one.missing else format_count(one.snapshots, "collection")
        lines.append(
            f"{one.run_id[:8]}  {one.created:%Y-%m-%d %H:%M:%S} UTC  {count}  {scope}  "
            f"Qdrant {one.server}  {one.state}"
        )
        lines += [f"    gone: {', '.join(one.missing)}"] if one.missing else []
        lines += [f"    failed: {', '.join(one.failed)}"] if one.failed else []
    return lines + [f"{file}: {reason}" for file, reason in report.damaged]


class ListReport(Report, frozen=True, kw_only=True):
    """Every file that was looked at, sorted by name. `status` is 0 also where files are damaged."""

    store: str
    files: tuple[FileReport, ...]
    status: int = 0
    warnings: tuple[str, ...] = ()


def describe_list(report: ListReport) -> list[str]:
    """Return a heading per collection and a line per file, newest last; files of no collection come at the end."""
    lines = describe_warnings(report.warnings)
    if not report.files and not lines:
        return [f"store '{report.store}' is empty"]
    for heading, files in _group(report.files):
        lines.append(heading)
        rows = [_row(one) for one in files]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for one, row in zip(files, rows, strict=True):
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            lines.append("  " + "  ".join(cells).rstrip())
            lines += _describe_details(one)
    return lines


def _group(files: tuple[FileReport, ...]) -> list[tuple[str, list[FileReport]]]:
    """Return the files by collection, without pointers: the files they lead to are called latest."""
    shown = [one for one in files if one.state is not FileState.POINTER]
    names = sorted({one.collection for one in shown if one.collection})
    groups = [(name, sorted((one for one in shown if one.collection == name), key=_age)) for name in names]
    rest = [one for one in shown if one.collection is None]
    return groups + ([("(of no collection)", rest)] if rest else [])


def _age(one: FileReport) -> tuple[str, int, str]:
    name = parse_name(one.file)
    return (one.created.isoformat() if one.created else "", name.sequence if name else 1, one.file)


def _row(one: FileReport) -> tuple[str, ...]:
    about = "" if one.points_exact else "about "
    return (
        one.file,
        ", ".join(word for word, is_so in (("latest", one.latest), ("pinned", one.pinned)) if is_so),
        f"{one.created:%Y-%m-%d %H:%M:%S} UTC" if one.created else "",
        format_bytes(one.size_bytes) if one.size_bytes else "",
        f"{about}{format_count(one.points, 'point')}" if one.points is not None else "",
        f"Qdrant {one.server_version}" if one.server_version else "",
        "check failed" if one.last_failure and not one.problem else str(one.state),
        f"last check {one.last_check:%Y-%m-%d} ({one.last_depth})" if one.last_check else "",
        f"last proven {one.last_proven:%Y-%m-%d}" if one.last_proven else "",
    )


def _describe_details(one: FileReport) -> list[str]:
    lines = [f"    note: {one.note}"] if one.note else []
    lines += [f"    pinned: {one.pin_reason}"] if one.pin_reason else []
    lines += [f"    {one.problem}"] if one.problem else []
    lines += [f"    failed its last check: {one.last_failure}"] if one.last_failure and not one.problem else []
    return lines + ([f"    hint: {one.hint}"] if one.hint else [])
