"""A file being received into a directory, under a name that nobody reads."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from restore.system.files import error_from_os
from restore.system.text import format_count

_HAND_OVER_BYTES = 32 << 20


class PartialFile:
    """A file being received under a name that nobody reads. Close it, or give it to `Shelf.publish`."""

    def __init__(self, path: Path, mode: int) -> None:
        self.path = path
        self.size = self._handed_over = 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), mode)
        os.fchmod(self._file, mode)

    def expect(self, size: int) -> None:
        """Say how many bytes will come: nothing depends on it here."""

    def write(self, block: bytes | memoryview) -> None:
        """Append a block. Raises `SpaceError` when the disk is full, `StoreError` otherwise."""
        view = memoryview(block)
        try:
            while view:
                count = os.write(self._file, view)
                self.size += count
                view = view[count:]
            self._begin_writing_back()
        except OSError as error:
            raise error_from_os(
                error, f"'{self.path.name}' cannot be written after {format_count(self.size, 'byte')}"
            ) from error

    def empty(self) -> None:
        """Begin anew."""
        os.ftruncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)
        self.size = self._handed_over = 0

    def _begin_writing_back(self) -> None:
        """Let the kernel write what has come while more is coming: the sync at the end then finds little to do.

        Linux begins to write what it is told nobody needs, and drops only what is written. Elsewhere nothing is lost.
        """
        if self.size - self._handed_over >= _HAND_OVER_BYTES and hasattr(os, "posix_fadvise"):
            with contextlib.suppress(OSError):
                os.posix_fadvise(self._file, self._handed_over, self.size - self._handed_over, os.POSIX_FADV_DONTNEED)
            self._handed_over = self.size

    def sync(self) -> None:
        """Wait until every byte is on the disk. Raises as `write`."""
        try:
            os.fsync(self._file)
        except OSError as error:
            raise error_from_os(error, f"'{self.path.name}' cannot be synced to the disk") from error

    def close(self) -> None:
        """Close the file; idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
