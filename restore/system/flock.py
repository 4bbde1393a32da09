"""The kernel's advisory locks on open files (`flock`)."""

# pathlib would cost every boot 3 ms.
import os

try:
    import fcntl
except ImportError:  # Windows has locks of another kind.
    fcntl = None  # type: ignore[assignment]

HAS_FLOCK = fcntl is not None


def try_flock(file: int, *, shared: bool = False) -> bool:
    """Take the lock of an open file without waiting. False: another process holds it.

    Raise `OSError` where the file system has no locks.
    """
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_still_at(path: str, file: int) -> bool:
    """Return True if a path still leads to an open file: the lock of a deleted file excludes no other process."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(file))
    except OSError:
        return False
