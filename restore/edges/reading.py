"""Who reads a snapshot says so, and who wants to delete it asks: a lock of the kernel's that a killed reader lets go.

For files only. A bucket has no such lock; there the grace of the retention rule is what protects a reader, and a file
system without locks is treated the same.
"""

# pathlib would cost every boot 3 ms.
# ruff: noqa: PTH116
from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from restore.edges.plain import open_plain

try:
    import fcntl
except ImportError:  # Windows: no such locks, and a file that is open cannot be deleted there anyway.
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def hold_reading(path: str) -> Iterator[bool]:
    """Hold a snapshot file against deletion for the time of a `with`. False: somebody is deleting it just now.

    True also where nothing can be held: a bucket's object, a file that is not there (opening it will say so).
    """
    with _open(path) as file:
        if file is None:
            yield True
            return
        yield _try(file, shared=True) and _is_still(path, file)


@contextlib.contextmanager
def hold_alone(path: str) -> Iterator[bool]:
    """Hold a snapshot file against readers for the time of a `with`. False: it is being read."""
    with _open(path) as file:
        yield file is None or _try(file, shared=False)


def is_being_read(path: str) -> bool:
    """Tell whether somebody holds a snapshot file for reading now."""
    with hold_alone(path) as free:
        return not free


@contextlib.contextmanager
def _open(path: str) -> Iterator[int | None]:
    file: int | None = None
    if fcntl is not None and path.startswith(os.sep):
        with contextlib.suppress(OSError):
            file = open_plain(path, os.O_RDONLY)
    try:
        yield file
    finally:
        if file is not None:
            os.close(file)


def _try(file: int, *, shared: bool) -> bool:
    """Take the lock without waiting. True also where the file system has none."""
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _is_still(path: str, file: int) -> bool:
    """Tell whether the name still leads to what was opened."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(file))
    except OSError:
        return False
