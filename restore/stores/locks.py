"""The locks that commands take: of a whole store, and of one snapshot file while it is read or deleted."""

import contextlib
import os
from collections.abc import Iterator
from typing import Protocol

from restore.stores.protocols import WritableStore
from restore.system.clock import Clock
from restore.system.events import Log
from restore.system.files import open_regular_file
from restore.system.flock import HAS_FLOCK, is_still_at, try_flock

_LOG_SECONDS = 10.0


class HeldLock(Protocol):
    """A store's lock, held by this run: the kernel's, or a lease that this run renews."""

    def is_ours(self) -> bool:
        """Return True if no other run has taken it over. Only a lease can be lost: by a machine that was asleep."""
        ...

    def release(self) -> None:
        """Release it; idempotent. A lock that another run has taken over stays as it is."""
        ...


@contextlib.contextmanager
def store_lock(store: WritableStore, clock: Clock, log: Log, *, timeout_seconds: float | None) -> Iterator[float]:
    """Hold a store's lock within a `with`; yield how many seconds another run was waited for.

    Without a timeout, wait as long as its holder lives. Raise `LockedError` when it stays taken.
    """
    begin = clock.read_seconds()
    logged: float | None = None

    def log_waiting() -> None:
        nonlocal logged
        now = clock.read_seconds()
        if logged is None or now - logged >= _LOG_SECONDS:
            log("store.waiting_for_another", store=store.name, waited_seconds=round(now - begin))
            logged = now

    with store.lock(timeout_seconds, on_wait=log_waiting):
        yield 0.0 if logged is None else round(clock.read_seconds() - begin, 3)


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
