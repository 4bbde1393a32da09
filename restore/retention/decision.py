"""Which snapshots stay and why; what goes is what nothing keeps. Per collection, never across; pure arithmetic.

The words are restic's (`keep-last`, `keep-within`, `keep-daily` …). What differs: a floor of verified snapshots that
no rule crosses (Barman's minimum redundancy), and a clock that jumped deletes nothing that a right one would keep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

import msgspec

from restore.errors import RefusedError
from restore.retention.rule import RetentionCandidate, RetentionRule

LATEST = "latest"
PINNED = "pinned"
BEING_READ = "being read"
FUTURE = "dated in the future"
NEWER_THAN_VERIFIED = "newer than every verified one"
NO_RULE = "no rule is set"
_Bucket = tuple[int, ...]
_SERIES: tuple[tuple[str, Callable[[datetime], _Bucket]], ...] = (
    ("hourly", lambda at: (at.year, at.month, at.day, at.hour)),
    ("daily", lambda at: (at.year, at.month, at.day)),
    ("weekly", lambda at: at.isocalendar()[:2]),
    ("monthly", lambda at: (at.year, at.month)),
    ("yearly", lambda at: (at.year,)),
)


class KeptSnapshot(msgspec.Struct, frozen=True):
    """A snapshot that stays, and every reason for it; there is at least one."""

    file: str
    reasons: tuple[str, ...]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What stays and what goes, each oldest first within its collection. Every candidate is in one of them."""

    kept: tuple[KeptSnapshot, ...] = ()
    pruned: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def apply_rule(candidates: Iterable[RetentionCandidate], rule: RetentionRule, now: datetime) -> Decision:
    """Decide for every collection among the candidates. `now` is aware.

    Raises `RefusedError` for a rule that keeps nothing. Costs n log n.
    """
    if rule.keeps_nothing:
        raise RefusedError(
            "the retention rule keeps nothing: it would prune everything",
            left="nothing was deleted",
            hint="leave a rule out instead of setting it to 0, or keep at least one: --keep-last 1",
        )
    groups: dict[str, list[RetentionCandidate]] = {}
    for one in candidates:
        groups.setdefault(one.collection, []).append(one)
    kept: list[KeptSnapshot] = []
    pruned: list[str] = []
    warnings: list[str] = []
    for collection, group in sorted(groups.items()):
        history = _History(group, now)
        reasons = _keep_all(history) if rule.is_empty else _keep(history, rule)
        for one in history.ordered:
            if found := reasons.get(one.file):
                kept.append(KeptSnapshot(one.file, tuple(found)))
            else:
                pruned.append(one.file)
        warnings += _warn(collection, history)
    return Decision(kept=tuple(kept), pruned=tuple(pruned), warnings=tuple(warnings))


class _History:
    """One collection's snapshots, oldest first.

    `counted` are the verified ones that are not dated in the future; only they count towards a rule. `anchor` is what
    ages are measured from: now, or the newest counted one when the clock runs ahead of it.
    """

    def __init__(self, group: list[RetentionCandidate], now: datetime) -> None:
        self.ordered = sorted(group, key=_age)
        self.future = [one for one in self.ordered if one.created > now]
        self.counted = [one for one in self.ordered if one.verified and one.created <= now]
        self.anchor = self.counted[-1].created if self.counted else now


class _Reasons(dict[str, list[str]]):
    """The reasons for each file that stays."""

    def add(self, file: str, reason: str) -> None:
        self.setdefault(file, []).append(reason)


def _keep_all(history: _History) -> _Reasons:
    return _Reasons({one.file: [NO_RULE] for one in history.ordered})


def _keep(history: _History, rule: RetentionRule) -> _Reasons:
    reasons = _Reasons()
    _keep_protected(history, reasons)
    _keep_unverified(history, reasons)
    _keep_newest(history, rule, reasons)
    _keep_young(history, rule, reasons)
    for name, find_bucket in _SERIES:
        for file, reason in _fill_series(history.counted, name, getattr(rule, f"keep_{name}") or 0, find_bucket):
            reasons.add(file, reason)
    return reasons


def _keep_protected(history: _History, reasons: _Reasons) -> None:
    """Keep what no rule may touch, verified or not."""
    for one in history.ordered:
        if one.is_latest:
            reasons.add(one.file, LATEST)
        if one.pinned:
            reasons.add(one.file, f"{PINNED}: {one.pin_reason}" if one.pin_reason else PINNED)
        if one.being_read:
            reasons.add(one.file, BEING_READ)
    for one in history.future:
        reasons.add(one.file, FUTURE)


def _keep_unverified(history: _History, reasons: _Reasons) -> None:
    """Keep what was held back until a newer one is verified: people were told that it is there."""
    newest = _age(history.counted[-1]) if history.counted else None
    for one in history.ordered:
        if not one.verified and (newest is None or _age(one) > newest):
            reasons.add(one.file, NEWER_THAN_VERIFIED)


def _keep_newest(history: _History, rule: RetentionRule, reasons: _Reasons) -> None:
    """Keep the last ones, and the floor.

    The floor whatever the rules keep: one that only filled up what they left would go when a rule keeps more.
    """
    newest_first = history.counted[::-1]
    for number, one in enumerate(newest_first[: rule.keep_last or 0], start=1):
        reasons.add(one.file, f"last {number} of {rule.keep_last}")
    for number, one in enumerate(newest_first[: rule.min_keep], start=1):
        reasons.add(one.file, f"min-keep {number} of {rule.min_keep}")


def _keep_young(history: _History, rule: RetentionRule, reasons: _Reasons) -> None:
    """Keep by age. From the newest one, not from now, so that a collection that nobody snapshots any more stays."""
    within = rule.keep_within_seconds or 0.0
    for one in reversed(history.counted) if within else ():
        if (history.anchor - one.created).total_seconds() <= within:
            reasons.add(one.file, f"within {within:g} s of the newest")
    for one in reversed(history.ordered) if rule.grace_seconds else ():
        if (history.anchor - one.created).total_seconds() < rule.grace_seconds:
            reasons.add(one.file, "in its grace")


def _fill_series(
    counted: list[RetentionCandidate], name: str, wanted: int, find_bucket: Callable[[datetime], _Bucket]
) -> Iterator[tuple[str, str]]:
    """Give the newest of each of the last `wanted` buckets; the oldest of all while there are fewer buckets.

    The oldest, because it is what the series will be filled from: without it a weekly one would never begin.
    """
    last: _Bucket | None = None
    filled = 0
    for one in reversed(counted) if wanted else ():
        bucket = find_bucket(_read_utc(one.created))
        if bucket == last:
            continue
        if filled == wanted:
            return
        last, filled = bucket, filled + 1
        yield one.file, f"{name} {filled} of {wanted}"
    if counted and wanted and filled < wanted:
        yield counted[0].file, f"oldest, {name} has {filled} of {wanted}"


def _warn(collection: str, history: _History) -> Iterator[str]:
    if history.future:
        first = history.future[0]
        yield (
            f"collection '{collection}': {len(history.future)} dated in the future (first: '{first.file}') and kept; "
            "is this machine's clock right?"
        )


def _age(one: RetentionCandidate) -> tuple[datetime, int, str]:
    return (one.created, one.sequence, one.file)


def _read_utc(at: datetime) -> datetime:
    """Give a moment in UTC; a manifest may say one that has none (year 1 east of Greenwich), which stays as it is."""
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return at
