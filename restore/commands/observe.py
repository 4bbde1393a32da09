"""How a run becomes metrics and notifications: for one command from a command line, and for the jobs of `serve`."""

# ruff: noqa: PLC0415 - who wants neither pays for neither
from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

from restore.commands.outcome import CommandResult, describe_failures
from restore.errors import Interrupted, LockedError, RestoreError
from restore.monitoring.run_result import RunResult, merge_runs
from restore.settings.command_names import Command
from restore.settings.model import Settings
from restore.system.events import Log, no_op

if TYPE_CHECKING:
    from restore.monitoring.notifier import Notifier
    from restore.monitoring.prometheus import MetricFamily
    from restore.monitoring.samples import Samples

# Adds to metrics.
Add = Callable[["Samples"], "Samples"]

_BUG = 1
# A signal leaves less than two seconds for everything.
_LAST_SECONDS = 0.7
_PATIENCE_SECONDS = 10.0


def observe(command: str, settings: Settings, log: Log, run: Callable[[], CommandResult]) -> CommandResult:
    """Run one command; tell its metrics file, its webhook and its check what became of it.

    Raises what it raised, and `SettingsError` before it began when the metrics file needs what is not installed.
    """
    wanted = settings.monitoring.metrics_file or settings.monitoring.webhook or settings.monitoring.healthchecks
    if not wanted or settings.policies.dry_run or not _is_counted(command):
        return run()
    if settings.monitoring.metrics_file:
        from restore.system.optional_package import import_optional

        # Now, and not when the work is done and its report would be lost.
        import_optional("prometheus_client", "serve")
    teller, operation_id, begin = make_notifier(settings, log), make_id(), monotonic()
    teller.notify_start(command, operation_id)
    ended = RunResult(command=command, operation_id=operation_id, status=_BUG, seconds=0.0, at=_now(), error="a bug")
    timeout, state = _PATIENCE_SECONDS, True
    from structlog.contextvars import bound_contextvars

    try:
        with bound_contextvars(operation_id=operation_id):
            shown = run()
        ended = finished_run(command, operation_id, shown)
    except RestoreError as error:
        ended = failed_run(ended, error)
        raise
    except Interrupted as error:
        # No time for a look at the store.
        ended, timeout, state = failed_run(ended, error), _LAST_SECONDS, False
        raise
    finally:
        ended = _date(ended, monotonic() - begin)
        if settings.monitoring.metrics_file:
            # A mirror between two stores that are named tells nothing of the one that is set.
            state = state and not (command == Command.MIRROR and settings.arguments)
            write_file(settings, log, ended, measure_store(settings, log) if state else _add_nothing)
        teller.notify_end(ended, timeout_seconds=timeout)
    return shown


def finished_run(command: str, operation_id: str, shown: CommandResult) -> RunResult:
    """Return how a run ended that has a report."""
    report = shown.result
    return RunResult(
        command=command,
        operation_id=operation_id,
        status=shown.status,
        seconds=0.0,
        at=_now(),
        error=describe_failures(report) if shown.status else "",
        parts=merge_runs(report.list_runs()),
        lock_wait_seconds=report.lock_wait_seconds,
    )


def failed_run(ended: RunResult, error: RestoreError | Interrupted) -> RunResult:
    """Give how a run ended that has none."""
    return RunResult(
        command=ended.command,
        operation_id=ended.operation_id,
        status=error.status,
        seconds=ended.seconds,
        at=ended.at,
        error=str(error),
        lock_wait_seconds=error.waited_seconds if isinstance(error, LockedError) else None,
    )


def make_notifier(settings: Settings, log: Log) -> Notifier:
    """Give who tells the webhook and the check; nobody, when neither is set."""
    from restore.commands.masking import make_mask
    from restore.monitoring.notifier import Notifier

    mask = make_mask(settings)
    return Notifier(
        log, webhook=settings.monitoring.webhook, healthchecks=settings.monitoring.healthchecks, mask=mask
    )


def write_file(settings: Settings, log: Log, ended: RunResult, add: Add) -> None:
    """Add a run to the metrics file. What other commands wrote there stays; a failure to write is only told."""
    if not settings.monitoring.metrics_file:
        return
    from restore.monitoring.prometheus import update_metrics_file
    from restore.monitoring.samples import record_run

    try:
        update_metrics_file(
            settings.monitoring.metrics_file, lambda text: write_samples(add(record_run(read_samples(text), ended)))
        )
    except RestoreError as error:
        log("metrics.not_written", level="warning", reason=str(error))


def measure_store(settings: Settings, log: Log, on_file: Callable[[], None] = no_op) -> Add:
    """Look at all that rests in the store, and give what adds it to metrics: nothing, when it cannot be looked at.

    `on_file` is called for each file.
    """
    from restore.checks.inventory import read_inventory
    from restore.checks.recorder import read_proven
    from restore.commands.factories import open_store
    from restore.monitoring.samples import StoreContents, record_store
    from restore.stores.layout import select_shown

    try:
        store = open_store(settings)
        files = read_inventory(store, select_shown(store.list_entries()), _now(), on_file=on_file)
        proven = read_proven(store)
    except RestoreError as error:
        log("metrics.no_store", level="debug", reason=str(error))
        return _add_nothing
    expected = {
        name: max(1, settings.rule_for(name).min_keep)
        for name in {*settings.collections.names, *(one.collection for one in files if one.collection is not None)}
    }
    return lambda samples: record_store(samples, StoreContents(files, expected, proven), _now())


def _add_nothing(samples: Samples) -> Samples:
    return samples


def write_samples(samples: Samples) -> bytes:
    """Give the samples as Prometheus reads them."""
    from restore import __version__
    from restore.monitoring.metrics import PREFIX
    from restore.monitoring.prometheus import render_metrics
    from restore.monitoring.samples import add_build_info, keep_known

    values = add_build_info(keep_known(samples), __version__)
    return render_metrics(_list_rows(), {(PREFIX + key.name, key.labels): value for key, value in values.items()})


def read_samples(text: str) -> Samples:
    """Give what such a text told; nothing, when it is no such text."""
    from restore.monitoring.metrics import PREFIX
    from restore.monitoring.prometheus import parse_metrics
    from restore.monitoring.samples import SeriesKey

    try:
        found = parse_metrics(_list_rows(), text)
    except ValueError:
        return {}
    return {SeriesKey(name.removeprefix(PREFIX), labels): value for (name, labels), value in found.items()}


def make_id() -> str:
    """Give an identifier for one run, in the form that healthchecks.io wants."""
    from uuid import uuid4

    return str(uuid4())


def _list_rows() -> list[MetricFamily]:
    from restore.monitoring.metrics import METRICS, MetricType
    from restore.monitoring.prometheus import MetricFamily

    return [MetricFamily(one.full_name, one.sort is MetricType.COUNTER, one.labels, one.help) for one in METRICS]


def _is_counted(command: str) -> bool:
    from restore.monitoring.metrics import COUNTED_COMMANDS

    return command in COUNTED_COMMANDS


def _date(ended: RunResult, seconds: float) -> RunResult:
    import msgspec

    return msgspec.structs.replace(ended, at=_now(), seconds=round(seconds, 3))


def _now() -> datetime:
    return datetime.now(UTC)
