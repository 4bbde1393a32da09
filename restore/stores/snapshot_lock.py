"""The lock of one snapshot file while it is read or deleted: the kernel's, and none for an object in a bucket."""

import contextlib
import os
from collections.abc import Iterator

from restore.system.files import open_regular_file
from restore.system.flock import HAS_FLOCK, is_still_at, try_flock


@contextlib.contextmanager
def shared_lock(path: str) -> Iterator[bool]:
    """Protect a snapshot file from deletion within a `with`. Yield False if it is being deleted.

    Yield True also where there is nothing to lock: an object in a bucket, a file that does not exist (opening it
    raises the error).
    """
    with _open(path) as file:
        yield file is None or (_try(file, shared=True) and is_still_at(path, file))


@contextlib.contextmanager
def exclusive_lock(path: str) -> Iterator[bool]:
    """Keep readers from a snapshot file within a `with`. Yield False if it is being read."""
    with _open(path) as file:
        yield file is None or _try(file, shared=False)


def is_being_read(path: str) -> bool:
    """Return True if another process holds the shared lock of a snapshot file."""
    with exclusive_lock(path) as free:
        return not free


@contextlib.contextmanager
def _open(path: str) -> Iterator[int | None]:
    file: int | None = None
    if HAS_FLOCK and path.startswith(os.sep):
        with contextlib.suppress(OSError):
            file = open_regular_file(path, os.O_RDONLY)
    try:
        yield file
    finally:
        if file is not None:
            os.close(file)


def _try(file: int, *, shared: bool) -> bool:
    """Take the lock without waiting. True also where the file system has none."""
    try:
        return try_flock(file, shared=shared)
    except OSError:
        return True
