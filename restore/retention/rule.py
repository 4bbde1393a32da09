"""What a retention rule says, and what retention has to know of a snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from restore.errors import RestoreError


class RetentionRule(msgspec.Struct, frozen=True, kw_only=True):
    """Which snapshots of one collection stay. None is a rule that nobody set; the rules that are set are ORed.

    `keep_hourly` … `keep_yearly` keep the newest of each of the last so many calendar hours … years that have one
    (UTC, ISO weeks). `min_keep` is the floor of verified snapshots that no rule crosses; it and `grace_seconds` keep,
    and never make anything go.
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
        """Tell whether no rule is set at all: then nothing is ever pruned."""
        return all(keep is None for keep in self._keeps)

    @property
    def keeps_nothing(self) -> bool:
        """Tell whether rules are set and every one of them keeps nothing."""
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


class RetentionCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot that we wrote. `created` is the manifest's time, aware; `sequence` orders those of one second.

    `verified`: nothing speaks against it, it may be taken for latest, and no check found it damaged. `being_read` by
    a restore or a mirror just now. `size_bytes` is what deleting it frees.
    """

    file: str
    collection: str
    created: datetime
    sequence: int = 1
    size_bytes: int = 0
    verified: bool = True
    is_latest: bool = False
    pinned: bool = False
    pin_reason: str = ""
    being_read: bool = False


class CollectionCandidates(msgspec.Struct, frozen=True, kw_only=True):
    """One collection's files. `left` are not known to be ours: name and reason. `paths` are where candidates lie.

    `refusal` says why nothing of this collection may be decided: its latest cannot be told. `warnings` name what was
    found damaged.
    """

    collection: str
    candidates: tuple[RetentionCandidate, ...] = ()
    paths: Mapping[str, str] = {}
    left: tuple[tuple[str, str], ...] = ()
    refusal: RestoreError | None = None
    warnings: tuple[str, ...] = ()
