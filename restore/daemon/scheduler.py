"""`serve`: one process that does every job by its schedule, one after the other, and can be asked how it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import NoReturn

import msgspec

from restore.daemon.health import Health, JobState, WorkerActivity, judge_health, record_moment
from restore.daemon.heartbeat import Heartbeat
from restore.daemon.slots import JobRecord, adopt_record, end_run, find_due, heal_record, is_sane, take_slot
from restore.daemon.state import SchedulerState, StateStore
from restore.errors import Interrupted, RestoreError
from restore.monitoring.notifier import Notifier
from restore.monitoring.run_result import RunResult
from restore.monitoring.samples import Samples, record_run
from restore.settings.command_names import Command
from restore.settings.schedule import Schedule
from restore.system.clock import Clock
from restore.system.events import Log

# The machine's clock is looked at this often: it may be set, and a laptop may have slept.
_LOOK_SECONDS = 5.0
_BUG = 1
# Other machines write to the same book, for a moment each.
_TRIES = 5


class ScheduledJob(msgspec.Struct, frozen=True):
    """A job, its schedule as it was written, and as it was read."""

    job: Command
    text: str
    schedule: Schedule


class SchedulerPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted: the jobs in the order in which they run when they are due together, and their limits.

    `seed` makes this machine's offsets its own, `own` names this process. `health_seconds`: so long may
    a job give no sign.
    """

    jobs: tuple[ScheduledJob, ...]
    zone: tzinfo
    zone_name: str
    jitter_seconds: float
    health_seconds: float
    seed: str
    own: str


# Adds to metrics.
Add = Callable[[Samples], Samples]


class SchedulerSession(msgspec.Struct, frozen=True, kw_only=True):
    """What a door builds.

    `carry_out` has the jobs: each runs once, with the run's id, and says how it ended; what is expected is not
    raised. `survey` looks at the store, and gives what adds that to metrics; they are written as text and read back.
    `write_file` adds a run to the file that others may read, where one is wanted. `is_gone` tells whether the process
    of a name surely runs no more.
    """

    run: Mapping[Command, Callable[[str], RunResult]]
    clock: Clock
    log: Log
    pulse: Heartbeat
    keeper: StateStore
    teller: Notifier
    survey: Callable[[], Add]
    write_file: Callable[[RunResult, Add], None]
    write_metrics: Callable[[Samples], bytes]
    read_metrics: Callable[[str], Samples]
    make_id: Callable[[], str]
    is_gone: Callable[[str], bool]


class Scheduler:
    """Does the jobs. Only `look` and `tell_metrics` are called by other threads; they read frozen values."""

    def __init__(self, plan: SchedulerPlan, session: SchedulerSession) -> None:
        self._plan = plan
        self._session = session
        self._samples: Samples = {}
        self._watched: tuple[JobState, ...] = ()

    def open_book(self) -> None:
        """Go on where the last process ended; a job with another schedule, or a new one, begins now."""
        book, now = self._read_book(), self._session.clock.now()
        self._samples = self._session.survey()(self._session.read_metrics(book.metrics))
        known = {(record.job, record.schedule): record for record in book.jobs}
        watched = []
        for planned in self._plan.jobs:
            written = self._write_schedule(planned)
            record = known.get((planned.job, written)) or JobRecord(job=planned.job, schedule=written, slot=now)
            if self._session.is_gone(record.by):
                record = msgspec.structs.replace(record, by=self._plan.own)
            watched.append(self._watch(planned, heal_record(record, now)))
        self._watched = tuple(watched)
        self._save()
        for one in self._watched:
            self._session.log("schedule.job", job=one.record.job, schedule=one.record.schedule, next=_show(one.due))

    def run(self) -> NoReturn:
        """Work until a signal ends it; the book is open."""
        while True:
            self._session.pulse.beat()
            due = self._find_due()
            if due is None:
                self._session.clock.sleep(self._find_pause())
            else:
                self._do(due)

    def state(self) -> Health:
        """Say how the work goes, from the work itself."""
        running, silent_seconds = self._session.pulse.read()
        seen = WorkerActivity(running=running, silent_seconds=silent_seconds)
        plan, now = self._plan, self._session.clock.now()
        late_seconds = plan.health_seconds + plan.jitter_seconds
        return judge_health(
            seen, self._watched, now, zone=plan.zone, limit_seconds=plan.health_seconds, late_seconds=late_seconds
        )

    def tell_metrics(self) -> bytes:
        """Give the metrics of this moment."""
        return self._session.write_metrics(record_moment(self._samples, self.state(), self._session.clock.now()))

    def _read_book(self) -> SchedulerState:
        try:
            content = self._session.keeper.read()
            book = msgspec.json.decode(content, type=SchedulerState) if content else SchedulerState()
            return msgspec.structs.replace(book, jobs=tuple(filter(is_sane, book.jobs)))
        except (RestoreError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            # Not knowing when a job ran last must not keep it from running.
            self._session.log("schedule.forgotten", level="warning", reason=str(error))
            return SchedulerState()

    def _save(self) -> None:
        for _ in range(_TRIES):
            if self._write_book(self._adopt()):
                return

    def _write_book(self, others: tuple[JobRecord, ...]) -> bool:
        """Write what was read and added to. False: another machine wrote meanwhile; it has to be read again."""
        metrics = self._session.write_metrics(self._samples).decode()
        book = SchedulerState(jobs=(*(one.record for one in self._watched), *others), metrics=metrics)
        try:
            return self._session.keeper.write(msgspec.json.encode(book))
        except RestoreError as error:
            self._session.log("schedule.not_saved", level="warning", reason=str(error))
            return True

    def _take(self, at: int, now: datetime) -> bool:
        """Take the slot, in the book that machines with the same store share. False: another one has taken it.

        A store that cannot be asked must not keep backups from being made.
        """
        planned, before = self._plan.jobs[at], self._watched[at]
        taken = take_slot(before.record, planned.schedule, now, zone=self._plan.zone, by=self._plan.own)
        for _ in range(_TRIES):
            others = self._adopt()
            if self._watched[at].record != before.record:
                return False
            self._put(at, JobState(schedule=planned.schedule, record=taken))
            if self._write_book(others):
                return True
            self._put(at, before)
        self._put(at, JobState(schedule=planned.schedule, record=taken))
        return True

    def _find_due(self) -> int | None:
        """Give the job that has been due for longest; of equals the first."""
        now = self._session.clock.now()
        self._watched = tuple(
            self._watch(planned, heal_record(one.record, now))
            for planned, one in zip(self._plan.jobs, self._watched, strict=True)
        )
        waiting = [(one.due, at) for at, one in enumerate(self._watched) if one.due is not None and one.due <= now]
        return min(waiting)[1] if waiting else None

    def _find_pause(self) -> float:
        now = self._session.clock.now()
        left = [(one.due - now) / timedelta(seconds=1) for one in self._watched if one.due is not None]
        return max(0.0, min([*left, _LOOK_SECONDS]))

    def _do(self, at: int) -> None:
        """Run one job. Its record is written before, so that a killed process knows that it was at it."""
        planned, one = self._plan.jobs[at], self._watched[at]
        now = self._session.clock.now()
        if not self._take(at, now):
            self._session.log("schedule.taken_elsewhere", job=planned.job)
            return
        operation_id, begin = self._session.make_id(), self._session.clock.read_seconds()
        late = max(0.0, (now - (one.due or now)).total_seconds())
        self._session.log("job.began", job=planned.job, operation_id=operation_id, late_seconds=round(late, 1))
        self._session.teller.notify_start(planned.job, operation_id)
        self._session.pulse.begin(planned.job)
        ended: RunResult | None = RunResult(
            command=planned.job,
            operation_id=operation_id,
            status=_BUG,
            seconds=0.0,
            at=now,
            error="a bug; see the log",
        )
        try:
            ended = self._session.run[planned.job](operation_id)
        except Interrupted:
            # It is left as begun: the next process does it again.
            ended = None
            raise
        finally:
            if ended is not None:
                self._close(at, msgspec.structs.replace(ended, seconds=self._session.clock.read_seconds() - begin))

    def _close(self, at: int, ended: RunResult) -> None:
        """Remember how a run ended before anything else: looking at the store may take long, and be interrupted."""
        now = self._session.clock.now()
        ended = msgspec.structs.replace(ended, at=now, seconds=round(ended.seconds, 3))
        self._samples = record_run(self._samples, ended)
        watched = self._watch(self._plan.jobs[at], end_run(self._watched[at].record, ended.status, now))
        self._log_end(ended, watched)
        self._put(at, watched)
        self._session.pulse.begin("")
        self._save()
        failing = [one.record.job for one in self._watched if one.record.status]
        self._session.teller.notify_end(ended, failing)
        add = self._session.survey()
        self._samples = add(self._samples)
        self._session.write_file(ended, add)

    def _log_end(self, ended: RunResult, watched: JobState) -> None:
        self._session.log(
            "job.ended",
            level="error" if ended.status else "info",
            job=ended.command,
            operation_id=ended.operation_id,
            status=ended.status,
            took_seconds=ended.seconds,
            error=ended.error or None,
            next=_show(watched.due),
        )

    def _adopt(self) -> tuple[JobRecord, ...]:
        """Take over the slots that another machine with the same store has taken; give the jobs that are not ours."""
        book, now = self._read_book(), self._session.clock.now()
        sane = [record for record in book.jobs if heal_record(record, now) == record]
        theirs = {(record.job, record.schedule): record for record in sane}
        for at, one in enumerate(self._watched):
            record = adopt_record(one.record, theirs.get((one.record.job, one.record.schedule), one.record))
            if record != one.record:
                self._replace(at, record)
        ours = {planned.job for planned in self._plan.jobs}
        return tuple(record for record in book.jobs if record.job not in ours)

    def _watch(self, planned: ScheduledJob, record: JobRecord) -> JobState:
        plan, now = self._plan, self._session.clock.now()
        due = find_due(
            record,
            planned.schedule,
            now,
            zone=plan.zone,
            jitter_seconds=plan.jitter_seconds,
            seed=plan.seed,
            own=plan.own,
        )
        return JobState(schedule=planned.schedule, record=record, due=due)

    def _replace(self, at: int, record: JobRecord) -> None:
        self._put(at, self._watch(self._plan.jobs[at], record))

    def _put(self, at: int, one: JobState) -> None:
        self._watched = (*self._watched[:at], one, *self._watched[at + 1 :])

    def _write_schedule(self, planned: ScheduledJob) -> str:
        return f"{' '.join(planned.text.split())} {self._plan.zone_name}"


def _show(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else "never"
