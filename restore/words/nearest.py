"""Did you mean …? The distance between two names."""

from __future__ import annotations

from collections.abc import Iterable

_SHORT = 3


def count_edits(one: str, other: str) -> int:
    """Count the letters to insert, delete or replace until one name is the other."""
    row = list(range(len(other) + 1))
    for line, letter in enumerate(one, start=1):
        before, row[0] = row[0], line
        for column, second in enumerate(other, start=1):
            changed = before + (letter != second)
            before, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, changed)
    return row[-1]


def find_nearest(name: str, known: Iterable[str], *, edits: int) -> str | None:
    """Give the known name that is nearest to this one, when it is at most so many edits away."""
    # Names whose lengths differ by more cannot be that near, and counting is slow.
    likely = (candidate for candidate in known if abs(len(candidate) - len(name)) <= edits)
    found = min(((count_edits(name, candidate), candidate) for candidate in likely), default=(edits + 1, ""))
    return found[1] if found[0] <= edits else None


def suggest(name: str, known: Iterable[str]) -> str:
    """Give ` (did you mean …?)` for a name that is nearly a known one, else nothing."""
    nearest = find_nearest(name, known, edits=max(2, len(name) // 3) if len(name) > _SHORT else 1)
    return f" (did you mean {nearest}?)" if nearest else ""
