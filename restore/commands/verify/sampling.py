"""Which files the next sample of `verify` reads: those with the oldest checks, so that in time each is read."""

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from restore.checks.record import CheckDocument, Depth, SampleShare

_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
_ENOUGH = {Depth.LIST: ("list", "hash", "archive"), Depth.HASH: ("hash", "archive"), Depth.ARCHIVE: ("archive",)}


class LastChecked(msgspec.Struct, frozen=True, kw_only=True):
    """A file and when it was last checked; None: never."""

    file: str
    at: datetime | None = None


def find_last_checked(file: str, document: CheckDocument | None, depth: Depth) -> LastChecked:
    """Return when a file was last checked to at least this depth.

    A check that failed counts too: else one broken file would be the whole sample of every run.
    """
    if document is None:
        return LastChecked(file=file)
    times = [check.at for known, check in document.passed.items() if known in _ENOUGH[depth]]
    if document.failed and document.failed.depth in _ENOUGH[depth]:
        times.append(document.failed.at)
    return LastChecked(file=file, at=max(times, default=None))


def select_oldest(files: Iterable[LastChecked], share: SampleShare, now: datetime) -> tuple[str, ...]:
    """Return the files to read now, the oldest check first; of equal ones the first by name.

    With a share of n/m every file is read within ceil(m/n) runs, whatever was recorded before. A file with a check
    later than `now` counts as never checked: a clock was wrong.
    """

    def age(one: LastChecked) -> tuple[datetime, str]:
        return (one.at if one.at is not None and one.at <= now else _LONG_AGO, one.file)

    ordered = sorted(files, key=age)
    return tuple(one.file for one in ordered[: share.count(len(ordered))])
