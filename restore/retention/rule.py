"""A retention rule, and the facts about a snapshot that it decides on."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from restore.errors import RestoreError


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


class RetentionCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot that this program wrote.

    `created` is the manifest's time, aware; `sequence` orders those of one second. `verified`: it was not held back,
    and no check found it damaged. `being_read`: a restore or a mirror reads it now. Deleting it frees `size_bytes`.
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
    """One collection's files; `paths` are those of the candidates.

    `left` are files that this program did not write: name and reason. `refusal` is the error when the latest of this
    collection is unknown, so that nothing may be pruned. `warnings` name the damaged ones.
    """

    collection: str
    candidates: tuple[RetentionCandidate, ...] = ()
    paths: Mapping[str, str] = {}
    left: tuple[tuple[str, str], ...] = ()
    refusal: RestoreError | None = None
    warnings: tuple[str, ...] = ()
