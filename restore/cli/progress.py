"""How far something has come: a bar on a terminal, else an event now and then."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from restore.settings.model import Settings
from restore.settings.option import LogFormat
from restore.system.events import Log, Progress
from restore.system.text import escape_controls

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

_EVERY_SECONDS = 10.0


class LogProgress:
    """Says `transfer.progress` or `transfer.waiting` at most every ten seconds for each collection."""

    def __init__(self, log: Log, read_seconds: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._read_seconds = read_seconds
        self._begin = read_seconds()
        # For each collection; several threads speak, each of its own.
        self._said: dict[str, float] = {}
        self._waits: dict[str, tuple[str, float]] = {}

    def __call__(self, collection: str, sent_bytes: int, total_bytes: int | None = None) -> None:
        """Say how many bytes have gone."""
        self._waits.pop(collection, None)
        now = self._read_seconds()
        if now - self._said.get(collection, self._begin) >= _EVERY_SECONDS:
            self._said[collection] = now
            percent = round(100 * sent_bytes / total_bytes) if total_bytes else None
            self._log(
                "transfer.progress",
                collection=collection,
                sent_bytes=sent_bytes,
                total_bytes=total_bytes,
                percent=percent,
            )

    def wait(self, what: str, collection: str = "") -> None:
        """Say what is waited for, when it begins and every ten seconds."""
        now = self._read_seconds()
        before, since = self._waits.get(collection, ("", now))
        begins = what != before
        if begins:
            since = now
            self._waits[collection] = (what, since)
        if begins or now - self._said.get(collection, self._begin) >= _EVERY_SECONDS:
            self._said[collection] = now
            self._log("transfer.waiting", what=what, collection=collection, waited_seconds=round(now - since, 1))

    def close(self) -> None:
        """Nothing is shown that could be taken away."""


class TerminalProgress:
    """Bars on the terminal, one for each collection: bytes, rate, time; a moving one while the server works."""

    def __init__(self) -> None:
        self._bars: Bars | None = None
        self._tasks: dict[str, tuple[str, TaskID]] = {}
        # Several collections are worked on by a thread each.
        self._lock = threading.RLock()

    def __call__(self, collection: str, sent_bytes: int, total_bytes: int | None = None) -> None:
        """Move the bar."""
        with self._lock:
            bars, task = self._show(collection, collection)
            bars.update(task, completed=sent_bytes, total=total_bytes)

    def wait(self, what: str, collection: str = "") -> None:
        """Show a bar that has no end."""
        with self._lock:
            self._show(collection, f"{collection}: {what}" if collection else what)

    def close(self) -> None:
        """Take the bars off the terminal; who goes on gets a new one."""
        with self._lock:
            if self._bars is not None:
                self._bars.stop()
            self._bars, self._tasks = None, {}

    def _show(self, collection: str, words: str) -> tuple[Bars, TaskID]:
        if self._bars is None:
            self._bars = _open_bars()
            self._bars.start()
        shown, task = self._tasks.get(collection, ("", None))
        if task is None or words != shown:
            if task is not None:
                self._bars.remove_task(task)
            task = self._bars.add_task(escape_controls(words).replace("[", r"\["), total=None)
            self._tasks[collection] = (words, task)
        return self._bars, task


def open_progress(settings: Settings, log: Log) -> Progress:
    """Choose: a bar when stderr is a terminal and the log is for eyes, else events."""
    for_eyes = settings.log_format is not LogFormat.JSON and not settings.json
    return TerminalProgress() if for_eyes and sys.stderr.isatty() else LogProgress(log)


def _open_bars() -> Bars:
    # 60 ms, which only a transfer that somebody watches pays.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeElapsedColumn, TransferSpeedColumn  # noqa: PLC0415
    from rich.progress import Progress as Bars  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
    )
    return Bars(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False)
