"""Locks as commands use them: of a whole store, and of one snapshot file while it is read or deleted."""

# pathlib would cost every boot 3 ms.
# ruff: noqa: PTH116
from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from restore.stores.protocols import WritableStore
from restore.system.clock import Clock
from restore.system.events import Log
from restore.system.files import open_regular_file

try:
    import fcntl
except ImportError:  # Windows: no such locks, and a file that is open cannot be deleted there anyway.
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def shared_lock(path: str) -> Iterator[bool]:
    """Hold a snapshot file against deletion for the time of a `with`. False: somebody is deleting it just now.

    True also where nothing can be held: a bucket's object, a file that is not there (opening it will say so).
    """
    with _open(path) as file:
        if file is None:
            yield True
            return
        yield _try(file, shared=True) and _is_still(path, file)


@contextlib.contextmanager
def exclusive_lock(path: str) -> Iterator[bool]:
    """Hold a snapshot file against readers for the time of a `with`. False: it is being read."""
    with _open(path) as file:
        yield file is None or _try(file, shared=False)


def is_being_read(path: str) -> bool:
    """Tell whether somebody holds a snapshot file for reading now."""
    with exclusive_lock(path) as free:
        return not free


@contextlib.contextmanager
def _open(path: str) -> Iterator[int | None]:
    file: int | None = None
    if fcntl is not None and path.startswith(os.sep):
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


_SAY_SECONDS = 10.0


@contextlib.contextmanager
def store_lock(store: WritableStore, clock: Clock, log: Log, *, timeout_seconds: float | None) -> Iterator[float]:
    """Hold the lock, which vanishes with its holder; gives how many seconds another run was waited for.

    None waits as long as that one lives. Raises `LockedError` when it stays taken.
    """
    begin = clock.read_seconds()
    said: float | None = None

    def tell() -> None:
        nonlocal said
        now = clock.read_seconds()
        if said is None or now - said >= _SAY_SECONDS:
            log("store.waiting_for_another", store=store.name, waited_seconds=round(now - begin))
            said = now

    with store.lock(timeout_seconds, on_wait=tell):
        yield 0.0 if said is None else round(clock.read_seconds() - begin, 3)
