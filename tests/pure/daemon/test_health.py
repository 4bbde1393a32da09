"""Health from the work itself: silence is unhealthy, failing and lateness are not ready."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from restore.daemon.health import Health, JobState, WorkerActivity, judge_health
from restore.daemon.slots import JobRecord
from restore.settings.schedule import Cron

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LIMIT = 600.0


def make_job(**more: object) -> JobState:
    """Return the hourly snapshot, whose last slot was noon."""
    record = JobRecord(**{"job": "snapshot", "schedule": "@hourly UTC", "slot": NOON, **more})  # type: ignore[arg-type]
    return JobState(schedule=Cron("0 * * * *"), record=record)


def ask(now: datetime, *jobs: JobState, seen: WorkerActivity | None = None) -> tuple[bool, bool, tuple[str, ...]]:
    """Return the health of the scheduler."""
    found: Health = judge_health(
        seen or WorkerActivity(), jobs, now, zone=UTC, limit_seconds=LIMIT, late_seconds=LIMIT
    )
    return found.healthy, found.ready, found.problems


def test_a_worker_that_gives_signs_is_healthy_however_long_it_works() -> None:
    """A job of a day is no trouble as long as bytes move."""
    working = make_job(began=NOON, succeeded=NOON)

    assert ask(NOON, working, seen=WorkerActivity(running="snapshot", silent_seconds=LIMIT)) == (True, True, ())


def test_a_job_that_gives_no_sign_is_unhealthy_within_the_stated_time() -> None:
    """One second over it."""
    found = ask(NOON, make_job(began=NOON), seen=WorkerActivity(running="snapshot", silent_seconds=LIMIT + 1))

    assert found == (False, False, ("snapshot gave no sign for 601 s (at most 600 s)",))


def test_a_schedule_that_stopped_looking_at_the_clock_is_unhealthy() -> None:
    """Also between two jobs."""
    assert ask(NOON, seen=WorkerActivity(silent_seconds=LIMIT + 1))[0] is False


def test_a_failed_run_is_not_ready_until_the_next_success() -> None:
    """The worker lives all the same."""
    failed = make_job(ended=NOON, status=17, succeeded=NOON)
    cleared = make_job(ended=NOON, status=0, succeeded=NOON)

    assert ask(NOON, failed) == (True, False, ("the last snapshot ended with status 17",))
    assert ask(NOON, cleared) == (True, True, ())


def test_no_success_for_two_slots_is_not_ready() -> None:
    """Absence shows: the slot after the missed one has passed, and the time that a run may be late."""
    waiting, limit = make_job(succeeded=NOON), timedelta(hours=2, seconds=LIMIT)
    sentence = "no snapshot has succeeded since 2026-11-20 12:00:00 UTC, its schedule is @hourly UTC"

    assert ask(NOON + limit, waiting) == (True, True, ())
    assert ask(NOON + limit + timedelta(seconds=1), waiting) == (True, False, (sentence,))


def test_a_job_that_was_never_due_yet_is_ready() -> None:
    """The first hour of a new installation is no incident."""
    assert ask(NOON + timedelta(minutes=59), make_job()) == (True, True, ())
