"""When a job is due: one run for all missed slots, and one a day when clocks change.

A slot is a moment of the schedule. A job's record holds the last slot that was taken, not when its run ended: so
after a late run, or one that several slots passed by, the next slot follows, and no slot is run twice.
"""

import hashlib
from datetime import datetime, timedelta, tzinfo

import msgspec

from restore.settings.schedule import Every, Schedule, iterate_slots

# More missed slots than this are not counted singly.
_COUNTED = 1000
# Clocks are set back by seconds now and then. A slot further ahead than this was taken by a wrong clock.
_SET_BACK = timedelta(hours=1)
# Outside these years, arithmetic with time zones and intervals overflows.
_YEARS = range(1970, 9000)
# How long a run is left to the other process that began it.
_ELSEWHERE = timedelta(hours=1)
# A run that is interrupted twice is not repeated: one that kills its process would do so for ever.
_MOST_ATTEMPTS = 2


class JobRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of one job across restarts. All times are UTC.

    `schedule` is its text and time zone; a job with another schedule begins anew. `slot` is the last slot taken, or
    the time when the job was first seen. `began` without `ended` is a run that goes on or was interrupted.
    `attempts` counts the runs for this slot. `by` names the process that began the last one. `status` is the exit
    status of the last run that ended, None before the first. `succeeded` is when a run last succeeded.
    """

    job: str
    schedule: str
    slot: datetime
    attempts: int = 0
    began: datetime | None = None
    ended: datetime | None = None
    status: int | None = None
    succeeded: datetime | None = None
    by: str = ""


def find_next(schedule: Schedule, after: datetime, zone: tzinfo) -> datetime | None:
    """Return the first slot after a time, UTC; None when there is none in fifty years."""
    if isinstance(schedule, Every):
        return after + timedelta(seconds=schedule.seconds)
    return next(iterate_slots(schedule, after, zone), None)


def find_last(schedule: Schedule, after: datetime, until: datetime, zone: tzinfo) -> datetime:
    """Return the last slot after `after` and not after `until`; `after` itself when there is none between."""
    if isinstance(schedule, Every):
        return after + timedelta(seconds=schedule.seconds) * ((until - after) // timedelta(seconds=schedule.seconds))
    last = after
    for count, slot in enumerate(iterate_slots(schedule, after, zone)):
        if slot > until:
            return last
        if count == _COUNTED:
            break
        last = slot
    return until


def find_due(
    record: JobRecord,
    schedule: Schedule,
    now: datetime,
    *,
    zone: tzinfo,
    jitter_seconds: float,
    seed: str,
    process: str = "",
) -> datetime | None:
    """Return when a job runs next, UTC. It is due when that is not after `now`. None when it never runs again.

    `seed` draws this machine's offsets. `process` is this process's name: no other process is at its runs.
    """
    slot = find_next(schedule, record.slot, zone)
    due = None if slot is None else slot + draw_offset(jitter_seconds, f"{seed} {record.job} {slot.isoformat()}")
    if not _was_interrupted(record) or record.began is None or record.attempts >= _MOST_ATTEMPTS:
        return due
    # Another process may still be at it, or it was this one, in a container with another name.
    again = min(now, record.began) if record.by in {"", process} else record.began + _ELSEWHERE
    return again if due is None else min(due, again)


def is_sane(record: JobRecord) -> bool:
    """Return whether this program may have written the record: every time has a time zone and lies in our times."""
    moments = (record.slot, record.began, record.ended, record.succeeded)
    return all(one.tzinfo is not None and one.year in _YEARS for one in moments if one is not None)


def heal_record(record: JobRecord, now: datetime) -> JobRecord:
    """Return the record with `now` as its slot if a fast clock took a slot in the future, else the record itself."""
    return msgspec.structs.replace(record, slot=now) if record.slot - now > _SET_BACK else record


def take_slot(record: JobRecord, schedule: Schedule, now: datetime, *, zone: tzinfo, by: str = "") -> JobRecord:
    """Return the record of a job that begins now: its run takes every slot up to `now`."""
    slot = find_last(schedule, record.slot, now, zone)
    again = _was_interrupted(record) and slot == record.slot
    return msgspec.structs.replace(
        record, slot=slot, attempts=record.attempts + 1 if again else 1, began=now, ended=None, by=by
    )


def end_run(record: JobRecord, status: int, now: datetime) -> JobRecord:
    """Return the record of a job that ended now."""
    succeeded = now if status == 0 else record.succeeded
    return msgspec.structs.replace(record, ended=now, status=status, succeeded=succeeded)


def adopt_record(own: JobRecord, theirs: JobRecord) -> JobRecord:
    """Return the newer of two records of a job: our own, and the one that another machine with the same store wrote.

    Of two records of one run, the one that has ended is newer.
    """
    return max(own, theirs, key=lambda one: (one.slot, one.attempts, one.ended is not None))


def draw_offset(jitter_seconds: float, seed: str) -> timedelta:
    """Return an offset from 0 to the jitter. The same seed always gives the same offset."""
    share = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big") / (1 << 64)
    return timedelta(seconds=int(jitter_seconds * share))


def _was_interrupted(record: JobRecord) -> bool:
    return record.began is not None and record.ended is None
