"""Wait until nothing else keeps the machine busy: Linux says how long anybody had to wait for processors and disk."""

from __future__ import annotations

import re
import time
from pathlib import Path

_PRESSURES = (Path("/proc/pressure/cpu"), Path("/proc/pressure/io"))
_LOOK_SECONDS = 2.0
# Of that time, in which somebody waited.
_CALM = 0.05
_TOTAL = re.compile(r"some .*total=(\d+)")


def wait_calm(timeout_seconds: float) -> None:
    """Return when two seconds were calm, or patience is at its end. At once where the kernel does not tell."""
    end = time.monotonic() + timeout_seconds
    while timeout_seconds and time.monotonic() < end:
        before = _read_waited()
        time.sleep(_LOOK_SECONDS)
        waited = [after - earlier for after, earlier in zip(_read_waited(), before, strict=True)]
        if max(waited, default=0.0) < _CALM * _LOOK_SECONDS:
            return


def _read_waited() -> list[float]:
    """Give the seconds, since the machine started, in which somebody waited for processors, and for the disk."""
    found = [_TOTAL.search(path.read_text(encoding="ascii")) for path in _PRESSURES if path.exists()]
    return [int(match[1]) / 1e6 for match in found if match]
