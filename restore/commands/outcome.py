"""What every command returns: a result with its lines and exit status; counts of outcomes."""

from __future__ import annotations

import msgspec

from restore.system.text import format_bytes


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """How many collections ended how, the bytes of the snapshots that were made or sent, and how long it all took."""

    succeeded: int = 0
    failed: int = 0
    skipped: int = 0
    size_bytes: int = 0
    seconds: float = 0.0


def describe_summary(summary: Summary) -> list[str]:
    """Give the line at the end of a run; none where the one line of the only collection has said it all."""
    if summary.succeeded + summary.failed + summary.skipped < 2:  # noqa: PLR2004 - one says it itself
        return []
    counts = f"{summary.succeeded} succeeded, {summary.failed} failed, {summary.skipped} skipped"
    return [f"{counts}; {format_bytes(summary.size_bytes)} in {summary.seconds:.1f} s"]


class CommandResult(msgspec.Struct, frozen=True):
    """A command's result, the lines that tell it, and its exit status."""

    result: msgspec.Struct
    lines: list[str]
    status: int
