"""What is said while a command runs: one event a line, and how far it has come."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from restore.cli.log import StderrLog, render_console, render_json, render_plain
from restore.cli.progress import LogProgress
from restore.settings.options.output import LogLevel
from restore.system.events import Fact, Level
from tests.support.program import make_environment

AT = datetime(2026, 11, 20, 10, 15, 1, tzinfo=UTC)
FACTS: dict[str, Fact] = {"collection": "my docs", "seconds": 1.2, "points": 5000, "exact": True, "note": None}


def test_a_plain_line_has_the_time_the_level_and_the_facts() -> None:
    """For `grep`: times in UTC, texts with spaces quoted, numbers as they are."""
    assert render_plain(AT, "info", "snapshot.recovered", FACTS) == (
        "2026-11-20T10:15:01Z info snapshot.recovered "
        'collection="my docs" seconds=1.2 points=5000 exact=true note=none'
    )


def test_a_line_for_eyes_leaves_out_what_goes_without_saying() -> None:
    """The day and the level of a plain event."""
    assert render_console(AT.astimezone(), "info", "a.b", {"n": 1})[8:] == " a.b n=1"
    assert render_console(AT.astimezone(), "warning", "a.b", {"n": 1})[8:] == " warning: a.b n=1"


def test_a_json_line_is_one_object() -> None:
    """Facts keep their types."""
    assert render_json(AT, "warning", "a.b", {"seconds": 1.2, "name": 'x"\n', "gone": None}) == (
        '{"at":"2026-11-20T10:15:01Z","level":"warning","event":"a.b","seconds":1.2,"name":"x\\"\\n","gone":null}'
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a=b", '"a=b"'),
        ("", '""'),
        ('say "x"', '"say \\"x\\""'),
        ("a\nerror: b", '"a\\nerror: b"'),
        ("a\x1b[2J", '"a\\x1b[2J"'),
        ("räksmörgås", "räksmörgås"),
        ("a\u202eb", '"a\\u202eb"'),
    ],
)
def test_no_text_can_forge_a_line_or_a_fact(text: str, shown: str) -> None:
    """Names come from others: a newline or an escape sequence in one stays a text."""
    assert render_plain(AT, "info", "e", {"name": text}) == f"2026-11-20T10:15:01Z info e name={shown}"


@pytest.mark.parametrize(
    ("least", "levels"),
    [
        (LogLevel.DEBUG, ["debug", "info", "warning", "error"]),
        (LogLevel.WARNING, ["warning", "error"]),
        (LogLevel.ERROR, ["error"]),
    ],
)
def test_only_what_is_important_enough_is_written(
    least: LogLevel, levels: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The level that was asked for, and everything above it."""
    log = StderrLog(render_plain, least, str)
    every: tuple[Level, ...] = ("debug", "info", "warning", "error")
    for level in every:
        log("e", level=level)

    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == levels


class RecordedLog:
    """A log that keeps its events, with a clock that does not move."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Fact]]] = []
        self.levels: list[Level] = []
        self.seconds = 0.0

    def __call__(self, event: str, /, *, level: Level = "info", **facts: Fact) -> None:
        """Record the event."""
        self.events.append((event, facts))
        self.levels.append(level)

    def read_seconds(self) -> float:
        """Return the time."""
        return self.seconds


def test_progress_is_said_every_ten_seconds() -> None:
    """However often a transfer tells it."""
    heard = RecordedLog()
    progress = LogProgress(heard, heard.read_seconds)
    for second in range(31):
        heard.seconds = float(second)
        progress("cities", second * 10, 300)

    assert heard.events == [
        ("transfer.progress", {"collection": "cities", "sent_bytes": sent, "total_bytes": 300, "percent": percent})
        for sent, percent in ((100, 33), (200, 67), (300, 100))
    ]


def test_waiting_is_said_when_it_begins_and_every_ten_seconds() -> None:
    """A server that loads for long is not taken for a hanging program."""
    heard = RecordedLog()
    progress = LogProgress(heard, heard.read_seconds)
    for second in range(21):
        heard.seconds = float(second)
        progress.wait("server is loading", "cities")
    progress.wait("server is creating the snapshot", "cities")

    assert [(event, facts["what"], facts["waited_seconds"]) for event, facts in heard.events] == [
        ("transfer.waiting", "server is loading", 0.0),
        ("transfer.waiting", "server is loading", 10.0),
        ("transfer.waiting", "server is loading", 20.0),
        ("transfer.waiting", "server is creating the snapshot", 0.0),
    ]


def test_on_a_terminal_a_bar_moves_and_goes_away(tmp_path: Path) -> None:
    """Bytes and rate, then what is waited for; an event passes above it, and nothing of the bar remains."""
    script = (
        "import time; from restore.settings.resolve import read_settings; "
        "from restore.settings.sources import Sources; from restore.cli.log import open_log; "
        "from restore.cli.progress import open_progress; settings = read_settings('restore', Sources()); "
        "log = open_log(settings, str); progress = open_progress(settings, log); "
        "progress('my [docs]', 5_000_000, 10_000_000); time.sleep(0.3); log('snapshot.sent', collection='cities'); "
        "progress.wait('server is loading', 'cities'); time.sleep(0.3); progress.close(); log('done')"
    )
    ours, theirs = pty.openpty()
    variables = make_environment(TERM="xterm", COLUMNS="100", LINES="30")
    with subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, env=variables, stderr=theirs):
        os.close(theirs)
        output = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", _read_all(ours))

    assert "my [docs]" in output
    assert "5.0/10.0 MB" in output
    assert "cities: server is loading" in output
    assert re.search(r"^\d\d:\d\d:\d\d snapshot.sent collection=cities\s*$", output, re.MULTILINE)
    assert re.search(r"\d\d:\d\d:\d\d done\s*\Z", output)


def _read_all(terminal: int) -> str:
    """Read a pseudo-terminal to its end, which Linux tells by an error."""
    parts: list[bytes] = []
    while True:
        try:
            block = os.read(terminal, 1 << 16)
        except OSError:
            block = b""
        if not block:
            os.close(terminal)
            return b"".join(parts).decode().replace("\r", "\n")
        parts.append(block)


def test_every_event_has_the_bound_context_and_loses_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    """What is bound once stands after an event's own facts; the mask sees the finished line."""
    log = StderrLog(render_plain, LogLevel.INFO, lambda line: line.replace("s3cret", "***"))
    with structlog.contextvars.bound_contextvars(operation_id="0d1f"):
        log("a.b", key="s3cret 100 %s {}")
    log("c.d", level="error")

    assert [line.partition(" ")[2] for line in capsys.readouterr().err.splitlines()] == [
        'info a.b key="*** 100 %s {}" operation_id=0d1f',
        "error c.d",
    ]


def test_the_first_event_of_a_process_imports_nothing() -> None:
    """A boot with nothing to do writes one; with the second, structlog takes over, and the lines look alike."""
    script = (
        "import sys; from restore.cli.log import StderrLog, render_plain; "
        "from restore.settings.options.output import LogLevel; "
        "log = StderrLog(render_plain, LogLevel.INFO, str); known = lambda: print('structlog' in sys.modules); "
        "log('a', n=1); known(); log('a', n=1); known()"
    )
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, env=make_environment(), capture_output=True, text=True, check=True)

    assert ended.stdout.split() == ["False", "True"]
    assert [line.partition(" ")[2] for line in ended.stderr.splitlines()] == ["info a n=1"] * 2
