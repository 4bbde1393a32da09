"""Which files the next sample of `verify` reads: those whose last check is the oldest, so that none is left out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from restore.checks.record import CheckDocument, Depth, SampleShare

_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
_ENOUGH = {Depth.LIST: ("list", "hash", "archive"), Depth.HASH: ("hash", "archive"), Depth.ARCHIVE: ("archive",)}


class LastChecked(msgspec.Struct, frozen=True, kw_only=True):
    """A file and when it was last looked at; None: never."""

    file: str
    at: datetime | None = None


def find_last_checked(file: str, document: CheckDocument | None, depth: Depth) -> LastChecked:
    """Say when a file was last looked at as closely as this.

    A look that found something wrong counts: else the one broken file would be every run's whole sample.
    """
    if document is None:
        return LastChecked(file=file)
    times = [check.at for known, check in document.passed.items() if known in _ENOUGH[depth]]
    if document.failed and document.failed.depth in _ENOUGH[depth]:
        times.append(document.failed.at)
    return LastChecked(file=file, at=max(times, default=None))


def select_oldest(files: Iterable[LastChecked], share: SampleShare, now: datetime) -> tuple[str, ...]:
    """Give the files to read now, oldest check first, the names deciding between equals.

    With a share of n/m every file is read within ceil(m/n) runs, whatever was recorded before. A time that has not
    come yet was written by a clock that was wrong: such a file counts as never read.
    """

    def age(one: LastChecked) -> tuple[datetime, str]:
        return (one.at if one.at is not None and one.at <= now else _LONG_AGO, one.file)

    ordered = sorted(files, key=age)
    return tuple(one.file for one in ordered[: share.count(len(ordered))])
