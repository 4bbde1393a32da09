"""What `pin` and `unpin` report."""

import msgspec

from restore.commands.outcome import Report, describe_outcome


class PinOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one snapshot. `changed`: it was pinned or unpinned now; a new reason is a change too."""

    snapshot: str
    changed: bool = False
    status: int = 0
    message: str = ""
    hint: str = ""


class PinReport(Report, frozen=True, kw_only=True):
    """All outcomes. `pinned`: True for `pin`, False for `unpin`."""

    store: str
    pinned: bool
    outcomes: tuple[PinOutcome, ...]
    status: int


def describe(report: PinReport) -> list[str]:
    """Return one line for each snapshot."""
    lines = []
    for one in report.outcomes:
        sentence = one.message or _describe_success(one, pinned=report.pinned)
        lines += describe_outcome(one.snapshot, sentence, hint=one.hint)
    return lines


def _describe_success(one: PinOutcome, *, pinned: bool) -> str:
    if pinned:
        return "pinned, no rule prunes it"
    return "no longer pinned" if one.changed else "was not pinned"
