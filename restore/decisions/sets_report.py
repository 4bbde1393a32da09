"""What `list --sets` reports."""

from __future__ import annotations

from datetime import datetime

import msgspec

from restore.decisions.sets import FoundSet, SetState
from restore.words.show import say_number


class ShownSet(msgspec.Struct, frozen=True, kw_only=True):
    """One run's set. `present` counts the snapshots of it that are there, `missing` and `failed` name collections."""

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


class SetsReport(msgspec.Struct, frozen=True, kw_only=True):
    """Every set, oldest first. `damaged` are documents that cannot be read, with the reason."""

    store: str
    sets: tuple[ShownSet, ...]
    damaged: tuple[tuple[str, str], ...] = ()
    status: int = 0


def show_set(found: FoundSet) -> ShownSet:
    """Say what there is of one."""
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
    """Give a line for each, and beneath it what is not there."""
    if not report.sets and not report.damaged:
        return [f"store '{report.store}' has no sets"]
    lines = []
    for one in report.sets:
        scope = "whole server" if one.whole_server else "some collections"
        count = f"{one.present:,} of {say_number(one.snapshots, 'collection')}"
        count = count if one.missing else say_number(one.snapshots, "collection")
        lines.append(
            f"{one.run_id[:8]}  {one.created:%Y-%m-%d %H:%M:%S} UTC  {count}  {scope}  "
            f"Qdrant {one.server}  {one.state}"
        )
        lines += [f"    gone: {', '.join(one.missing)}"] if one.missing else []
        lines += [f"    failed: {', '.join(one.failed)}"] if one.failed else []
    return lines + [f"{file}: {reason}" for file, reason in report.damaged]
