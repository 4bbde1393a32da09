"""SIGTERM, SIGINT and the deadline: one `Interrupted` where the program stands, then it is gone within two seconds.

As PID 1 of a container an unhandled signal would be ignored by the kernel, so this is installed before anything
else is imported.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from types import FrameType
from typing import NoReturn

from restore.errors import DeadlineReached, Interrupted

_GONE_AFTER_SECONDS = 1.8
_first: list[Interrupted] = []
_deadline: list[float] = []
_as_json: list[bool] = []


def install() -> None:
    """Turn SIGTERM and SIGINT into `Interrupted`; a second one, or a slow tidying, ends the process hard."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, _ring)


def use_json() -> None:
    """Say also the very last sentence as a line of a JSON log."""
    _as_json.append(True)


def set_deadline(seconds: float) -> None:
    """Raise `DeadlineReached` when this many seconds are over.

    Where the system has no such timer, nothing happens.
    """
    if hasattr(signal, "setitimer"):
        _deadline[:] = [seconds]
        signal.setitimer(signal.ITIMER_REAL, seconds)


def clear_deadline() -> None:
    """Take the deadline back, also after it has rung: the process lives on, and the next run has one of its own."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)
    _first[:] = [reason for reason in _first if not isinstance(reason, DeadlineReached)]


def exit_now(status: int) -> None:
    """End the process with this status now, if something from outside ended the run; else do nothing.

    The interpreter's own end may take longer than is left of the two seconds, and it takes the alarm's handler away
    before: the status would be that of SIGALRM.
    """
    if not _first:
        return
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _write_last(reason: Interrupted) -> str:
    sentence = f"{reason.reason} before everything was tidied"
    if not _as_json:
        return f"error: {sentence}\n"
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    # Our own sentences have nothing in them that JSON would escape, and this runs before anything is imported.
    return f'{{"at":"{at}","level":"error","event":"run.failed","status":{reason.status},"reason":"{sentence}"}}\n'


def _interrupt(signal_number: int, _frame: FrameType | None) -> NoReturn:
    name = signal.Signals(signal_number).name
    _raise_first(Interrupted(signal_number, f"ended by {name}"))


def _ring(signal_number: int, _frame: FrameType | None) -> NoReturn:
    seconds = _deadline[0] if _deadline else 0.0
    _raise_first(DeadlineReached(signal_number, f"not finished within the deadline of {seconds:g} s"))


def _raise_first(reason: Interrupted) -> NoReturn:
    if _first:
        with contextlib.suppress(OSError):
            os.write(2, _write_last(_first[0]).encode())
        os._exit(_first[0].status)
    _first.append(reason)
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, _GONE_AFTER_SECONDS)
    raise reason
