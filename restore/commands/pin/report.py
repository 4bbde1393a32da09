"""What `pin` and `unpin` report."""

from __future__ import annotations

import msgspec

from restore.errors import PARTIAL


class PinOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """One snapshot's end. `changed`: it is pinned (or not) now and was not before; a pin's reason counts as new."""

    snapshot: str
    changed: bool = False
    status: int = 0
    message: str = ""
    hint: str = ""


class PinReport(msgspec.Struct, frozen=True, kw_only=True):
    """All outcomes. `pinned`: what was asked for."""

    store: str
    pinned: bool
    outcomes: tuple[PinOutcome, ...]
    status: int


def decide_status(outcomes: tuple[PinOutcome, ...]) -> int:
    """Give the exit status: 0, the failure's own when nothing succeeded, else 3 for partial."""
    failures = [one.status for one in outcomes if one.status]
    if not failures:
        return 0
    return failures[0] if len(failures) == len(outcomes) else PARTIAL


def describe(report: PinReport) -> list[str]:
    """Give one line for each snapshot."""
    lines = []
    for one in report.outcomes:
        lines.append(f"{one.snapshot}: {one.message or _describe_success(one, pinned=report.pinned)}")
        lines += [f"  hint: {one.hint}"] if one.hint else []
    return lines


def _describe_success(one: PinOutcome, *, pinned: bool) -> str:
    if pinned:
        return "pinned, no rule prunes it"
    return "no longer pinned" if one.changed else "was not pinned"
