"""Whether the work goes on (`/healthz`) and its jobs succeed (`/readyz`), also as metrics of this moment."""

from datetime import datetime, timedelta, tzinfo

import msgspec

from restore.daemon.slots import JobRecord, find_next
from restore.monitoring.metrics import OF_SERVE
from restore.monitoring.samples import Samples, SeriesKey, drop_metrics
from restore.settings.schedule import Schedule


class WorkerActivity(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker is doing. `running` is a job's name, empty between jobs.

    `silent_seconds` is the time since the last sign of life: a byte moved, an event, a look at the clock.
    """

    running: str = ""
    silent_seconds: float = 0.0


class JobState(msgspec.Struct, frozen=True, kw_only=True):
    """A job's schedule, what is remembered of it, and when it runs next; `due` is None when it never does."""

    schedule: Schedule
    record: JobRecord
    due: datetime | None = None


class JobHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One job in the JSON of `/healthz` and `/readyz`; `status` is the last run's exit status."""

    job: str
    schedule: str
    next: datetime | None
    began: datetime | None
    ended: datetime | None
    status: int | None
    succeeded: datetime | None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON of both pages. `healthy`: the worker is alive. `ready`: it is, and its jobs succeed in time."""

    healthy: bool
    ready: bool
    problems: tuple[str, ...]
    running: str
    jobs: tuple[JobHealth, ...]


def judge_health(
    seen: WorkerActivity,
    jobs: tuple[JobState, ...],
    now: datetime,
    *,
    zone: tzinfo,
    limit_seconds: float,
    late_seconds: float,
) -> Health:
    """Judge the work. It may be silent for `limit_seconds`, and a success may be late by `late_seconds`."""
    silent = _find_silence(seen, limit_seconds)
    failing = tuple(problem for one in jobs if (problem := _find_problem(one, now, zone, late_seconds)))
    return Health(
        healthy=not silent,
        ready=not silent and not failing,
        problems=(*silent, *failing),
        running=seen.running,
        jobs=tuple(_describe_job(one) for one in jobs),
    )


def _find_silence(seen: WorkerActivity, limit_seconds: float) -> tuple[str, ...]:
    if seen.silent_seconds <= limit_seconds:
        return ()
    what = f"{seen.running} gave" if seen.running else "the schedule gave"
    return (f"{what} no sign for {seen.silent_seconds:.0f} s (at most {limit_seconds:g} s)",)


def _find_problem(one: JobState, now: datetime, zone: tzinfo, late_seconds: float) -> str:
    """Return what is wrong with a job's results; empty when nothing is."""
    record = one.record
    if record.status:
        return f"the last {record.job} ended with status {record.status}"
    since = record.succeeded or record.slot
    expected = find_next(one.schedule, since, zone)
    # A run takes its time: it is late only when the slot after the missed one has passed as well.
    late = expected and find_next(one.schedule, expected, zone)
    if late and now > late + timedelta(seconds=late_seconds):
        return f"no {record.job} has succeeded since {since:%Y-%m-%d %H:%M:%S} UTC, its schedule is {record.schedule}"
    return ""


def _describe_job(one: JobState) -> JobHealth:
    record = one.record
    return JobHealth(
        job=record.job,
        schedule=record.schedule,
        next=one.due,
        began=record.began,
        ended=record.ended,
        status=record.status,
        succeeded=record.succeeded,
    )


def record_moment(samples: Samples, health: Health, now: datetime) -> Samples:
    """Return the samples with what is true at `now`, as `/metrics` shows it."""
    found = drop_metrics(samples, OF_SERVE)
    found[SeriesKey("serve_healthy")] = float(health.healthy)
    found[SeriesKey("serve_ready")] = float(health.ready)
    for job in health.jobs:
        found[SeriesKey("operation_in_progress", (job.job,))] = float(job.job == health.running)
        if job.next is not None:
            found[SeriesKey("next_run_timestamp_seconds", (job.job,))] = job.next.timestamp()
    for key, value in samples.items():
        if key.name == "last_proven_timestamp_seconds":
            found[SeriesKey("seconds_since_proven", key.labels)] = max(0.0, now.timestamp() - value)
    return found
