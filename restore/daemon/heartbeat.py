"""What a worker is seen doing while another thread looks: its job, and when it last gave a sign."""

from __future__ import annotations

import threading

from restore.system.clock import Clock
from restore.system.events import Fact, Level, Log, Progress


class Heartbeat:
    """Beats when work moves. Safe to use from several threads; reading never waits for the work."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._running = ""
        self._sign = clock.read_seconds()

    def beat(self) -> None:
        """Give a sign of life."""
        with self._lock:
            self._sign = self._clock.read_seconds()

    def begin(self, job: str) -> None:
        """Say what is done from now on; empty for nothing."""
        with self._lock:
            self._running = job
            self._sign = self._clock.read_seconds()

    def read(self) -> tuple[str, float]:
        """Give what is being done and how many seconds ago the last sign was given."""
        with self._lock:
            return self._running, max(0.0, self._clock.read_seconds() - self._sign)


class HeartbeatLog:
    """A log whose events are signs of life."""

    def __init__(self, log: Log, pulse: Heartbeat) -> None:
        self._log = log
        self._pulse = pulse

    def __call__(self, event: str, /, *, level: Level = "info", **facts: Fact) -> None:
        """Pass it on."""
        self._pulse.beat()
        self._log(event, level=level, **facts)


class HeartbeatProgress:
    """A progress whose changes are signs of life: a transfer that tells the same number again gives none."""

    def __init__(self, progress: Progress, pulse: Heartbeat) -> None:
        self._progress = progress
        self._pulse = pulse
        self._last: tuple[str, int] | None = None

    def __call__(self, collection: str, sent_bytes: int, total_bytes: int | None = None) -> None:
        """Pass it on."""
        if (collection, sent_bytes) != self._last:
            self._last = (collection, sent_bytes)
            self._pulse.beat()
        self._progress(collection, sent_bytes, total_bytes)

    def wait(self, what: str, collection: str = "") -> None:
        """Pass it on; a step waits while the other side shows that it works."""
        self._pulse.beat()
        self._progress.wait(what, collection)

    def close(self) -> None:
        """Pass it on."""
        self._progress.close()
