"""How one run of a command ended, as metrics and notifications read it."""

from collections.abc import Iterable
from datetime import datetime

import msgspec


class CollectionRun(msgspec.Struct, frozen=True, kw_only=True):
    """What one run did with one collection. `status` is an exit status.

    `skipped`: a policy left the collection alone, which is no failure. `direction` is `download`, `upload` or
    `mirror`, empty when no bytes moved.
    """

    collection: str
    status: int = 0
    skipped: bool = False
    seconds: float | None = None
    bytes_moved: int = 0
    direction: str = ""


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one command. `error` is a sentence, empty when all went well.

    `operation_id` is the same in its log and its notifications. `at` is when it ended, UTC. `runs` has one entry for
    each collection.
    """

    command: str
    operation_id: str
    status: int
    seconds: float
    at: datetime
    error: str = ""
    runs: tuple[CollectionRun, ...] = ()
    lock_wait_seconds: float | None = None


def merge_runs(runs: Iterable[CollectionRun]) -> tuple[CollectionRun, ...]:
    """Return one entry for each collection; of several the first failure's status is taken, and the sums."""
    merged: dict[str, CollectionRun] = {}
    for run in runs:
        other = merged.setdefault(run.collection, run)
        if other is not run:
            merged[run.collection] = msgspec.structs.replace(
                other,
                status=other.status or run.status,
                skipped=other.skipped and run.skipped,
                seconds=None if run.seconds is None else (other.seconds or 0.0) + run.seconds,
                bytes_moved=other.bytes_moved + run.bytes_moved,
            )
    return tuple(merged.values())
