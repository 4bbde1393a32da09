"""When a job is due: one run for missed slots, one a day when clocks change.

A moment of the schedule is a slot. What is remembered of a job is the last slot that was taken, never when it
ended: so a run that was late, or that several slots went by, is followed by the next slot and nothing is run twice.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, tzinfo

import msgspec

from restore.settings.schedule import Every, Schedule, iterate_slots

# More missed slots than this are not counted one by one.
_COUNTED = 1000
# A clock is set back by seconds now and then; a slot that lies further ahead was taken by a clock that was wrong.
_SET_BACK = timedelta(hours=1)
# Beyond them there is no reckoning with time zones and intervals.
_YEARS = range(1970, 9000)
# So long a run that another process began is left to it.
_ELSEWHERE = timedelta(hours=1)
# What a second interruption of the same run is not followed by: a run that kills its process would do so for ever.
_MOST_ATTEMPTS = 2


class JobRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of one job, also over restarts. All moments are UTC.

    `schedule` is its text and time zone: another one begins anew. `slot` is the last one taken, or the moment
    when the job was first seen. `began` without `ended` is a run that goes on, or was interrupted, after `attempts`
    for one slot; `by` names the process that began it. `status` is the last ended run's, None before there was one;
    `succeeded` the last success.
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
    """Give the first slot after a moment, UTC; None when there is none in fifty years."""
    if isinstance(schedule, Every):
        return after + timedelta(seconds=schedule.seconds)
    return next(iterate_slots(schedule, after, zone), None)


def find_last(schedule: Schedule, after: datetime, until: datetime, zone: tzinfo) -> datetime:
    """Give the last slot after `after` and not after `until`; `after` itself when none lies between."""
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
    own: str = "",
) -> datetime | None:
    """Give the moment when a job shall run next; not after `now`: it is due.

    `seed` is this machine's, for its offsets; `own` this process's name, whose runs nobody else is at.
    """
    slot = find_next(schedule, record.slot, zone)
    due = None if slot is None else slot + draw_offset(jitter_seconds, f"{seed} {record.job} {slot.isoformat()}")
    if not _was_interrupted(record) or record.began is None or record.attempts >= _MOST_ATTEMPTS:
        return due
    # Another one may still be at it; or it was this one, in a container that has another name now.
    again = min(now, record.began) if record.by in {"", own} else record.began + _ELSEWHERE
    return again if due is None else min(due, again)


def is_sane(record: JobRecord) -> bool:
    """Tell whether a run of ours may have written a record: every moment has a time zone, and is of our times."""
    moments = (record.slot, record.began, record.ended, record.succeeded)
    return all(one.tzinfo is not None and one.year in _YEARS for one in moments if one is not None)


def heal_record(record: JobRecord, now: datetime) -> JobRecord:
    """Give the record with now as its slot, when a clock that ran ahead took one in the future; else as it is."""
    return msgspec.structs.replace(record, slot=now) if record.slot - now > _SET_BACK else record


def take_slot(record: JobRecord, schedule: Schedule, now: datetime, *, zone: tzinfo, by: str = "") -> JobRecord:
    """Give the record of a job that begins now: every slot up to now is taken by this one run."""
    slot = find_last(schedule, record.slot, now, zone)
    again = _was_interrupted(record) and slot == record.slot
    return msgspec.structs.replace(
        record, slot=slot, attempts=record.attempts + 1 if again else 1, began=now, ended=None, by=by
    )


def end_run(record: JobRecord, status: int, now: datetime) -> JobRecord:
    """Give the record of a job that has ended."""
    succeeded = now if status == 0 else record.succeeded
    return msgspec.structs.replace(record, ended=now, status=status, succeeded=succeeded)


def adopt_record(own: JobRecord, theirs: JobRecord) -> JobRecord:
    """Give what is known of a job when another machine with the same store has written what it did, else `own`.

    Of one run it may have ended what was only begun before.
    """
    return max(own, theirs, key=lambda one: (one.slot, one.attempts, one.ended is not None))


def draw_offset(jitter_seconds: float, seed: str) -> timedelta:
    """Give an offset from 0 to the jitter: always the same one for a slot, another one on another machine."""
    share = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big") / (1 << 64)
    return timedelta(seconds=int(jitter_seconds * share))


def _was_interrupted(record: JobRecord) -> bool:
    return record.began is not None and record.ended is None
