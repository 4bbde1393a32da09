"""Regular files opened and nothing else, and the errors that the operating system's become."""

# pathlib would cost every boot 3 ms.
# ruff: noqa: PTH114, PTH116, PTH119, PTH121, PTH123
import errno
import os
import stat

from restore.errors import IntegrityError, RestoreError, SpaceError, StoreError

_NO_PATH = frozenset({errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP})
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def error_from_os(error: OSError, what: str) -> RestoreError:
    """Return `SpaceError` or `StoreError` for an error of the system. `what` is a clause about the subject."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in _NO_ROOM:
        return SpaceError(f"{what}: {reason}", hint="free some room, or give another store with --store")
    if error.errno == errno.EROFS:
        hint = "it is mounted read-only (':ro'): mount it writable, or give another store with --store"
        return StoreError(f"{what}: {reason}", hint=hint)
    if error.errno in {errno.EACCES, errno.EPERM}:
        user = f"uid {os.geteuid()}, gid {os.getegid()}" if hasattr(os, "geteuid") else "another user"
        hint = f"this program runs as {user}; let that user in, or run it as the owner"
        return StoreError(f"{what}: {reason}", hint=hint)
    if error.errno in _NO_PATH:
        return StoreError(f"{what}: {reason}", hint="that is no path to a directory; give one with --store")
    return StoreError(f"{what}: {reason}", hint="is the disk, or the share it lies on, still there?")


def read_small_file(path: str, most: int, *, what: str) -> bytes | None:
    """Return the content of a small file; None when it does not exist.

    Raise `IntegrityError` when it is longer than `most` bytes or no regular file: a link may lead anywhere, and a
    pipe may never end.
    """
    try:
        with open(path, "rb", opener=open_regular_file) as file:
            content = file.read(most + 1)
    except FileNotFoundError:
        return None
    except NotARegularFileError:
        raise IntegrityError(
            f"'{os.path.basename(path)}' is not a plain file",
            hint="put the file itself there; only the latest pointer may be a link",
        ) from None
    except OSError as error:
        raise error_from_os(error, what) from error
    if len(content) > most:
        raise IntegrityError(
            f"'{os.path.basename(path)}' is longer than {most:,} bytes",
            hint="no manifest is: delete it to restore without what it promises, or make a new snapshot",
        )
    return content


# A pipe would block until another process writes into it.
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
# What opening a link fails with; BSD has a number of its own.
_LINKS = frozenset({errno.ELOOP, errno.EMLINK})


class NotARegularFileError(OSError):
    """The name is not that of a regular file."""


def open_regular_file(path: str, flags: int) -> int:
    """Open as `os.open` does; an opener for `open`. Raise `NotARegularFileError`, and what the system raises."""
    try:
        file = os.open(path, flags | _FLAGS)
    except OSError as error:
        if error.errno in _LINKS and os.path.islink(path):
            raise NotARegularFileError(error.errno, os.strerror(error.errno)) from error
        raise
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise _not_a_plain_file()
    return file


LONGEST_NAMED_FILE = 1 << 20
# Where a shell puts the pipe of `<(command)`; its writer is there, unlike that of a pipe in a directory.
_INHERITED = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")


def read_named_file(path: str, most: int = LONGEST_NAMED_FILE) -> bytes:
    """Return the content of a file that a person named; links are followed, and the null device is empty.

    Raise `OSError`, also for a pipe, a device or a directory; `ValueError` when it is longer than `most` bytes.
    """
    require_named_file(path)
    if is_null_device(path):
        return b""
    with open(path, "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"it is longer than {most:,} bytes")
    return content


def require_named_file(path: str) -> None:
    """Raise `OSError` unless a person's path leads to a plain file, the null device or a pipe that a shell opened."""
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    inherited = stat.S_ISFIFO(mode) and path.startswith(_INHERITED)
    if not (stat.S_ISREG(mode) or inherited or is_null_device(path)):
        raise _not_a_plain_file()


def is_null_device(path: str) -> bool:
    """Return True if a path leads to `/dev/null`: so a person switches a file off."""
    try:
        return os.path.samefile(path, os.devnull)
    except OSError:
        return False


def _not_a_plain_file() -> NotARegularFileError:
    return NotARegularFileError(errno.EINVAL, "it is not a plain file")
