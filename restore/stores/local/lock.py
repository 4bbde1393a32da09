"""A directory's lock: the kernel's, which vanishes with its holder, and where there is none a lease that is renewed.

The file of either says who holds it, for the message of whoever waits.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from filelock import BaseFileLock

try:
    import fcntl
except ImportError:  # Windows has locks of another kind, and a library for them.
    fcntl = None  # type: ignore[assignment]

_HAS_FLOCK = fcntl is not None
# A share whose server knows no locks (NFS before version 4 without lockd, some FUSE file systems).
_NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP})
_READ_ONLY = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_PAUSE_SECONDS = 0.05
_LEASE_SECONDS = 60.0
_LONGEST_HOLDER = 500
_LEASE = re.compile(r"^pid=(?P<pid>[0-9]+)$.*^host=(?P<host>[^\n]+)$", re.MULTILINE | re.DOTALL)


class HeldLock(Protocol):
    """A lock that is held."""

    def is_ours(self) -> bool:
        """Tell whether nobody has taken it over: only a lease can be lost, by who was asleep."""
        ...

    def release(self) -> None:
        """Let it go; idempotent."""
        ...


class LockTimeoutError(Exception):
    """Another run held it until the time was over."""


class _FileLock:
    """The kernel's lock on an open file."""

    def __init__(self, file: int) -> None:
        self._file = file

    def is_ours(self) -> bool:
        """Tell that it is: the kernel gives it to nobody else."""
        return True

    def release(self) -> None:
        """Let it go: the name stays, and says nothing any more."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = -1


class _LibraryLock:
    """A lock of the library's; a lease's file names its holder's token."""

    def __init__(self, lock: BaseFileLock, path: str) -> None:
        self._lock = lock
        self._path = path

    def is_ours(self) -> bool:
        """Tell whether the file still names us. What only the library's own thread has seen is too old to count."""
        token = getattr(self._lock, "token", "")
        if not isinstance(token, str) or not self._lock.is_locked:
            return False
        return not token or f"token={token}\n" in _read(self._path)

    def release(self) -> None:
        """Let it go; what another one has taken over is left to him."""
        self._lock.release()


def acquire_file_lock(
    path: str, *, mode: int, timeout_seconds: float | None, on_wait: Callable[[], None]
) -> HeldLock | None:
    """Take the kernel's lock on a file, made with this mode; None where the file system has no locks.

    No timeout waits as long as its holder lives. Raises `LockTimeoutError`, and `OSError` when it cannot be opened.
    """
    if not _HAS_FLOCK:
        return _hold_elsewhere(path, mode, timeout_seconds, on_wait)
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    while True:
        file = _open(path, mode)
        try:
            own_marker = _try(file) and _is_still(path, file)
        except BaseException as error:
            os.close(file)
            if isinstance(error, OSError) and error.errno in _NO_LOCKS:
                return None
            raise
        if own_marker:
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
    """Take a lease: a file that its holder renews, and that anybody may take over who saw it unrenewed for a minute.

    By a clock of his own: no two clocks are compared. Raises as `acquire_file_lock`.
    """
    import filelock  # noqa: PLC0415 - boot: 11 ms, paid where the kernel has no locks

    timeout = -1.0 if timeout_seconds is None else timeout_seconds
    # Threads of one run publish side by side under one lease.
    lease = filelock.SoftFileLease(path, timeout=timeout, mode=mode, lease_duration=lease_seconds, thread_local=False)
    return _acquire(lease, path, on_wait)


def read_holder(path: str) -> str:
    """Say who holds the lock or the lease in this file; empty when it does not say."""
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
    """Open it, made with this mode. Another user's that must not be written is opened to read: that will do."""
    flags = os.O_CLOEXEC | os.O_NOFOLLOW
    with contextlib.suppress(FileExistsError):
        file = os.open(path, flags | os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
        # Whatever the mask of this process: whoever may write the store's files may write this one.
        os.fchmod(file, mode)
        return file
    try:
        return os.open(path, flags | os.O_RDWR)
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise
    return os.open(path, flags | os.O_RDONLY)


def _try(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_still(path: str, file: int) -> bool:
    """Tell whether the name still leads to what was opened: a lock on a deleted file keeps nobody out."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(file))
    except FileNotFoundError:
        return False


def _write_holder(file: int) -> None:
    who = f"{os.uname().nodename} process {os.getpid()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n"
    with contextlib.suppress(OSError):
        os.ftruncate(file, 0)
        os.pwrite(file, who.encode(), 0)


def _hold_elsewhere(
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

    def go_on() -> bool:
        on_wait()
        return False

    try:
        lock.acquire(cancel_check=go_on)
    except filelock.Timeout:
        raise LockTimeoutError from None
    return _LibraryLock(lock, path)
