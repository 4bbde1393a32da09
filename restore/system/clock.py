"""Time, as an argument: tests hand in another clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Give the moment, aware, UTC."""
        return datetime.now(UTC)

    def read_seconds(self) -> float:
        """Give seconds of a clock that never jumps, for lengths of time."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; a signal's exception ends it."""
        time.sleep(seconds)
