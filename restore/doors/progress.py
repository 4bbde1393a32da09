"""How far something has come: a bar on a terminal, else an event now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from restore.decisions.settings import Settings
from restore.decisions.settings_row import LogFormat
from restore.words.log import Log, Progress
from restore.words.show import escape_controls

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

_EVERY_SECONDS = 10.0


class SpokenProgress:
    """Says `transfer.progress` or `transfer.waiting` at most every ten seconds."""

    def __init__(self, log: Log, read_seconds: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._read_seconds = read_seconds
        self._said = read_seconds()
        self._what = ""
        self._since = 0.0

    def __call__(self, collection: str, sent_bytes: int, total_bytes: int | None = None) -> None:
        """Say how many bytes have gone."""
        self._what = ""
        if self._read_seconds() - self._said >= _EVERY_SECONDS:
            self._said = self._read_seconds()
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
        begins = what != self._what
        if begins:
            self._what, self._since = what, now
        if begins or now - self._said >= _EVERY_SECONDS:
            self._said = now
            self._log(
                "transfer.waiting", what=what, collection=collection, waited_seconds=round(now - self._since, 1)
            )

    def close(self) -> None:
        """Nothing is shown that could be taken away."""


class ShownProgress:
    """A bar on the terminal: bytes, rate, what is left; a moving one while the server works."""

    def __init__(self) -> None:
        self._bars: Bars | None = None
        self._task: TaskID | None = None
        self._shown = ""

    def __call__(self, collection: str, sent_bytes: int, total_bytes: int | None = None) -> None:
        """Move the bar."""
        self._show(collection)
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, completed=sent_bytes, total=total_bytes)

    def wait(self, what: str, collection: str = "") -> None:
        """Show a bar that has no end."""
        self._show(f"{collection}: {what}" if collection else what)

    def close(self) -> None:
        """Take the bar off the terminal."""
        if self._bars is not None:
            self._bars.stop()
        self._bars, self._task, self._shown = None, None, ""

    def _show(self, words: str) -> None:
        if self._bars is None:
            self._bars = _open_bars()
            self._bars.start()
        if words != self._shown:
            if self._task is not None:
                self._bars.remove_task(self._task)
            self._task = self._bars.add_task(escape_controls(words).replace("[", r"\["), total=None)
            self._shown = words


def open_progress(settings: Settings, log: Log) -> Progress:
    """Choose: a bar when stderr is a terminal and the log is for eyes, else events."""
    for_eyes = settings.log_format is not LogFormat.JSON and not settings.json
    return ShownProgress() if for_eyes and sys.stderr.isatty() else SpokenProgress(log)


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
