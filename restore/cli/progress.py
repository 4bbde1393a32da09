"""The progress of transfers: a bar on a terminal, else an event every ten seconds."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from restore.settings.model import Settings
from restore.settings.options.output import LogFormat
from restore.system.events import Log, Progress
from restore.system.text import escape_controls

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

_INTERVAL_SECONDS = 10.0


class LogProgress:
    """Logs `transfer.progress` or `transfer.waiting`, at most every ten seconds for each collection."""

    def __init__(self, log: Log, read_seconds: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._read_seconds = read_seconds
        self._start = read_seconds()
        # By collection; several threads call, each for its own collection.
        self._logged: dict[str, float] = {}
        self._waits: dict[str, tuple[str, float]] = {}

    def __call__(self, collection: str, sent_bytes: int, total_bytes: int | None = None) -> None:
        """Log how many bytes have been transferred."""
        self._waits.pop(collection, None)
        now = self._read_seconds()
        if now - self._logged.get(collection, self._start) >= _INTERVAL_SECONDS:
            self._logged[collection] = now
            percent = round(100 * sent_bytes / total_bytes) if total_bytes else None
            self._log(
                "transfer.progress",
                collection=collection,
                sent_bytes=sent_bytes,
                total_bytes=total_bytes,
                percent=percent,
            )

    def wait(self, what: str, collection: str = "") -> None:
        """Log what is waited for, when it begins and every ten seconds."""
        now = self._read_seconds()
        before, since = self._waits.get(collection, ("", now))
        is_new = what != before
        if is_new:
            since = now
            self._waits[collection] = (what, since)
        if is_new or now - self._logged.get(collection, self._start) >= _INTERVAL_SECONDS:
            self._logged[collection] = now
            self._log("transfer.waiting", what=what, collection=collection, waited_seconds=round(now - since, 1))

    def close(self) -> None:
        """Do nothing: the log shows nothing that could be cleared."""


class TerminalProgress:
    """Bars on the terminal, one for each collection: bytes, rate, time; indeterminate while the server works."""

    def __init__(self) -> None:
        self._bars: Bars | None = None
        self._tasks: dict[str, tuple[str, TaskID]] = {}
        # Each collection may have a thread of its own.
        self._lock = threading.RLock()

    def __call__(self, collection: str, sent_bytes: int, total_bytes: int | None = None) -> None:
        """Move the bar."""
        with self._lock:
            bars, task = self._show(collection, collection)
            bars.update(task, completed=sent_bytes, total=total_bytes)

    def wait(self, what: str, collection: str = "") -> None:
        """Show an indeterminate bar."""
        with self._lock:
            self._show(collection, f"{collection}: {what}" if collection else what)

    def close(self) -> None:
        """Clear the bars off the terminal; the next call opens new ones."""
        with self._lock:
            if self._bars is not None:
                self._bars.stop()
            self._bars, self._tasks = None, {}

    def _show(self, collection: str, label: str) -> tuple[Bars, TaskID]:
        if self._bars is None:
            self._bars = _open_bars()
            self._bars.start()
        shown, task = self._tasks.get(collection, ("", None))
        if task is None or label != shown:
            if task is not None:
                self._bars.remove_task(task)
            task = self._bars.add_task(escape_controls(label).replace("[", r"\["), total=None)
            self._tasks[collection] = (label, task)
        return self._bars, task


def open_progress(settings: Settings, log: Log) -> Progress:
    """Return a bar when stderr is a terminal and neither log nor result is JSON, else a progress that logs."""
    is_text = settings.output.log_format is not LogFormat.JSON and not settings.output.json
    return TerminalProgress() if is_text and sys.stderr.isatty() else LogProgress(log)


def _open_bars() -> Bars:
    from rich import console, progress  # noqa: PLC0415 - boot: 60 ms, paid by a transfer watched on a terminal

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeElapsedColumn(),
    )
    stderr = console.Console(stderr=True)
    return progress.Progress(*columns, console=stderr, transient=True, redirect_stdout=False)
