"""The log on stderr: one event a line, for the console, as plain text for `grep`, or as JSON.

structlog runs the processors: merge the bound context, add the time, render, mask secrets. Importing it takes nearly
as long as a boot with nothing to do, which writes one event (`qdrant.ready`). Therefore the first event is processed
in the same way without it.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from restore.settings.model import Settings
from restore.settings.options.output import LogFormat, LogLevel
from restore.system.events import Fact, Level
from restore.system.text import encode_json, escape_controls

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

_ORDER = tuple(LogLevel)
_BARE = re.compile(r"[^\s\"'=\\]+")

Renderer = Callable[[datetime, Level, str, Mapping[str, Fact]], str]


def render_console(at: datetime, level: Level, event: str, facts: Mapping[str, Fact]) -> str:
    """Return `12:00:01 snapshot.recovered collection=cities seconds=1.2`, in local time; `info` is left out."""
    shown = "" if level == "info" else f"{level}: "
    return f"{at.astimezone():%H:%M:%S} {shown}{_join(event, facts)}"


def render_plain(at: datetime, level: Level, event: str, facts: Mapping[str, Fact]) -> str:
    """Return the same with date and time in UTC, and every level."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ} {level} {_join(event, facts)}"


def render_json(at: datetime, level: Level, event: str, facts: Mapping[str, Fact]) -> str:
    """Return one JSON object."""
    return encode_json({"at": f"{at:%Y-%m-%dT%H:%M:%SZ}", "level": level, "event": event, **facts})


class StderrLog:
    """The log of one run. A closed stderr must not end a restore: what cannot be written is dropped."""

    def __init__(self, render: Renderer, least: LogLevel, mask: Callable[[str], str]) -> None:
        self._render = render
        self._least = _ORDER.index(least)
        self._mask = mask
        self._logger: FilteringBoundLogger | None = None
        self._has_written = False

    def __call__(self, event: str, /, *, level: Level = "info", **facts: Fact) -> None:
        """Write an event, unless its level is below the one asked for."""
        if _ORDER.index(LogLevel(level)) < self._least:
            return
        # A context can only have been bound with structlog.
        if not self._has_written and "structlog" not in sys.modules:
            self._has_written = True
            _write(self._process(None, level, {**facts, "event": event}))
            return
        if self._logger is None:
            self._logger = self._open_logger()
        getattr(self._logger, level)(event, **facts)

    def _open_logger(self) -> FilteringBoundLogger:
        import structlog  # noqa: PLC0415 - see above

        logger = structlog.wrap_logger(
            _StderrWriter(),
            processors=[structlog.contextvars.merge_contextvars, self._process],
            wrapper_class=structlog.make_filtering_bound_logger("debug"),
        )
        return cast("FilteringBoundLogger", logger.bind())

    def _process(self, _logger: object, level: str, event_dict: MutableMapping[str, Any]) -> str:
        """Return the masked line of an event: the last of structlog's processors."""
        event = event_dict.pop("event")
        return self._mask(self._render(datetime.now(UTC), cast("Level", level), event, event_dict))


class _StderrWriter:
    """What structlog hands a finished line to, by the name of its level."""

    def debug(self, line: str) -> None:
        """Write the line."""
        _write(line)

    info = warning = error = debug


def _write(line: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        # Looked up each time: while a progress bar is shown, `sys.stderr` belongs to the bar.
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def open_log(settings: Settings, mask: Callable[[str], str]) -> StderrLog:
    """Return the log in the form asked for: `auto` is the console's on a terminal, else plain lines."""
    match settings.output.log_format:
        case LogFormat.JSON:
            render: Renderer = render_json
        case LogFormat.CONSOLE:
            render = render_console
        case LogFormat.AUTO:
            render = render_console if sys.stderr.isatty() else render_plain
    return StderrLog(render, settings.output.log_level, mask)


def _join(event: str, facts: Mapping[str, Fact]) -> str:
    return " ".join([event, *(f"{name}={_show(value)}" for name, value in facts.items())])


def _show(value: Fact) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.3f}".rstrip("0").rstrip(".")
        case int():
            return str(value)
    shown = escape_controls(value)
    return shown if _BARE.fullmatch(shown) else '"' + shown.replace('"', '\\"') + '"'
