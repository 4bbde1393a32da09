"""The retention rule, and which snapshots of a collection it keeps and why; those that nothing keeps are pruned.

The rules are restic's (`keep-last`, `keep-within`, `keep-daily` …). Two differences: a minimum of verified snapshots
always stays (Barman's minimum redundancy), and a wrong clock prunes nothing that a right one would keep.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

import msgspec

from restore.errors import RefusedError
from restore.retention.model import RetentionCandidate
from restore.system.text import format_age

LATEST = "latest"
PINNED = "pinned"
BEING_READ = "being read"
FUTURE = "dated in the future"
NEWER_THAN_VERIFIED = "newer than every verified one"
NO_RULE = "no rule is set"
_Period = tuple[int, ...]
_SERIES: tuple[tuple[str, Callable[[datetime], _Period]], ...] = (
    ("hourly", lambda at: (at.year, at.month, at.day, at.hour)),
    ("daily", lambda at: (at.year, at.month, at.day)),
    ("weekly", lambda at: at.isocalendar()[:2]),
    ("monthly", lambda at: (at.year, at.month)),
    ("yearly", lambda at: (at.year,)),
)


class RetentionRule(msgspec.Struct, frozen=True, kw_only=True):
    """Which snapshots of one collection stay: those that any rule keeps. None: the rule is not set.

    `keep_hourly` … `keep_yearly` keep the newest of each of the last so many calendar hours … years that have one
    (UTC, ISO weeks). `min_keep` verified snapshots always stay. `grace_seconds` count from when a newer verified one
    replaced a snapshot. These two only keep: alone they prune nothing.
    """

    keep_last: int | None = None
    keep_within_seconds: float | None = None
    keep_hourly: int | None = None
    keep_daily: int | None = None
    keep_weekly: int | None = None
    keep_monthly: int | None = None
    keep_yearly: int | None = None
    min_keep: int = 1
    grace_seconds: float = 0.0

    @property
    def is_empty(self) -> bool:
        """Return True if no rule is set; then nothing is pruned."""
        return all(keep is None for keep in self._keeps)

    @property
    def keeps_nothing(self) -> bool:
        """Return True if rules are set and all of them are 0."""
        return not self.is_empty and not any(self._keeps)

    @property
    def _keeps(self) -> tuple[float | None, ...]:
        return (
            self.keep_last,
            self.keep_within_seconds,
            self.keep_hourly,
            self.keep_daily,
            self.keep_weekly,
            self.keep_monthly,
            self.keep_yearly,
        )


class KeptSnapshot(msgspec.Struct, frozen=True):
    """A snapshot that stays, and all reasons for it, at least one."""

    file: str
    reasons: tuple[str, ...]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What stays and what is pruned, oldest first within each collection. Every candidate is in one of the two."""

    kept: tuple[KeptSnapshot, ...] = ()
    pruned: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def apply_rule(candidates: Iterable[RetentionCandidate], rule: RetentionRule, now: datetime) -> Decision:
    """Apply the rule to each collection among the candidates. `now` is aware.

    Raise `RefusedError` for a rule that keeps nothing. It takes O(n log n).
    """
    refuse_empty_rule(rule)
    groups: dict[str, list[RetentionCandidate]] = {}
    for one in candidates:
        groups.setdefault(one.collection, []).append(one)
    kept: list[KeptSnapshot] = []
    pruned: list[str] = []
    warnings: list[str] = []
    for collection, group in sorted(groups.items()):
        history = _History(group, now)
        unruled = {one.file: [NO_RULE] for one in history.ordered}
        reasons = unruled if rule.is_empty else _keep(history, rule)
        for one in history.ordered:
            if found := reasons.get(one.file):
                kept.append(KeptSnapshot(one.file, tuple(found)))
            else:
                pruned.append(one.file)
        warnings += _warn(collection, history)
    return Decision(kept=tuple(kept), pruned=tuple(pruned), warnings=tuple(warnings))


def refuse_empty_rule(rule: RetentionRule) -> None:
    """Raise `RefusedError` for a rule that keeps nothing."""
    if rule.keeps_nothing:
        raise RefusedError(
            "the retention rule keeps nothing: it would prune everything",
            left="nothing was deleted",
            hint="leave a rule out instead of setting it to 0, or keep at least one: --keep-last 1",
        )


class _History:
    """One collection's snapshots, oldest first.

    `counted` are the verified ones that are not dated in the future; only they count towards a rule. Ages are
    measured from `anchor`: the time of the newest counted one, or `now` when there is none.
    """

    def __init__(self, group: list[RetentionCandidate], now: datetime) -> None:
        self.ordered = sorted(group, key=_age)
        self.future = [one for one in self.ordered if one.created > now]
        self.counted = [one for one in self.ordered if one.verified and one.created <= now]
        self.anchor = self.counted[-1].created if self.counted else now


class _Reasons(dict[str, list[str]]):
    """The files that stay, each with its reasons."""

    def add(self, file: str, reason: str) -> None:
        self.setdefault(file, []).append(reason)


def _keep(history: _History, rule: RetentionRule) -> _Reasons:
    reasons = _Reasons()
    _keep_protected(history, reasons)
    _keep_unverified(history, reasons)
    _keep_newest(history, rule, reasons)
    _keep_young(history, rule, reasons)
    for name, find_period in _SERIES:
        for file, reason in _fill_series(history.counted, name, getattr(rule, f"keep_{name}") or 0, find_period):
            reasons.add(file, reason)
    return reasons


def _keep_protected(history: _History, reasons: _Reasons) -> None:
    """Keep latest, pinned, read and future ones, verified or not."""
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
    """Keep held-back ones until a newer one is verified: their snapshot command reported them."""
    newest = _age(history.counted[-1]) if history.counted else None
    for one in history.ordered:
        if not one.verified and (newest is None or _age(one) > newest):
            reasons.add(one.file, NEWER_THAN_VERIFIED)


def _keep_newest(history: _History, rule: RetentionRule, reasons: _Reasons) -> None:
    """Keep the last ones, and the minimum.

    The minimum is counted apart from the rules: a snapshot must not lose it because another rule keeps more.
    """
    newest_first = history.counted[::-1]
    for number, one in enumerate(newest_first[: rule.keep_last or 0], start=1):
        reasons.add(one.file, f"last {number} of {rule.keep_last}")
    for number, one in enumerate(newest_first[: rule.min_keep], start=1):
        reasons.add(one.file, f"min-keep {number} of {rule.min_keep}")


def _keep_young(history: _History, rule: RetentionRule, reasons: _Reasons) -> None:
    """Keep by age, measured from the newest one, so that a collection without new snapshots keeps its old ones."""
    within = rule.keep_within_seconds or 0.0
    for one in reversed(history.counted) if within else ():
        if (history.anchor - one.created).total_seconds() <= within:
            reasons.add(one.file, f"within {format_age(within)} of the newest")
    # A restore from the one before the newest may have begun just before that was published.
    replaced_at = history.anchor
    counted = {one.file for one in history.counted}
    for one in reversed(history.ordered) if rule.grace_seconds else ():
        if (history.anchor - replaced_at).total_seconds() < rule.grace_seconds:
            reasons.add(one.file, f"younger than the grace of {format_age(rule.grace_seconds)}")
        if one.file in counted:
            replaced_at = one.created


def _fill_series(
    counted: list[RetentionCandidate], name: str, wanted: int, find_period: Callable[[datetime], _Period]
) -> Iterator[tuple[str, str]]:
    """Yield the newest of each of the last `wanted` calendar periods, and the oldest while there are fewer periods.

    The oldest, because later periods are filled from it: without it a weekly series would never begin.
    """
    last: _Period | None = None
    filled = 0
    for one in reversed(counted) if wanted else ():
        period = find_period(_convert_to_utc(one.created))
        if period == last:
            continue
        if filled == wanted:
            return
        last, filled = period, filled + 1
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


def _convert_to_utc(at: datetime) -> datetime:
    """Return a moment in UTC. One that has none there (year 1 east of Greenwich) stays as the manifest has it."""
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return at
