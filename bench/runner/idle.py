"""Wait until the machine is idle, by Linux's pressure stall information for processors and disk."""

from __future__ import annotations

import re
import time
from pathlib import Path

_PRESSURE_FILES = (Path("/proc/pressure/cpu"), Path("/proc/pressure/io"))
_SAMPLE_SECONDS = 2.0
# The largest share of that time in which a task may have waited.
_IDLE_SHARE = 0.05
_TOTAL = re.compile(r"some .*total=(\d+)")


def wait_until_idle(timeout_seconds: float) -> None:
    """Return after two seconds of an idle machine, or at the timeout; at once if the kernel has no pressure files."""
    end = time.monotonic() + timeout_seconds
    while timeout_seconds and time.monotonic() < end:
        before = _read_wait_seconds()
        time.sleep(_SAMPLE_SECONDS)
        wait_seconds = [after - earlier for after, earlier in zip(_read_wait_seconds(), before, strict=True)]
        if max(wait_seconds, default=0.0) < _IDLE_SHARE * _SAMPLE_SECONDS:
            return


def _read_wait_seconds() -> list[float]:
    """Return the seconds since boot in which a task waited for processors, and for the disk."""
    totals = [_TOTAL.search(path.read_text(encoding="ascii")) for path in _PRESSURE_FILES if path.exists()]
    return [int(match[1]) / 1e6 for match in totals if match]
