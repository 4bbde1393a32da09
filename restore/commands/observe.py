"""How a run becomes metrics and notifications: for one command from a command line, and for the jobs of `serve`."""

# ruff: noqa: PLC0415 - boot: what metrics and notifications import costs 1 to 23 ms each; prometheus is optional
from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from restore.commands.masking import make_mask
from restore.commands.outcome import CommandResult, describe_failures
from restore.errors import Interrupted, LockedError, RestoreError
from restore.exit_statuses import BUG
from restore.monitoring.run_result import RunResult, merge_runs
from restore.settings.command_names import Command
from restore.settings.model import Settings
from restore.stores.layout import select_shown
from restore.system.events import Log, no_op
from restore.system.files import is_null_device
from restore.system.optional_package import import_optional

if TYPE_CHECKING:
    from restore.monitoring.notifier import Notifier
    from restore.monitoring.samples import Samples

# Adds what the store holds to metrics.
AddSamples = Callable[["Samples"], "Samples"]

# After a signal, everything has to end within two seconds.
_LAST_SECONDS = 0.7
_TIMEOUT_SECONDS = 10.0


def observe(command: str, settings: Settings, log: Log, run: Callable[[], CommandResult]) -> CommandResult:
    """Run one command; write to its metrics file, and notify its webhook and its check, how it ended.

    Raise what it raises, and before it begins `SettingsError` when the metrics file needs a package that is missing.
    """
    metrics_file = _find_metrics_file(settings)
    wanted = metrics_file or settings.monitoring.webhook or settings.monitoring.healthchecks
    if not wanted or settings.policies.dry_run or not _is_counted(command):
        return run()
    if metrics_file:
        # Before the work: afterwards its report would be lost.
        import_optional("prometheus_client", "serve")
    notifier, operation_id, begin = make_notifier(settings, log), make_id(), monotonic()
    notifier.notify_start(command, operation_id)
    result = RunResult(command=command, operation_id=operation_id, status=BUG, seconds=0.0, at=_now(), error="a bug")
    timeout, reads_store = _TIMEOUT_SECONDS, True
    from structlog.contextvars import bound_contextvars

    try:
        with bound_contextvars(operation_id=operation_id):
            outcome = run()
        result = make_result(command, operation_id, outcome)
    except RestoreError as error:
        result = make_failed_result(result, error)
        raise
    except Interrupted as error:
        # There is no time to read the store.
        result, timeout, reads_store = make_failed_result(result, error), _LAST_SECONDS, False
        raise
    finally:
        result = msgspec.structs.replace(result, at=_now(), seconds=round(monotonic() - begin, 3))
        if metrics_file:
            # A mirror between two named stores changes nothing in the one of the settings.
            reads_store = reads_store and not (command == Command.MIRROR and settings.arguments)
            write_metrics_file(
                settings, log, result, measure_store(settings, log) if reads_store else _add_no_samples
            )
        notifier.notify_end(result, timeout_seconds=timeout)
    return outcome


def make_result(command: str, operation_id: str, outcome: CommandResult) -> RunResult:
    """Return the result of a run that has a report."""
    report = outcome.result
    return RunResult(
        command=command,
        operation_id=operation_id,
        status=outcome.status,
        seconds=0.0,
        at=_now(),
        error=describe_failures(report) if outcome.status else "",
        runs=merge_runs(report.list_runs()),
        lock_wait_seconds=report.lock_wait_seconds,
    )


def make_failed_result(begun: RunResult, error: RestoreError | Interrupted) -> RunResult:
    """Return the result of a run that was begun and ended by an error."""
    return RunResult(
        command=begun.command,
        operation_id=begun.operation_id,
        status=error.status,
        seconds=begun.seconds,
        at=begun.at,
        error=str(error),
        lock_wait_seconds=error.waited_seconds if isinstance(error, LockedError) else None,
    )


def make_notifier(settings: Settings, log: Log) -> Notifier:
    """Return what notifies the webhook and the check of the settings; it does nothing when neither is set."""
    from restore.monitoring.notifier import Notifier

    mask = make_mask(settings)
    return Notifier(
        log, webhook=settings.monitoring.webhook, healthchecks=settings.monitoring.healthchecks, mask=mask
    )


def write_metrics_file(settings: Settings, log: Log, result: RunResult, add: AddSamples) -> None:
    """Add a run to the metrics file. What other commands wrote there stays; a failure to write is only logged."""
    path = _find_metrics_file(settings)
    if not path:
        return
    from restore.monitoring.prometheus import parse_samples, render_samples, update_metrics_file
    from restore.monitoring.samples import record_run

    def add_run(text: str) -> bytes:
        return render_samples(add(record_run(parse_samples(text), result)))

    try:
        update_metrics_file(path, add_run)
    except RestoreError as error:
        log("metrics.not_written", level="warning", reason=str(error))


def _find_metrics_file(settings: Settings) -> str:
    """Return the path of the metrics file; empty when there is none, also by naming `/dev/null`."""
    path = settings.monitoring.metrics_file
    return "" if is_null_device(path) else path


def measure_store(settings: Settings, log: Log, on_file: Callable[[], None] = no_op) -> AddSamples:
    """Read the whole store, and return a function that adds it to metrics: nothing, when it cannot be read.

    `on_file` is called before each file.
    """
    from restore.checks.inventory import read_inventory
    from restore.checks.recorder import read_proven
    from restore.commands.factories import open_store
    from restore.monitoring.samples import StoreContents, record_store

    try:
        store = open_store(settings)
        files = read_inventory(store, select_shown(store.list_entries()), _now(), on_file=on_file)
        proven = read_proven(store)
    except RestoreError as error:
        log("metrics.no_store", level="debug", reason=str(error))
        return _add_no_samples
    expected = {
        name: max(1, settings.rule_for(name).min_keep)
        for name in {*settings.collections.names, *(one.collection for one in files if one.collection is not None)}
    }
    return lambda samples: record_store(samples, StoreContents(files, expected, proven), _now())


def _add_no_samples(samples: Samples) -> Samples:
    return samples


def make_id() -> str:
    """Return an id for one run, in the form that healthchecks.io wants."""
    return str(uuid4())


def _is_counted(command: str) -> bool:
    from restore.monitoring.metrics import COUNTED_COMMANDS

    return command in COUNTED_COMMANDS


def _now() -> datetime:
    return datetime.now(UTC)
