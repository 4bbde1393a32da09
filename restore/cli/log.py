"""The log on stderr: one event a line, for eyes, for `grep`, or as JSON."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from restore.settings.model import Settings
from restore.settings.option import LogFormat, LogLevel
from restore.system.events import Fact, Level
from restore.system.text import encode_json, escape_controls

_ORDER = tuple(LogLevel)
_BARE = re.compile(r"[^\s\"'=\\]+")

Line = Callable[[datetime, Level, str, Mapping[str, Fact]], str]


def write_console(at: datetime, level: Level, event: str, facts: Mapping[str, Fact]) -> str:
    """Give `12:00:01 snapshot.recovered collection=cities seconds=1.2`; the level stands there when it matters."""
    said = "" if level == "info" else f"{level}: "
    return f"{at.astimezone():%H:%M:%S} {said}{_join(event, facts)}"


def write_plain(at: datetime, level: Level, event: str, facts: Mapping[str, Fact]) -> str:
    """Give the same with the whole time, in UTC, and the level, always."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ} {level} {_join(event, facts)}"


def write_json(at: datetime, level: Level, event: str, facts: Mapping[str, Fact]) -> str:
    """Give one JSON object."""
    return encode_json({"at": f"{at:%Y-%m-%dT%H:%M:%SZ}", "level": level, "event": event, **facts})


class StderrLog:
    """The log of one run. A closed stderr must not end a restore: what cannot be written is dropped."""

    def __init__(self, line: Line, least: LogLevel, mask: Callable[[str], str]) -> None:
        self._line = line
        self._least = _ORDER.index(least)
        self._mask = mask

    def __call__(self, event: str, /, *, level: Level = "info", **facts: Fact) -> None:
        """Write an event, unless it is less important than asked for."""
        if _ORDER.index(LogLevel(level)) < self._least:
            return
        line = self._mask(self._line(datetime.now(UTC), level, event, facts))
        with contextlib.suppress(OSError, ValueError):
            # Looked up each time: while a progress bar is shown, stderr is the bar's.
            sys.stderr.write(line + "\n")
            sys.stderr.flush()


def open_log(settings: Settings, mask: Callable[[str], str]) -> StderrLog:
    """Choose the log's form: JSON when asked, for eyes when asked or on a terminal, else plain lines."""
    match settings.log_format:
        case LogFormat.JSON:
            line: Line = write_json
        case LogFormat.CONSOLE:
            line = write_console
        case LogFormat.AUTO:
            line = write_console if sys.stderr.isatty() else write_plain
    return StderrLog(line, settings.log_level, mask)


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
