"""A lock on a directory, so that one process at a time replaces a small file in it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # Windows has no such locks.
    fcntl = None  # type: ignore[assignment]

_TIMEOUT_SECONDS = 5.0
_POLL_SECONDS = 0.01


@contextlib.contextmanager
def directory_lock(directory: str) -> Iterator[None]:
    """Hold the lock for the time of a `with`; wait for it five seconds at most.

    After five seconds, and where the kernel has no such locks, the block runs without it: then the last writer wins.
    The kernel releases the lock of a killed process.
    """
    file: int | None = None
    with contextlib.suppress(OSError):
        file = os.open(directory, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        if file is not None and fcntl is not None:
            _wait(file)
        yield
    finally:
        if file is not None:
            os.close(file)


def _wait(file: int) -> None:
    end = time.monotonic() + _TIMEOUT_SECONDS
    while time.monotonic() < end:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_POLL_SECONDS)
        except OSError:
            return
        else:
            return
