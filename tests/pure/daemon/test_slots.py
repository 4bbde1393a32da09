"""When jobs are due: every schedule people write, one run for missed ones, one a day when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.daemon.slots import (
    JobRecord,
    draw_offset,
    end_run,
    find_due,
    find_last,
    find_next,
    heal_record,
    take_slot,
)
from restore.settings.schedule import Cron, Every, Schedule, open_zone, parse_schedule

NIGHT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
WANTED = "five cron fields, @hourly, @daily, @weekly, @monthly, @yearly or @every 6h"
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "Africa/Cairo",
    "Australia/Lord_Howe",
    "America/Nuuk",
    "Asia/Kolkata",
    "Pacific/Chatham",
    "Africa/Casablanca",
    "America/Santiago",
)


def make_record(slot: datetime = NIGHT, **more: object) -> JobRecord:
    """Return the scheduler's record of a job."""
    return JobRecord(job="snapshot", schedule="0 3 * * * UTC", slot=slot, **more)  # type: ignore[arg-type]


def walk(schedule: Schedule, zone: str, begin: datetime, *, step: timedelta) -> list[datetime]:
    """Return the moments of one day when the job is run by a process that looks at the clock every `step`."""
    record = JobRecord(job="snapshot", schedule="", slot=begin)
    now, ran = begin, []
    while now < begin + timedelta(days=1):
        due = find_due(record, schedule, now, zone=open_zone(zone), jitter_seconds=0.0, seed="")
        if due is not None and due <= now:
            record = end_run(take_slot(record, schedule, now, zone=open_zone(zone)), 0, now)
            ran.append(now)
        now += step
    return ran


# --- reading --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("30 2 * * *", Cron("30 2 * * *")),
        ("  */15   0-6 1,15 * MON-FRI ", Cron("*/15 0-6 1,15 * MON-FRI")),
        ("@daily", Cron("0 0 * * *")),
        ("@Weekly", Cron("0 0 * * 0")),
        ("@every 6h", Every(21600.0)),
        ("@every 1h30m", Every(5400.0)),
        ("@every 60", Every(60.0)),
    ],
)
def test_a_schedule_is_read_as_people_write_it(text: str, schedule: Schedule) -> None:
    """Five cron fields, the words that begin with @, and lengths of time."""
    assert parse_schedule(text) == schedule


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("daily", f"'daily' is no schedule ({WANTED})"),
        ("0 0 3 * * *", f"'0 0 3 * * *' is no schedule ({WANTED})"),
        ("0 0 31 2 *", f"'0 0 31 2 *' is no schedule (bad day-of-month; {WANTED})"),
        ("61 2 * * *", f"'61 2 * * *' is no schedule (bad minute; {WANTED})"),
        ("@every 5s", "'@every 5s' is more often than once a minute"),
        ("@every soon", "'soon' is no length of time (90, 90s, 2m, 1h)"),
        ("@fortnightly", f"'@fortnightly' is no schedule ({WANTED})"),
    ],
)
def test_what_is_no_schedule_is_said(text: str, problem: str) -> None:
    """The whole sentence part; six fields would be read as seconds by some and as a year by others."""
    with pytest.raises(ValueError, match=r"is no|is more") as raised:
        parse_schedule(text)

    assert str(raised.value) == problem


@pytest.mark.parametrize("name", ["Europe/Atlantis", "", "../etc/passwd", "CET/"])
def test_what_is_no_time_zone_is_said(name: str) -> None:
    """Neither a path nor a slip of the pen is taken for one."""
    with pytest.raises(ValueError, match="is no time zone"):
        open_zone(name)


# --- Missed slots and changed clocks --------------------------------------------------------------------------


@given(
    zone=st.sampled_from(ZONES),
    begin=st.datetimes(datetime(2024, 1, 1), datetime(2037, 1, 1)),  # noqa: DTZ001 - made aware below
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
)
def test_a_daily_job_runs_once_a_day_whatever_clocks_do(zone: str, begin: datetime, minute: int, hour: int) -> None:
    """In every zone, at every minute of the day, over any year: slots are a day apart, give or take the change."""
    schedule = parse_schedule(f"{minute} {hour} * * *")
    slot, slots = begin.replace(tzinfo=UTC), []
    for _ in range(400):
        slot = find_next(schedule, slot, open_zone(zone)) or slot
        slots.append(slot)
    gaps = [later - earlier for earlier, later in pairwise(slots)]

    assert min(gaps) >= timedelta(hours=22, minutes=59)
    assert max(gaps) <= timedelta(hours=25, minutes=1)


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Berlin", datetime(2026, 3, 28, 12, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 24, 12, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 3, 7, 18, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 10, 31, 18, tzinfo=UTC)),
        ("America/Havana", datetime(2026, 3, 7, 18, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 4, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("at", ["0 0 * * *", "30 1 * * *", "0 2 * * *", "30 2 * * *", "59 2 * * *", "0 3 * * *"])
def test_the_day_the_clocks_change_has_exactly_one_daily_run(zone: str, day: datetime, at: str) -> None:
    """Also by a process that is restarted every ten minutes, in the repeated hour too."""
    ran = walk(parse_schedule(at), zone, day, step=timedelta(minutes=10))

    assert len(ran) == 1


def test_a_process_first_started_in_the_repeated_hour_waits_for_the_next_day() -> None:
    """02:30 has been there already that night; counted naively it would lie in the past and run at once."""
    second_quarter_past_two = datetime(2026, 10, 25, 1, 15, tzinfo=UTC)

    found = find_next(Cron("30 2 * * *"), second_quarter_past_two, open_zone("Europe/Berlin"))

    assert found == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


@given(
    every=st.sampled_from(["*/5 * * * *", "0 * * * *", "@daily", "@every 7h", "@every 1m"]),
    down=st.timedeltas(timedelta(minutes=1), timedelta(days=800)),
)
def test_however_many_runs_were_missed_one_is_made_up_for(every: str, down: timedelta) -> None:
    """After being down for any time, at most one run is due; after it none."""
    schedule, now, zone = parse_schedule(every), NIGHT + down, open_zone("UTC")
    taken = end_run(take_slot(make_record(), schedule, now, zone=zone), 0, now)
    following = find_due(taken, schedule, now, zone=zone, jitter_seconds=0.0, seed="")

    assert taken.slot <= now
    assert following is not None
    assert following > now


def test_a_run_that_lasts_past_its_next_slot_is_followed_by_one_run() -> None:
    """Begun at three, ended at half past five: four and five o'clock are one run, then six."""
    hourly, zone = parse_schedule("@hourly"), open_zone("UTC")
    long = end_run(take_slot(make_record(NIGHT - timedelta(hours=1)), hourly, NIGHT, zone=zone), 0, NIGHT)
    late = NIGHT + timedelta(hours=2, minutes=30)
    due = find_due(long, hourly, late, zone=zone, jitter_seconds=0.0, seed="")
    made_up = end_run(take_slot(long, hourly, late, zone=zone), 0, late)

    assert due == NIGHT + timedelta(hours=1)
    assert find_due(made_up, hourly, late, zone=zone, jitter_seconds=0.0, seed="") == NIGHT + timedelta(hours=3)


# --- interruptions and clocks that jump -----------------------------------------------------------------------


def test_an_interrupted_run_is_due_at_once_and_only_once_more() -> None:
    """A process that is killed by the job itself must not be killed by it for ever."""
    daily, zone = parse_schedule("0 3 * * *"), open_zone("UTC")
    now = NIGHT + timedelta(days=1, seconds=5)
    killed = take_slot(make_record(), daily, now, zone=zone)
    again = take_slot(killed, daily, now + timedelta(minutes=1), zone=zone)
    dues = [
        find_due(record, daily, now + timedelta(minutes=2), zone=zone, jitter_seconds=0.0, seed="")
        for record in (killed, again)
    ]

    assert dues == [now, NIGHT + timedelta(days=2)]


def test_a_run_that_another_machine_began_is_left_to_it_for_an_hour() -> None:
    """It may be at it; or it was this one, in a container that has another name now."""
    daily, now = parse_schedule("0 3 * * *"), NIGHT + timedelta(days=1, seconds=5)
    theirs = take_slot(make_record(), daily, now, zone=UTC, by="another")
    dues = [
        find_due(record, daily, now + timedelta(minutes=2), zone=UTC, jitter_seconds=0.0, seed="", process="this one")
        for record in (theirs, end_run(theirs, 0, now))
    ]

    assert dues == [now + timedelta(hours=1), NIGHT + timedelta(days=2)]


def test_a_clock_that_was_a_year_ahead_does_not_stop_the_schedule() -> None:
    """The slot that it took in the future is not waited for."""
    ahead = make_record(NIGHT + timedelta(days=365))

    healed = heal_record(ahead, NIGHT)

    assert find_due(
        healed, parse_schedule("0 3 * * *"), NIGHT + timedelta(days=1), zone=UTC, jitter_seconds=0.0, seed=""
    ) == NIGHT + timedelta(days=1)


def test_a_clock_that_is_set_back_by_a_second_runs_nothing_twice() -> None:
    """Time servers do that every day."""
    before = make_record(NIGHT - timedelta(days=1))
    taken = end_run(take_slot(before, Cron("0 3 * * *"), NIGHT, zone=UTC), 0, NIGHT)
    found = find_due(
        heal_record(taken, NIGHT - timedelta(seconds=1)),
        Cron("0 3 * * *"),
        NIGHT - timedelta(seconds=1),
        zone=UTC,
        jitter_seconds=0.0,
        seed="",
    )

    assert found == NIGHT + timedelta(days=1)


def test_the_last_slot_is_the_one_before_now() -> None:
    """That is what one run for several missed ones takes."""
    assert find_last(Cron("0 3 * * *"), NIGHT, NIGHT + timedelta(days=3, hours=1), UTC) == NIGHT + timedelta(days=3)


# --- jitter ---------------------------------------------------------------------------------------------------


@given(st.floats(0, 43200), st.text())
def test_an_offset_lies_between_nothing_and_the_jitter(jitter: float, seed: str) -> None:
    """Never before the slot."""
    assert timedelta() <= draw_offset(jitter, seed) <= timedelta(seconds=jitter)


def test_an_offset_is_the_same_after_a_restart_and_another_one_elsewhere() -> None:
    """Else a restart could run a job twice, and a hundred machines would all begin at midnight."""
    daily = parse_schedule("@daily")
    dues = [
        find_due(make_record(), daily, NIGHT, zone=UTC, jitter_seconds=3600.0, seed=seed) for seed in ("a", "a", "b")
    ]

    assert dues[0] == dues[1] != dues[2]


@given(jitter=st.floats(0, 43200), seed=st.text(max_size=5))
def test_jitter_skips_no_day_and_doubles_none(jitter: float, seed: str) -> None:
    """Thirty days have thirty runs."""
    record, now, daily, ran = make_record(datetime(2026, 11, 20, tzinfo=UTC)), NIGHT, parse_schedule("@daily"), 0
    while now < NIGHT + timedelta(days=30):
        now = find_due(record, daily, now, zone=UTC, jitter_seconds=jitter, seed=seed) or now
        record = end_run(take_slot(record, daily, now, zone=UTC), 0, now)
        ran += 1

    assert ran in {30, 31}
