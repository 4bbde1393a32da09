"""Time as an argument: tests pass another clock."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

_LOOK_SECONDS = 0.1


class Clock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the moment, aware, in UTC."""
        return datetime.now(UTC)

    def read_seconds(self) -> float:
        """Return the seconds of a clock that never jumps, to measure lengths of time."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait. A signal's exception ends the wait."""
        time.sleep(seconds)


class StoppableClock(Clock):
    """Another clock, for a thread that may be asked to end: each sleep calls `check_stop` ten times a second."""

    def __init__(self, clock: Clock, check_stop: Callable[[], None]) -> None:
        self._clock = clock
        self._check_stop = check_stop

    def now(self) -> datetime:
        """Return the moment of the other clock."""
        return self._clock.now()

    def read_seconds(self) -> float:
        """Return the seconds of the other clock."""
        return self._clock.read_seconds()

    def sleep(self, seconds: float) -> None:
        """Wait. Raise `Interrupted` when the thread is asked to end."""
        end = self._clock.read_seconds() + seconds
        while (left := end - self._clock.read_seconds()) > 0:
            self._check_stop()
            self._clock.sleep(min(left, _LOOK_SECONDS))
        self._check_stop()
