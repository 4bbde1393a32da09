"""Opening plain files and nothing else: where others write too, a name may be a link, a pipe or a device."""

from __future__ import annotations

import errno
import os
import stat

# A pipe would keep us waiting for who writes into it.
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
# What a link is answered with; BSD has words of its own.
_LINKS = frozenset({errno.ELOOP, errno.EMLINK})


class NotPlainError(OSError):
    """The name does not stand for a plain file."""


def open_plain(path: str, flags: int) -> int:
    """Open as `os.open` does; an opener for `open`. Raises `NotPlainError`, and what the system raises."""
    try:
        file = os.open(path, flags | _FLAGS)
    except OSError as error:
        if error.errno in _LINKS and os.path.islink(path):  # noqa: PTH114 - pathlib would cost every boot 3 ms
            raise NotPlainError(error.errno, os.strerror(error.errno)) from error
        raise
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise NotPlainError(errno.EINVAL, "it is not a plain file")
    return file
