"""The lock of a directory: the kernel's, which ends with its holder; where there is none, a lease that is renewed.

The file of either names its holder, for the message of a run that waits.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from restore.errors import LockedError
from restore.stores.layout import LEASE_FILE, LOCK_FILE
from restore.stores.local.reader import LocalStore
from restore.stores.store_lock import HeldLock
from restore.system.flock import HAS_FLOCK, is_still_at, try_flock
from restore.system.process import describe_process
from restore.system.text import truncate_middle

if TYPE_CHECKING:
    from filelock import BaseFileLock

# A share whose server knows no locks (NFS before version 4 without lockd, some FUSE file systems).
_NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP})
_READ_ONLY = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_PAUSE_SECONDS = 0.05
_LEASE_SECONDS = 60.0
_LONGEST_HOLDER = 500
_LEASE = re.compile(r"^pid=(?P<pid>[0-9]+)$.*^host=(?P<host>[^\n]+)$", re.MULTILINE | re.DOTALL)


class LockTimeoutError(Exception):
    """Another run held the lock until the timeout."""


class _FileLock:
    """The kernel's lock on an open file."""

    def __init__(self, file: int) -> None:
        self._file = file

    def is_ours(self) -> bool:
        """Return True: the kernel gives it to no other process."""
        return True

    def release(self) -> None:
        """Release it; idempotent. The file stays, empty."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = -1


class _LibraryLock:
    """A lock of the filelock library. The file of a lease holds its holder's token."""

    def __init__(self, lock: BaseFileLock, path: str) -> None:
        self._lock = lock
        self._path = path

    def is_ours(self) -> bool:
        """Return True if the file names this run. It is read now: what the library saw last may be too old."""
        token = getattr(self._lock, "token", "")
        if not isinstance(token, str) or not self._lock.is_locked:
            return False
        return not token or f"token={token}\n" in _read(self._path)

    def release(self) -> None:
        """Release it; idempotent. A lease that another run has taken over stays as it is."""
        self._lock.release()


def acquire_lock(
    store: LocalStore, *, mode: int, timeout_seconds: float | None, on_wait: Callable[[], None]
) -> HeldLock:
    """Take a store's lock, or its lease where the file system has no locks; their files are made with this mode.

    Without a timeout, wait as long as its holder lives. Raise `LockedError` when it stays taken, `OSError` when the
    file cannot be opened.
    """
    path = store.path(LOCK_FILE)
    try:
        held = acquire_file_lock(path, mode=mode, timeout_seconds=timeout_seconds, on_wait=on_wait)
        if held:
            return held
        path = store.path(LEASE_FILE)
        return acquire_lease(path, mode=mode, timeout_seconds=timeout_seconds, on_wait=on_wait)
    except LockTimeoutError:
        waited, holder = timeout_seconds or 0.0, read_holder(path)
        raise LockedError(
            f"store '{store.name}' is locked by another run (waited {waited:g} s)",
            left=f"{truncate_middle(holder)} holds it" if holder else "",
            hint="wait for it, or give it longer with --lock-timeout; a killed run's lock is free at once",
            waited_seconds=max(0.0, waited),
        ) from None


def acquire_file_lock(
    path: str, *, mode: int, timeout_seconds: float | None, on_wait: Callable[[], None]
) -> HeldLock | None:
    """Take the kernel's lock on a file, made with this mode; None where the file system has no locks.

    Raise `LockTimeoutError` when it stays taken, `OSError` when the file cannot be opened.
    """
    if not HAS_FLOCK:
        return _acquire_without_flock(path, mode, timeout_seconds, on_wait)
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    while True:
        file = _open(path, mode)
        try:
            taken = try_flock(file) and is_still_at(path, file)
        except BaseException as error:
            os.close(file)
            if isinstance(error, OSError) and error.errno in _NO_LOCKS:
                return None
            raise
        if taken:
            _write_holder(file)
            return _FileLock(file)
        os.close(file)
        if deadline is not None and time.monotonic() >= deadline:
            raise LockTimeoutError
        on_wait()
        time.sleep(_PAUSE_SECONDS)


def acquire_lease(
    path: str,
    *,
    mode: int,
    timeout_seconds: float | None,
    on_wait: Callable[[], None],
    lease_seconds: float = _LEASE_SECONDS,
) -> HeldLock:
    """Take a lease: a file that its holder renews. A run that sees it unrenewed for so long may take it over.

    Each run measures by its own clock, so no two clocks are compared. Raise as `acquire_file_lock`.
    """
    import filelock  # noqa: PLC0415 - boot: 11 ms, paid where the kernel has no locks

    timeout = -1.0 if timeout_seconds is None else timeout_seconds
    # The threads of one run publish side by side under one lease.
    lease = filelock.SoftFileLease(path, timeout=timeout, mode=mode, lease_duration=lease_seconds, thread_local=False)
    return _acquire(lease, path, on_wait)


def read_holder(path: str) -> str:
    """Return the holder that the file of a lock or a lease names; empty when it names none."""
    text = _read(path)
    if lease := _LEASE.search(text):
        return f"{lease['host']} process {lease['pid']}"
    return text.strip()


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - paths are texts here
            return file.read(_LONGEST_HOLDER)
    except OSError:
        return ""


def _open(path: str, mode: int) -> int:
    """Open it, made with this mode. One that only another user may write is opened to read, which is enough."""
    flags = os.O_CLOEXEC | os.O_NOFOLLOW
    with contextlib.suppress(FileExistsError):
        file = os.open(path, flags | os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
        # Whatever the umask is: a user who may write the store's files may write this one.
        os.fchmod(file, mode)
        return file
    try:
        return os.open(path, flags | os.O_RDWR)
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise
    return os.open(path, flags | os.O_RDONLY)


def _write_holder(file: int) -> None:
    holder = f"{describe_process()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n"
    with contextlib.suppress(OSError):
        os.ftruncate(file, 0)
        os.pwrite(file, holder.encode(), 0)


def _acquire_without_flock(
    path: str, mode: int, timeout_seconds: float | None, on_wait: Callable[[], None]
) -> HeldLock | None:
    import filelock  # noqa: PLC0415 - as above

    timeout = -1.0 if timeout_seconds is None else timeout_seconds
    try:
        lock = filelock.FileLock(path, timeout=timeout, mode=mode, fallback_to_soft=False)
        return _acquire(lock, path, on_wait)
    except NotImplementedError:
        return None


def _acquire(lock: BaseFileLock, path: str, on_wait: Callable[[], None]) -> HeldLock:
    import filelock  # noqa: PLC0415 - as above

    def keep_waiting() -> bool:
        on_wait()
        return False

    try:
        lock.acquire(cancel_check=keep_waiting)
    except filelock.Timeout:
        raise LockTimeoutError from None
    return _LibraryLock(lock, path)
