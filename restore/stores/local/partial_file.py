"""A file that is being received into a directory, under a hidden name."""

import contextlib
import os
from pathlib import Path

from restore.system.files import error_from_os
from restore.system.text import format_count

_WRITE_BACK_BYTES = 32 << 20


class PartialFile:
    """A file that is being received. Close it, or pass it to `WritableLocalStore.publish`."""

    def __init__(self, path: Path, mode: int) -> None:
        self.path = path
        self.size = self._written_back = 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), mode)
        os.fchmod(self._file, mode)

    def expect(self, size: int) -> None:
        """Do nothing: a file needs no size in advance."""

    def write(self, block: bytes | memoryview) -> None:
        """Append a block. Raise `SpaceError` when the disk is full, `StoreError` otherwise."""
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
        """Drop all bytes and begin again."""
        os.ftruncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)
        self.size = self._written_back = 0

    def _begin_writing_back(self) -> None:
        """Let the kernel write to the disk while more comes in, so that the sync at the end has little to do.

        Told that bytes are not needed, Linux begins to write them, and drops only what is written.
        """
        if self.size - self._written_back >= _WRITE_BACK_BYTES and hasattr(os, "posix_fadvise"):
            with contextlib.suppress(OSError):
                os.posix_fadvise(
                    self._file, self._written_back, self.size - self._written_back, os.POSIX_FADV_DONTNEED
                )
            self._written_back = self.size

    def sync(self) -> None:
        """Wait until every byte is on the disk. Raise as `write`."""
        try:
            os.fsync(self._file)
        except OSError as error:
            raise error_from_os(error, f"'{self.path.name}' cannot be synced to the disk") from error

    def close(self) -> None:
        """Close the file; idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
