"""SIGTERM and SIGINT: one `Interrupted` where the program stands, then it must be gone within two seconds.

As PID 1 of a container an unhandled signal would be ignored by the kernel, so this is installed before anything
else is imported.
"""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn

from restore.errors import Interrupted

_GONE_AFTER_SECONDS = 1.8
_first: list[int] = []


def install() -> None:
    """Turn SIGTERM and SIGINT into `Interrupted`; a second one, or a slow tidying, ends the process hard."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, _leave)


def name_signal(status: int) -> str:
    """Name the signal behind an exit status: 143 is SIGTERM."""
    return signal.Signals(status - 128).name


def _interrupt(signal_number: int, _frame: FrameType | None) -> NoReturn:
    if _first:
        _leave(signal_number, None)
    _first.append(signal_number)
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, _GONE_AFTER_SECONDS)
    raise Interrupted(signal_number)


def _leave(_signal_number: int, _frame: FrameType | None) -> NoReturn:
    status = 128 + _first[0]
    os.write(2, f"error: ended by {name_signal(status)} before everything was tidied\n".encode())
    os._exit(status)
