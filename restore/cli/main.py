"""One command line: settings, one command, and the place where an error becomes a sentence and an exit status."""

import functools
import os
from typing import NoReturn

from restore.cli.environment import gather_sources
from restore.cli.log import open_log
from restore.cli.output import Output
from restore.cli.parser import Invocation, parse_arguments
from restore.cli.progress import LogProgress, open_progress
from restore.commands import version
from restore.commands.masking import make_mask
from restore.commands.observe import observe
from restore.commands.registry import RUNNERS
from restore.errors import Interrupted, RestoreError, SettingsError
from restore.settings.command_names import TELLING, Command
from restore.settings.model import Settings
from restore.settings.options.output import LogFormat
from restore.settings.options.table import OPTIONS_BY_NAME
from restore.settings.resolve import read_settings
from restore.system import signals
from restore.system.events import Log
from restore.system.optional_package import import_optional
from restore.system.signals import set_deadline


def run(arguments: list[str]) -> int:
    """Run one command line; return its exit status. Nothing is raised."""
    # Asked for before settings can be read, because wrong settings are told as JSON too.
    output = Output(
        json="--json" in arguments or os.environ.get("RESTORE_JSON", "").lower() in {"true", "yes", "on", "1"},
        log_json=_asks_for_json_log(arguments),
    )
    try:
        invocation = parse_arguments(arguments)
        if invocation is None:
            return 0
        if invocation.command == Command.VERSION:
            return _show_version(invocation, output)
        settings = _resolve_settings(invocation)
        log_json = settings.output.log_format is LogFormat.JSON
        if log_json:
            signals.use_json()
        output = Output(json=settings.output.json, log_json=log_json, mask=make_mask(settings))
        if invocation.command == Command.SERVE:
            return _serve(invocation, settings)
        return _run_command(invocation.command, settings, output)
    except RestoreError as error:
        return output.fail(error)
    except Interrupted as error:
        return output.end(error.status, str(error))
    except Exception as error:  # noqa: BLE001 - an unexpected error is a bug, and is reported as one
        return output.report_bug(error)


def _asks_for_json_log(arguments: list[str]) -> bool:
    """Return whether the log shall be JSON, as far as a command line and a variable say it."""
    given = [*arguments, ""]
    asked = [one.removeprefix("--log-format=") for one in given if one.startswith("--log-format=")]
    asked += [given[place + 1] for place, one in enumerate(given) if one == "--log-format"]
    return (asked or [os.environ.get("RESTORE_LOG_FORMAT", "").strip()])[-1] == LogFormat.JSON


def _resolve_settings(invocation: Invocation) -> Settings:
    sources = gather_sources(invocation.flags, invocation.arguments, invocation.problems)
    return read_settings(invocation.command, sources)


def _run_command(command: str, settings: Settings, output: Output) -> int:
    log = open_log(settings, make_mask(settings))
    _warn(settings, log)
    progress = open_progress(settings, log)
    if settings.limits.deadline_seconds:
        set_deadline(settings.limits.deadline_seconds)
    try:
        shown = observe(command, settings, log, lambda: RUNNERS[command](settings, log, progress))
    finally:
        progress.close()
    output.show(shown.result, shown.lines)
    output.tell(shown.status, settings.problems)
    return shown.status or (output.unwritten if command in TELLING else 0)


def _serve(invocation: Invocation, settings: Settings) -> NoReturn:
    for package in ("cronsim", "prometheus_client"):
        import_optional(package, "serve")
    from restore.daemon.app import serve  # noqa: PLC0415 - boot: 46 ms; optional packages

    masks = [make_mask(settings)]
    log = open_log(settings, lambda text: functools.reduce(lambda said, mask: mask(said), masks, text))
    _warn(settings, log)

    def renew(command: str) -> Settings:
        """Read all settings again, for a command that is run by schedule: secrets may have been renewed."""
        flags, arguments = invocation.flags, invocation.arguments
        if command == Command.MIRROR and arguments:
            # Its own arguments are stores; those of serve are collections.
            flags, arguments = {**flags, "collections": (*flags.get("collections", ()), *arguments)}, ()
        found = _resolve_settings(Invocation(command, flags, arguments))
        masks[1:] = [make_mask(found)]
        return found

    serve(settings, log, LogProgress(log), renew)


def _warn(settings: Settings, log: Log) -> None:
    for warning in settings.warnings:
        log("settings.warning", level="warning", message=warning)
    for option, whose in (("insecure", "Qdrant"), ("drill-insecure", "the Qdrant that drills restore into")):
        if settings.value_of(OPTIONS_BY_NAME[option]):
            log(
                "tls.insecure",
                level="warning",
                message=f"any certificate of {whose} is accepted",
                because=settings.origins[option].where,
            )


def _show_version(invocation: Invocation, output: Output) -> int:
    if invocation.problems:
        raise SettingsError(*invocation.problems)
    result = version.run()
    output.show(result, version.describe(result))
    return result.status or output.unwritten
