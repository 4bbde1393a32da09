"""Build what `serve` needs (jobs, pages, state), and run it."""

import platform
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from typing import NoReturn

from structlog.contextvars import bound_contextvars

from restore.commands import observe
from restore.commands.factories import open_or_create
from restore.commands.registry import RUNNERS
from restore.daemon.heartbeat import Heartbeat, HeartbeatLog, HeartbeatProgress
from restore.daemon.http_server import PageResponse, Pages, is_loopback, open_server, serve_pages, split_address
from restore.daemon.scheduler import ScheduledJob, Scheduler, SchedulerPlan, SchedulerSession
from restore.daemon.state import StateStore
from restore.errors import DeadlineReached, RestoreError, SettingsError
from restore.monitoring.prometheus import CONTENT_TYPE
from restore.monitoring.run_result import RunResult
from restore.settings.command_names import JOBS, Command
from restore.settings.model import Settings
from restore.settings.schedule import open_zone, parse_schedule
from restore.system import signals
from restore.system.clock import Clock
from restore.system.events import Log, Progress
from restore.system.process import describe_process, is_process_gone
from restore.system.text import encode_json

# Reads the settings again for one command: secret files or restore.yaml may have changed.
Renew = Callable[[str], Settings]
_JSON = "application/json"


def serve(settings: Settings, log: Log, progress: Progress, renew: Renew) -> NoReturn:
    """Run the jobs by schedule until a signal ends the process. Raise `SettingsError` if nothing is scheduled."""
    plan = make_plan(settings)
    clock = Clock()
    heartbeat = Heartbeat(clock)
    log_beats, progress_beats = HeartbeatLog(log, heartbeat), HeartbeatProgress(progress, heartbeat)
    session = SchedulerSession(
        run={one.job: _make_job(one.job, renew, log_beats, progress_beats) for one in plan.jobs},
        clock=clock,
        log=log_beats,
        heartbeat=heartbeat,
        state_store=StateStore(open_or_create(settings)),
        notifier=observe.make_notifier(settings, log_beats),
        measure_store=lambda: observe.measure_store(settings, log_beats, heartbeat.beat),
        write_metrics_file=lambda result, add: observe.write_metrics_file(settings, log_beats, result, add),
        make_id=observe.make_id,
        is_process_gone=is_process_gone,
    )
    scheduler = Scheduler(plan, session)
    with _listen(settings, make_pages(scheduler)) as begin_to_answer:
        scheduler.load_state()
        begin_to_answer(log)
        scheduler.run()


def make_plan(settings: Settings) -> SchedulerPlan:
    """Return the plan in the settings. Raise `SettingsError` with everything that is wrong with it."""
    texts = {job: getattr(settings.schedule, job) for job in JOBS}
    wanted = {job: text for job, text in texts.items() if text}
    if not wanted:
        raise SettingsError(
            "nothing is scheduled",
            hint="RESTORE_SCHEDULE_SNAPSHOT=@daily, or schedule: in restore.yaml; docs/schedule.md",
        )
    if missing := [
        f"{settings.origins[f'schedule-{job}'].where}: this version has no {job}"
        for job in wanted
        if job not in RUNNERS
    ]:
        raise SettingsError(*missing)
    return SchedulerPlan(
        jobs=tuple(ScheduledJob(job, text, parse_schedule(text)) for job, text in wanted.items()),
        zone=open_zone(settings.schedule.time_zone),
        zone_name=settings.schedule.time_zone,
        jitter_seconds=settings.schedule.jitter_seconds,
        health_seconds=settings.monitoring.health_timeout_seconds,
        seed=platform.node(),
        process=describe_process(),
    )


def make_pages(scheduler: Scheduler) -> Pages:
    """Return the three pages, all of which only read."""

    def show_health(*, ready: bool) -> PageResponse:
        health = scheduler.read_health()
        fine = health.ready if ready else health.healthy
        status = HTTPStatus.OK if fine else HTTPStatus.SERVICE_UNAVAILABLE
        return PageResponse(status, _JSON, f"{encode_json(health)}\n".encode())

    return {
        "/healthz": lambda: show_health(ready=False),
        "/readyz": lambda: show_health(ready=True),
        "/metrics": lambda: PageResponse(HTTPStatus.OK, CONTENT_TYPE, scheduler.render_metrics(), secret=True),
    }


def _make_job(job: Command, renew: Renew, log: Log, progress: Progress) -> Callable[[str], RunResult]:
    """Return a job that runs its command once, as a command line would, and raises no `RestoreError`."""

    def run(operation_id: str) -> RunResult:
        begun = RunResult(command=job, operation_id=operation_id, status=0, seconds=0.0, at=Clock().now())
        try:
            settings = renew(job)
            with _limited(settings.limits.deadline_seconds), bound_contextvars(operation_id=operation_id):
                shown = RUNNERS[job](settings, log, progress)
        except (RestoreError, DeadlineReached) as error:
            return observe.make_failed_result(begun, error)
        finally:
            progress.close()
        for line in shown.lines:
            log("job.told", job=job, line=line)
        return observe.make_result(job, operation_id, shown)

    return run


@contextmanager
def _limited(seconds: float | None) -> Iterator[None]:
    """Set the deadline for one run, not for the process."""
    if seconds:
        signals.set_deadline(seconds)
    try:
        yield
    finally:
        signals.clear_deadline()


@contextmanager
def _listen(settings: Settings, pages: Pages) -> Iterator[Callable[[Log], None]]:
    """Listen at once; yield what begins to answer, since there is nothing to say before the state is loaded."""
    address = split_address(settings.monitoring.listen)
    if address is None:
        yield lambda _log: None
        return
    where = settings.origins["listen"].where
    if settings.monitoring.listen_token is None and not is_loopback(address[0]):
        raise SettingsError(
            f"{where}: {settings.monitoring.listen} can be reached from elsewhere, and there is no token",
            hint="clients that reach it could read collections' names: give a token with RESTORE_LISTEN_TOKEN_FILE",
        )
    try:
        server = open_server(*address, pages, settings.monitoring.listen_token)
    except OSError as error:
        raise SettingsError(
            f"{where}: cannot listen on {settings.monitoring.listen} ({error.strerror or error})"
        ) from error
    with ExitStack() as stack:
        stack.callback(server.server_close)

        def begin_to_answer(log: Log) -> None:
            stack.enter_context(serve_pages(server))
            log("serve.listening", host=address[0], port=server.server_port)

        yield begin_to_answer
