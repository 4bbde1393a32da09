"""Whether a new snapshot becomes latest. When it does not, the file is kept and the old latest stays."""

from datetime import datetime

import msgspec

from restore.errors import IncompatibleError, RefusedError, RestoreError
from restore.system.text import format_count

_LEAST_SHARE = 0.5


class SnapshotContent(msgspec.Struct, frozen=True):
    """A snapshot's time and number of points, as far as known."""

    file: str
    created: datetime | None
    points: int | None


def find_promotion_problem(
    new: SnapshotContent, last: SnapshotContent | None, *, part_problem: str, allow_smaller: bool
) -> RestoreError | None:
    """Return the error that keeps a new snapshot from becoming latest; None when it may.

    `last` is the latest so far. `part_problem` says why the new one alone does not make a collection whole (see
    `archive.find_part_problem`).
    """
    kept = f"'{new.file}' is kept, latest stays {repr(last.file) if last else 'without one'}"
    if part_problem:
        return IncompatibleError(
            f"snapshot {part_problem}",
            left=kept,
            hint="it can be restored by hand on the cluster it came from; no restore takes it by itself",
        )
    if last is None:
        return None
    if last.created and new.created and new.created < last.created:
        return RefusedError(
            f"the latest snapshot is newer than this one: {last.created:%Y-%m-%d %H:%M:%S} UTC",
            left=kept,
            hint="if its time is wrong (a clock that was ahead), delete it together with its manifest",
        )
    if is_suspiciously_smaller(new.points, last.points) and not allow_smaller:
        return RefusedError(
            f"the collection has {format_count(new.points or 0, 'point')}, the latest snapshot has "
            f"{last.points:,}: suspiciously fewer",
            left=kept,
            hint="if that is right: qdrant-restore snapshot --allow-smaller",
        )
    return None


def is_suspiciously_smaller(points: int | None, last_points: int | None) -> bool:
    """Return whether a collection lost all its points, or more than half of them, since the last snapshot."""
    if points is None or not last_points:
        return False
    return points < last_points * _LEAST_SHARE
