"""Replacing a small file in a directory: one process at a time, for the moment that it takes."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # Windows: no such locks.
    fcntl = None  # type: ignore[assignment]

_PATIENCE_SECONDS = 5.0
_LOOK_SECONDS = 0.01


@contextlib.contextmanager
def directory_lock(directory: str) -> Iterator[None]:
    """Wait until no other process is at it, five seconds at most, and keep the others waiting meanwhile.

    The kernel lets go for one that was killed. Where it has no such locks nobody waits: then whoever was last stays.
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
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOOK_SECONDS)
        except OSError:
            return
        else:
            return
