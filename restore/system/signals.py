"""SIGTERM, SIGINT and the deadline: each raises `Interrupted` in the main thread, and the process ends within 2 s.

The kernel ignores an unhandled signal to PID 1 of a container, so this is installed before anything else is imported.
"""

import contextlib
import os
import signal
import sys
import time
from types import FrameType
from typing import NoReturn

from restore.errors import DeadlineReached, Interrupted

_END_AFTER_SECONDS = 1.8
_first: list[Interrupted] = []
_deadline: list[float] = []
_as_json: list[bool] = []


def install() -> None:
    """Turn SIGTERM and SIGINT into `Interrupted`. A second signal, or slow tidying, ends the process at once."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, _raise_deadline)


def use_json() -> None:
    """Write the last sentence of a process that ends at once as a line of a JSON log."""
    _as_json.append(True)


def set_deadline(seconds: float) -> None:
    """Raise `DeadlineReached` in the main thread after so many seconds, where the system has such a timer."""
    if hasattr(signal, "setitimer"):
        _deadline[:] = [seconds]
        signal.setitimer(signal.ITIMER_REAL, seconds)


def clear_deadline() -> None:
    """Forget the deadline, also after it has come: the process goes on, and its next run has another deadline."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)
    _first[:] = [reason for reason in _first if not isinstance(reason, DeadlineReached)]


def exit_now(status: int) -> None:
    """End the process with this status, if a signal or the deadline ended the run; else do nothing.

    The interpreter's own end may take longer than is left of the two seconds. It removes the alarm's handler before
    that, and the status would be that of SIGALRM.
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
    # The sentence holds nothing that JSON would escape, and no JSON module may be imported yet.
    return f'{{"at":"{at}","level":"error","event":"run.failed","status":{reason.status},"reason":"{sentence}"}}\n'


def _interrupt(signal_number: int, _frame: FrameType | None) -> NoReturn:
    name = signal.Signals(signal_number).name
    _raise_first(Interrupted(signal_number, f"ended by {name}"))


def _raise_deadline(signal_number: int, _frame: FrameType | None) -> NoReturn:
    seconds = _deadline[0] if _deadline else 0.0
    _raise_first(DeadlineReached(signal_number, f"not finished within the deadline of {seconds:g} s"))


def _raise_first(reason: Interrupted) -> NoReturn:
    if _first:
        with contextlib.suppress(OSError):
            os.write(2, _write_last(_first[0]).encode())
        os._exit(_first[0].status)
    _first.append(reason)
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, _END_AFTER_SECONDS)
    raise reason
