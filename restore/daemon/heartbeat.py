"""The heartbeat of the running job: which job it is, and when it last gave a sign of life."""

import threading

from restore.system.clock import Clock
from restore.system.events import Fact, Level, Log, Progress


class Heartbeat:
    """The last sign of life. Thread-safe; reading it never waits for the job."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._running = ""
        self._last_sign = clock.read_seconds()

    def beat(self) -> None:
        """Record a sign of life."""
        with self._lock:
            self._last_sign = self._clock.read_seconds()

    def begin(self, job: str) -> None:
        """Record which job runs from now on; an empty name for none."""
        with self._lock:
            self._running = job
            self._last_sign = self._clock.read_seconds()

    def read(self) -> tuple[str, float]:
        """Return the running job's name, and the seconds since the last sign of life."""
        with self._lock:
            return self._running, max(0.0, self._clock.read_seconds() - self._last_sign)


class HeartbeatLog:
    """A log that counts each event as a sign of life."""

    def __init__(self, log: Log, heartbeat: Heartbeat) -> None:
        self._log = log
        self._heartbeat = heartbeat

    def __call__(self, event: str, /, *, level: Level = "info", **facts: Fact) -> None:
        """Pass it on."""
        self._heartbeat.beat()
        self._log(event, level=level, **facts)


class HeartbeatProgress:
    """A progress that counts each change as a sign of life; a number of bytes that stays the same is none."""

    def __init__(self, progress: Progress, heartbeat: Heartbeat) -> None:
        self._progress = progress
        self._heartbeat = heartbeat
        self._last: tuple[str, int] | None = None

    def __call__(self, collection: str, sent_bytes: int, total_bytes: int | None = None) -> None:
        """Pass it on."""
        if (collection, sent_bytes) != self._last:
            self._last = (collection, sent_bytes)
            self._heartbeat.beat()
        self._progress(collection, sent_bytes, total_bytes)

    def wait(self, what: str, collection: str = "") -> None:
        """Pass it on. A step reports that it waits only while the other side shows that it works."""
        self._heartbeat.beat()
        self._progress.wait(what, collection)

    def close(self) -> None:
        """Pass it on."""
        self._progress.close()
