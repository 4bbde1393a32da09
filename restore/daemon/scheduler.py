"""The loop of `serve`: every job by its schedule, one after the other, and what is remembered of each."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import NoReturn

import msgspec

from restore.daemon.health import Health, JobState, WorkerActivity, judge_health, record_moment
from restore.daemon.heartbeat import Heartbeat
from restore.daemon.slots import JobRecord, adopt_record, end_run, find_due, heal_record, is_sane, take_slot
from restore.daemon.state import SchedulerState, StateStore
from restore.errors import Interrupted, RestoreError
from restore.exit_statuses import BUG
from restore.monitoring.notifier import Notifier
from restore.monitoring.prometheus import parse_samples, render_samples
from restore.monitoring.run_result import RunResult
from restore.monitoring.samples import Samples, record_run
from restore.settings.command_names import Command
from restore.settings.schedule import Schedule
from restore.system.clock import Clock
from restore.system.events import Log
from restore.system.text import encode_json

# Between two looks the machine's clock may be set, and a laptop may have slept.
_LONGEST_SLEEP_SECONDS = 5.0
# Other machines replace the same document, each within a moment.
_ATTEMPTS = 5


class ScheduledJob(msgspec.Struct, frozen=True):
    """A job, and its schedule as text and parsed."""

    job: Command
    text: str
    schedule: Schedule


class SchedulerPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs, in the order in which they run when several are due, and their limits.

    `seed` makes this machine's offsets its own, `process` names this process. A job that gives no sign of life for
    `health_seconds` is not healthy.
    """

    jobs: tuple[ScheduledJob, ...]
    zone: tzinfo
    zone_name: str
    jitter_seconds: float
    health_seconds: float
    seed: str
    process: str


# Adds what the store holds to metrics.
AddSamples = Callable[[Samples], Samples]


class SchedulerSession(msgspec.Struct, frozen=True, kw_only=True):
    """What the scheduler works with.

    `run` has the jobs: each runs once with a run's id, and returns how it ended instead of raising `RestoreError`.
    `measure_store` reads the store. `write_metrics_file` adds a run to the metrics file, where one is set.
    `is_process_gone` is true for the name of a process that certainly has ended.
    """

    run: Mapping[Command, Callable[[str], RunResult]]
    clock: Clock
    log: Log
    heartbeat: Heartbeat
    state_store: StateStore
    notifier: Notifier
    measure_store: Callable[[], AddSamples]
    write_metrics_file: Callable[[RunResult, AddSamples], None]
    make_id: Callable[[], str]
    is_process_gone: Callable[[str], bool]


class Scheduler:
    """Runs the jobs. Other threads call only `read_health` and `render_metrics`, which read frozen values."""

    def __init__(self, plan: SchedulerPlan, session: SchedulerSession) -> None:
        self._plan = plan
        self._session = session
        self._samples: Samples = {}
        self._jobs: tuple[JobState, ...] = ()

    def load_state(self) -> None:
        """Continue where the last process ended; a new job, or one with another schedule, begins now."""
        state, now = self._read_state(), self._session.clock.now()
        self._samples = self._session.measure_store()(parse_samples(state.metrics))
        known = {(record.job, record.schedule): record for record in state.jobs}
        jobs = []
        for planned in self._plan.jobs:
            schedule = f"{' '.join(planned.text.split())} {self._plan.zone_name}"
            record = known.get((planned.job, schedule)) or JobRecord(job=planned.job, schedule=schedule, slot=now)
            if self._session.is_process_gone(record.by):
                record = msgspec.structs.replace(record, by=self._plan.process)
            jobs.append(self._make_job_state(planned, heal_record(record, now)))
        self._jobs = tuple(jobs)
        self._save()
        for one in self._jobs:
            self._session.log(
                "schedule.job", job=one.record.job, schedule=one.record.schedule, next=_format_time(one.due)
            )

    def run(self) -> NoReturn:
        """Run jobs until a signal ends the process; the state is loaded."""
        while True:
            self._session.heartbeat.beat()
            due = self._find_due()
            if due is None:
                self._session.clock.sleep(self._find_pause())
            else:
                self._run_job(due)

    def read_health(self) -> Health:
        """Return how the work goes, from the work itself."""
        running, silent_seconds = self._session.heartbeat.read()
        seen = WorkerActivity(running=running, silent_seconds=silent_seconds)
        plan, now = self._plan, self._session.clock.now()
        late_seconds = plan.health_seconds + plan.jitter_seconds
        return judge_health(
            seen, self._jobs, now, zone=plan.zone, limit_seconds=plan.health_seconds, late_seconds=late_seconds
        )

    def render_metrics(self) -> bytes:
        """Return the metrics of this moment as text."""
        now = self._session.clock.now()
        return render_samples(record_moment(self._samples, self.read_health(), now))

    def _read_state(self) -> SchedulerState:
        try:
            content = self._session.state_store.read()
            state = msgspec.json.decode(content, type=SchedulerState) if content else SchedulerState()
            return msgspec.structs.replace(state, jobs=tuple(filter(is_sane, state.jobs)))
        except (RestoreError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            # Not knowing when a job ran last must not keep it from running.
            self._session.log("schedule.forgotten", level="warning", reason=str(error))
            return SchedulerState()

    def _save(self) -> None:
        for _ in range(_ATTEMPTS):
            if self._write_state(self._adopt_records()):
                return

    def _write_state(self, others: tuple[JobRecord, ...]) -> bool:
        """Write our records and `others`. False: another machine wrote meanwhile; read it again."""
        metrics = render_samples(self._samples).decode()
        state = SchedulerState(jobs=(*(one.record for one in self._jobs), *others), metrics=metrics)
        try:
            return self._session.state_store.write(encode_json(state).encode())
        except RestoreError as error:
            self._session.log("schedule.not_saved", level="warning", reason=str(error))
            return True

    def _take_slot(self, at: int, now: datetime) -> bool:
        """Take a job's slot in the state that all machines share. False: another machine has taken it.

        A store that cannot be read or written must not keep backups from being made: then the slot counts as taken.
        """
        planned, before = self._plan.jobs[at], self._jobs[at]
        taken = JobState(
            schedule=planned.schedule,
            record=take_slot(before.record, planned.schedule, now, zone=self._plan.zone, by=self._plan.process),
        )
        for _ in range(_ATTEMPTS):
            others = self._adopt_records()
            if self._jobs[at].record != before.record:
                return False
            self._replace_job(at, taken)
            if self._write_state(others):
                return True
            self._replace_job(at, before)
        self._replace_job(at, taken)
        return True

    def _find_due(self) -> int | None:
        """Return the position of the job that has been due for longest; the first of several."""
        now = self._session.clock.now()
        self._jobs = tuple(
            self._make_job_state(planned, heal_record(one.record, now))
            for planned, one in zip(self._plan.jobs, self._jobs, strict=True)
        )
        waiting = [(one.due, at) for at, one in enumerate(self._jobs) if one.due is not None and one.due <= now]
        return min(waiting)[1] if waiting else None

    def _find_pause(self) -> float:
        now = self._session.clock.now()
        left = [(one.due - now) / timedelta(seconds=1) for one in self._jobs if one.due is not None]
        return max(0.0, min([*left, _LONGEST_SLEEP_SECONDS]))

    def _run_job(self, at: int) -> None:
        """Run one job. Its record is written first, so that the next process knows of a run that was killed."""
        planned, one = self._plan.jobs[at], self._jobs[at]
        now = self._session.clock.now()
        if not self._take_slot(at, now):
            self._session.log("schedule.taken_elsewhere", job=planned.job)
            return
        operation_id, begin = self._session.make_id(), self._session.clock.read_seconds()
        late = max(0.0, (now - (one.due or now)).total_seconds())
        self._session.log("job.began", job=planned.job, operation_id=operation_id, late_seconds=round(late, 1))
        self._session.notifier.notify_start(planned.job, operation_id)
        self._session.heartbeat.begin(planned.job)
        result: RunResult | None = RunResult(
            command=planned.job,
            operation_id=operation_id,
            status=BUG,
            seconds=0.0,
            at=now,
            error="a bug; see the log",
        )
        try:
            result = self._session.run[planned.job](operation_id)
        except Interrupted:
            # The record stays as begun: the next process runs the job again.
            result = None
            raise
        finally:
            if result is not None:
                seconds = self._session.clock.read_seconds() - begin
                self._end_job(at, msgspec.structs.replace(result, seconds=seconds))

    def _end_job(self, at: int, result: RunResult) -> None:
        """Remember how a run ended before anything else: reading the store may take long, and be interrupted."""
        now = self._session.clock.now()
        result = msgspec.structs.replace(result, at=now, seconds=round(result.seconds, 3))
        self._samples = record_run(self._samples, result)
        job = self._make_job_state(self._plan.jobs[at], end_run(self._jobs[at].record, result.status, now))
        self._log_end(result, job)
        self._replace_job(at, job)
        self._session.heartbeat.begin("")
        self._save()
        failing = [one.record.job for one in self._jobs if one.record.status]
        self._session.notifier.notify_end(result, failing)
        add = self._session.measure_store()
        self._samples = add(self._samples)
        self._session.write_metrics_file(result, add)

    def _log_end(self, result: RunResult, job: JobState) -> None:
        self._session.log(
            "job.ended",
            level="error" if result.status else "info",
            job=result.command,
            operation_id=result.operation_id,
            status=result.status,
            took_seconds=result.seconds,
            error=result.error or None,
            next=_format_time(job.due),
        )

    def _adopt_records(self) -> tuple[JobRecord, ...]:
        """Adopt the slots that another machine has taken; return the records of jobs that are not ours."""
        state, now = self._read_state(), self._session.clock.now()
        sane = [record for record in state.jobs if heal_record(record, now) == record]
        theirs = {(record.job, record.schedule): record for record in sane}
        for at, one in enumerate(self._jobs):
            record = adopt_record(one.record, theirs.get((one.record.job, one.record.schedule), one.record))
            if record != one.record:
                self._replace_job(at, self._make_job_state(self._plan.jobs[at], record))
        ours = {planned.job for planned in self._plan.jobs}
        return tuple(record for record in state.jobs if record.job not in ours)

    def _make_job_state(self, planned: ScheduledJob, record: JobRecord) -> JobState:
        plan, now = self._plan, self._session.clock.now()
        due = find_due(
            record,
            planned.schedule,
            now,
            zone=plan.zone,
            jitter_seconds=plan.jitter_seconds,
            seed=plan.seed,
            process=plan.process,
        )
        return JobState(schedule=planned.schedule, record=record, due=due)

    def _replace_job(self, at: int, job: JobState) -> None:
        self._jobs = (*self._jobs[:at], job, *self._jobs[at + 1 :])


def _format_time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else "never"
