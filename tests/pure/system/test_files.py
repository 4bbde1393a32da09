"""What the operating system's errors become."""

from __future__ import annotations

import errno

import pytest

from restore.errors import StoreError
from restore.system.files import error_from_os


@pytest.mark.parametrize(
    ("number", "reason", "hint"),
    [
        (
            errno.EROFS,
            "Read-only file system",
            "it is mounted read-only (':ro'): mount it writable, or give another store with --store",
        ),
        (errno.ENOTDIR, "Not a directory", "that is no path to a directory; give one with --store"),
        (errno.EIO, "Input/output error", "is the disk, or the share it lies on, still there?"),
    ],
)
def test_each_has_the_hint_that_helps(number: int, reason: str, hint: str) -> None:
    """A read-only file system lets no user in, whatever the permissions are."""
    found = error_from_os(OSError(number, ""), "store 's' cannot be written to")

    assert (type(found), found.message, found.hint) == (StoreError, f"store 's' cannot be written to: {reason}", hint)
