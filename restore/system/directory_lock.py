"""A lock on a directory, so that one process at a time replaces a small file in it."""

import contextlib
import os
import time
from collections.abc import Iterator

from restore.system.flock import HAS_FLOCK, try_flock

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
        if file is not None and HAS_FLOCK:
            _wait(file)
        yield
    finally:
        if file is not None:
            os.close(file)


def _wait(file: int) -> None:
    end = time.monotonic() + _TIMEOUT_SECONDS
    while time.monotonic() < end:
        try:
            if try_flock(file):
                return
        except OSError:
            return
        time.sleep(_POLL_SECONDS)
