"""`serve` on a clock of the test: which jobs run when, what is remembered, what is reported."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from restore.daemon.heartbeat import Heartbeat
from restore.daemon.scheduler import ScheduledJob, Scheduler, SchedulerPlan, SchedulerSession
from restore.daemon.state import StateStore
from restore.errors import Interrupted
from restore.monitoring.notifier import Notifier
from restore.monitoring.prometheus import parse_samples
from restore.monitoring.run_result import RunResult
from restore.monitoring.samples import Samples, SeriesKey
from restore.settings.command_names import JOBS, Command
from restore.settings.schedule import open_zone, parse_schedule
from restore.stores.layout import SCHEDULE_FILE
from restore.stores.local.writer import open_writable_local_store
from restore.stores.protocols import WritableDocumentStore
from restore.system.clock import Clock
from tests.support.no_output import no_log

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)


class ManualClock(Clock):
    """A clock that moves only by sleeping, and ends the process at a given time."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at
        self.ends = at

    def now(self) -> datetime:
        """Return the clock's time."""
        return self.at

    def read_seconds(self) -> float:
        """Return the clock's time in seconds."""
        return self.at.timestamp()

    def sleep(self, seconds: float) -> None:
        """Let time pass, until the end."""
        self.at += timedelta(seconds=seconds)
        if self.at >= self.ends:
            raise Interrupted(15, "ended by SIGTERM")


class RacedStateStore(StateStore):
    """A state store that runs a function between each read and the next write."""

    def __init__(self, store: WritableDocumentStore) -> None:
        super().__init__(store)
        self.happen: list[Callable[[], None]] = []

    def write(self, content: bytes) -> bool:
        """Write the document after the other one's change."""
        for happens in self.happen[:1]:
            del self.happen[0]
            happens()
        return super().write(content)


class ServeScenario:
    """A store, a clock and the jobs that ran. `acts` has what a job does; by default nothing, with status 0."""

    def __init__(self, path: Path, name: str = "this one") -> None:
        self.store = path / "store"
        self.name = name
        self.clock = ManualClock()
        self.ran: list[tuple[str, str]] = []
        self.acts: dict[Command, Callable[[], int]] = {}
        self.log: Callable[..., None] = no_log
        self.scheduler: Scheduler | None = None
        self.state_store = RacedStateStore(open_writable_local_store(str(self.store)))
        self.look: Callable[[], None] = lambda: None

    def serve(self, *, zone: str = "UTC", hours: float = 0.0, jitter: float = 0.0, **schedules: str) -> None:
        """Run a scheduler from now on for so many hours."""
        jobs = tuple(ScheduledJob(Command(job), text, parse_schedule(text)) for job, text in schedules.items())
        plan = SchedulerPlan(
            jobs=jobs,
            zone=open_zone(zone),
            zone_name=zone,
            jitter_seconds=jitter,
            health_seconds=600.0,
            seed="desk",
            process=self.name,
        )
        self.clock.ends = self.clock.at + timedelta(hours=hours)
        self.scheduler = Scheduler(plan, self._make_session(jobs))
        self.scheduler.load_state()
        with pytest.raises(Interrupted):
            self.scheduler.run()

    def _make_session(self, jobs: tuple[ScheduledJob, ...]) -> SchedulerSession:
        return SchedulerSession(
            run={one.job: self._make_job(one.job) for one in jobs},
            clock=self.clock,
            log=self.log,
            heartbeat=Heartbeat(self.clock),
            state_store=self.state_store,
            notifier=Notifier(self.log),
            measure_store=self._measure_store,
            write_metrics_file=lambda _ended, _add: None,
            make_id=lambda: "id",
            is_process_gone=lambda _: False,
        )

    def _measure_store(self) -> Callable[[Samples], Samples]:
        self.look()
        return lambda samples: samples

    def _make_job(self, job: Command) -> Callable[[str], RunResult]:
        def run(operation_id: str) -> RunResult:
            self.ran.append((job, f"{self.clock.at:%d %H:%M}"))
            status = self.acts.get(job, int)()
            return RunResult(command=job, operation_id=operation_id, status=status, seconds=0.0, at=self.clock.at)

        return run


@pytest.fixture
def scenario(tmp_path: Path) -> ServeScenario:
    """Return a scenario at noon."""
    return ServeScenario(tmp_path)


def test_each_job_runs_when_its_schedule_says_so(scenario: ServeScenario) -> None:
    """And not when the process starts."""
    scenario.serve(hours=9, snapshot="0 */4 * * *", verify="30 17 * * *", drill="@every 5h")

    assert scenario.ran == [
        ("snapshot", "20 16:00"),
        ("drill", "20 17:00"),
        ("verify", "20 17:30"),
        ("snapshot", "20 20:00"),
    ]


def test_jobs_that_are_due_together_run_in_their_order(scenario: ServeScenario) -> None:
    """First a new snapshot, then what prunes, copies, reads and proves it."""
    everything: dict[str, Any] = {str(job): "@daily" for job in JOBS}
    scenario.serve(hours=13, **everything)

    assert [job for job, _ in scenario.ran] == ["snapshot", "prune", "mirror", "verify", "drill"]


def test_a_job_never_overlaps_itself_and_what_it_missed_meanwhile_is_one_run(scenario: ServeScenario) -> None:
    """An hourly snapshot that takes two and a half hours."""

    def take_long() -> int:
        scenario.clock.sleep(9000)
        return 0

    scenario.acts[Command.SNAPSHOT] = take_long
    scenario.serve(hours=7, snapshot="0 * * * *")

    assert scenario.ran == [("snapshot", "20 13:00"), ("snapshot", "20 15:30"), ("snapshot", "20 18:00")]


def test_a_frequent_job_that_takes_long_starves_no_other(scenario: ServeScenario) -> None:
    """Who has been due for longest is next."""

    def take_long() -> int:
        scenario.clock.sleep(5400)
        return 0

    scenario.acts[Command.SNAPSHOT] = take_long
    scenario.serve(hours=5, snapshot="0 * * * *", verify="30 13 * * *")

    assert ("verify", "20 14:30") in scenario.ran


def test_what_was_missed_while_the_process_was_down_is_run_once(scenario: ServeScenario) -> None:
    """Ten days later, at once, and then as ever."""
    scenario.serve(hours=13, snapshot="@daily")
    scenario.clock.at += timedelta(days=10)
    scenario.serve(hours=24, snapshot="@daily")

    assert scenario.ran == [("snapshot", "21 00:00"), ("snapshot", "01 01:00"), ("snapshot", "02 00:00")]


def test_a_restart_runs_nothing_that_was_not_missed(scenario: ServeScenario) -> None:
    """However often it is restarted."""
    scenario.serve(hours=13, snapshot="@daily")
    scenario.serve(hours=1, snapshot="@daily")
    scenario.serve(hours=1, snapshot="@daily")

    assert scenario.ran == [("snapshot", "21 00:00")]


def test_another_schedule_begins_anew(scenario: ServeScenario) -> None:
    """Moved from noon to half past, at one o'clock; then to another time zone: those are no missed runs."""
    scenario.serve(hours=25, snapshot="0 12 * * *")
    scenario.serve(hours=0.5, snapshot="30 12 * * *")
    scenario.serve(hours=0.5, zone="Atlantic/Azores", snapshot="30 12 * * *")

    assert scenario.ran == [("snapshot", "21 12:00")]


def test_a_run_that_was_interrupted_is_done_again_by_the_next_process(scenario: ServeScenario) -> None:
    """The container was stopped in the middle of it. Once: a run that ends its process does not do so for ever."""

    def be_stopped() -> int:
        raise Interrupted(15, "ended by SIGTERM")

    scenario.acts[Command.SNAPSHOT] = be_stopped
    scenario.serve(hours=13, snapshot="@daily")
    scenario.serve(hours=1, snapshot="@daily")
    scenario.serve(hours=1, snapshot="@daily")

    assert scenario.ran == [("snapshot", "21 00:00"), ("snapshot", "21 00:00")]


def test_a_failed_run_is_not_repeated_before_its_next_slot(scenario: ServeScenario) -> None:
    """And the process goes on."""
    scenario.acts[Command.SNAPSHOT] = lambda: 17
    scenario.serve(hours=37, snapshot="@daily")

    assert scenario.ran == [("snapshot", "21 00:00"), ("snapshot", "22 00:00")]


def test_a_defect_ends_the_process_and_is_counted_and_not_repeated(scenario: ServeScenario) -> None:
    """Whatever starts it again gets on with the other jobs, and does not meet the same defect at once."""

    def meet_a_defect() -> int:
        raise ZeroDivisionError

    scenario.acts[Command.SNAPSHOT] = meet_a_defect
    with pytest.raises(ZeroDivisionError):
        scenario.serve(hours=13, snapshot="@daily")
    scenario.serve(hours=1, snapshot="@daily")

    assert scenario.scheduler is not None
    assert scenario.ran == [("snapshot", "21 00:00")]
    assert [job.status for job in scenario.scheduler.read_health().jobs] == [1]


@pytest.mark.parametrize(
    ("begin", "hours"),
    [(datetime(2026, 3, 28, 12, tzinfo=UTC), 47), (datetime(2026, 10, 24, 12, tzinfo=UTC), 48)],
    ids=["spring", "autumn"],
)
def test_the_day_the_clocks_change_has_one_run(scenario: ServeScenario, begin: datetime, hours: float) -> None:
    """Half past two in Berlin: it does not exist in spring and is there twice in autumn."""
    scenario.clock.at = begin
    scenario.serve(hours=hours, zone="Europe/Berlin", snapshot="30 2 * * *")

    assert len(scenario.ran) == 2


def test_a_clock_that_jumps_a_year_ahead_and_back_runs_one_job_more(scenario: ServeScenario) -> None:
    """And then goes on by the right clock."""
    scenario.serve(hours=13, snapshot="@daily")
    scenario.clock.at += timedelta(days=365)
    scenario.serve(hours=1, snapshot="@daily")
    scenario.clock.at -= timedelta(days=365)
    scenario.serve(hours=24, snapshot="@daily")

    assert scenario.ran == [("snapshot", "21 00:00"), ("snapshot", "21 01:00"), ("snapshot", "22 00:00")]


def test_two_machines_with_one_store_run_a_slot_once(scenario: ServeScenario, tmp_path: Path) -> None:
    """The second sees in the store that it is taken."""
    other = ServeScenario(tmp_path, "another")

    scenario.serve(snapshot="@daily")
    other.acts[Command.VERIFY] = lambda: _serve_meanwhile(scenario)
    other.serve(hours=13, verify="59 23 * * *", snapshot="@daily")

    assert scenario.ran == [("snapshot", "21 00:01")]
    assert other.ran == [("verify", "20 23:59")]


def _serve_meanwhile(scenario: ServeScenario) -> int:
    """Let the other machine take its slot of that night, a minute late."""
    scenario.clock.at = NOON + timedelta(hours=12, minutes=1)
    scenario.serve(snapshot="@daily")
    return 0


def test_two_machines_at_the_very_same_moment_run_a_slot_once(scenario: ServeScenario, tmp_path: Path) -> None:
    """Both have seen that the slot is free, and the store accepts only one of their claims."""
    other = ServeScenario(tmp_path, "another")
    scenario.serve(snapshot="@daily")
    scenario.clock.at = other.clock.at = MIDNIGHT
    # At its start nothing happens; the other one takes the slot when this one is about to.
    other.state_store.happen = [lambda: None, lambda: scenario.serve(snapshot="@daily")]
    other.serve(hours=0.1, snapshot="@daily")

    assert (scenario.ran, other.ran) == ([("snapshot", "21 00:00")], [])


def test_a_process_that_starts_while_another_one_is_at_it_leaves_it_to_that_one(
    scenario: ServeScenario, tmp_path: Path
) -> None:
    """What was begun elsewhere is not taken for interrupted before an hour is over; ended meanwhile, it is done."""
    other = ServeScenario(tmp_path, "another")
    starts = [0.5, 0.9, 1.5]

    def take_long() -> int:
        for hours in starts:
            other.clock.at = scenario.clock.at = MIDNIGHT + timedelta(hours=hours)
            other.serve(snapshot="@daily")
        return 0

    scenario.acts[Command.SNAPSHOT] = take_long
    scenario.serve(hours=13, snapshot="@daily")

    assert scenario.ran == [("snapshot", "21 00:00")]
    assert other.ran == [("snapshot", "21 01:30")]


def test_a_machine_that_another_one_is_always_ahead_of_is_ready(scenario: ServeScenario, tmp_path: Path) -> None:
    """Its jobs do succeed, elsewhere; what failed here is over when it went well there."""
    other = ServeScenario(tmp_path, "another")
    other.acts[Command.SNAPSHOT] = lambda: 17
    other.serve(hours=13, snapshot="@daily")
    for _ in range(3):
        scenario.clock.at = max(scenario.clock.at, other.clock.at) + timedelta(hours=24)
        scenario.serve(snapshot="@daily")
        other.clock.at = scenario.clock.at
        other.serve(hours=0.5, snapshot="@daily")

    assert other.scheduler is not None
    assert len(other.ran) == 1
    assert (other.scheduler.read_health().ready, other.scheduler.read_health().problems) == (True, ())


def test_a_run_that_has_ended_is_not_done_again_although_the_look_at_the_store_was_interrupted(
    scenario: ServeScenario,
) -> None:
    """SIGTERM while a large bucket is listed: the snapshot is made, and remembered."""

    def be_stopped() -> None:
        if scenario.ran:
            raise Interrupted(15, "ended by SIGTERM")

    scenario.look = be_stopped
    scenario.serve(hours=13, snapshot="@daily")
    scenario.look = lambda: None
    scenario.serve(hours=1, snapshot="@daily")

    assert scenario.ran == [("snapshot", "21 00:00")]


def test_what_is_remembered_and_unreadable_is_forgotten_aloud(scenario: ServeScenario) -> None:
    """A damaged document must not keep backups from being made."""
    output: list[str] = []
    scenario.serve(snapshot="@daily")
    (scenario.store / SCHEDULE_FILE).write_bytes(b'{"jobs": [')
    scenario.log = lambda event, **_: output.append(event)
    scenario.serve(hours=13, snapshot="@daily")

    assert scenario.ran == [("snapshot", "21 00:00")]
    assert "schedule.forgotten" in output


def test_the_metrics_survive_a_restart(scenario: ServeScenario) -> None:
    """The age of the last success is known before there is another one."""
    scenario.serve(hours=13, snapshot="@daily")
    scenario.serve(hours=1, snapshot="@daily")
    assert scenario.scheduler is not None
    known = parse_samples(scenario.scheduler.render_metrics().decode())

    assert known[SeriesKey("run_last_success_timestamp_seconds", ("snapshot",))] == MIDNIGHT.timestamp()
    assert known[SeriesKey("run_total", ("snapshot", "succeeded"))] == 1


def test_what_serve_remembers_is_no_file_of_the_store_that_people_see(scenario: ServeScenario) -> None:
    """Neither listed nor taken for debris."""
    scenario.serve(snapshot="@daily")
    store = open_writable_local_store(str(scenario.store))

    assert [entry.kind for entry in store.list_entries() if entry.file == SCHEDULE_FILE] == ["ours"]
    assert store.remove_debris() == ()
