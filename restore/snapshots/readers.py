"""Snapshot bytes opened for reading: a plain file, and a forward-only stream with a seekable interface."""

import io
import os
import sys
from collections import deque
from collections.abc import Callable
from typing import Protocol

from restore.errors import IntegrityError
from restore.system.files import open_regular_file
from restore.system.text import format_count

# How far back a scan of an archive seeks: it reads the head twice, and members end before a whole block.
_KEPT_BYTES = 1 << 16
_READ_BYTES = 1 << 20


class LocalReader(io.BufferedReader):
    """A plain file, opened. The kernel can send it: `local_path` is its path."""

    def __init__(self, path: str) -> None:
        file = io.FileIO(path, opener=open_regular_file)
        super().__init__(file, 1 << 16)
        self.local_path = path
        self.size = os.fstat(file.fileno()).st_size


class BlockSource(Protocol):
    """A source of bytes in order, block by block."""

    def read_block(self) -> bytes:
        """Return the next block, of any length; empty at the end."""
        ...

    def close(self) -> None:
        """Close what it reads from; idempotent."""
        ...


class SeekableReader(io.RawIOBase):
    """A file whose seeks read nothing. `size` is in bytes; -1 while it is not known. Subclasses have `readinto`."""

    local_path = ""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a position; return it. Nothing is read before the next read."""
        if whence == os.SEEK_CUR:
            offset += self._position
        elif whence == os.SEEK_END:
            offset += self._find_size()
        self._position = max(offset, 0)
        return self._position

    def read(self, count: int = -1, /) -> bytes:
        """Return the next `count` bytes, fewer only at the end; all of them for -1."""
        parts, left = [], sys.maxsize if count < 0 else count
        while left > 0:
            part = bytearray(min(left, _READ_BYTES))
            length = self.readinto(part)
            if not length:
                break
            parts.append(bytes(part[:length]))
            left -= length
        return b"".join(parts)

    def _find_size(self) -> int:
        return self.size


class BufferedStreamReader(SeekableReader):
    """A file over a source that only goes forward.

    Seeking a little back, or to the head, costs nothing; further back opens the source again. `size` is in bytes; -1
    while it is not known. Then seeking to the end reads everything.
    """

    def __init__(self, open_source: Callable[[], BlockSource], size: int = -1, *, name: str = "") -> None:
        super().__init__(size)
        self._open_source = open_source
        self._source: BlockSource | None = None
        self._name = name
        self._head = b""
        # The last blocks, each with its offset; the newest last.
        self._blocks: deque[tuple[int, bytes]] = deque()
        self._end = 0
        self._ended = False

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Fill a buffer as far as the current block goes; return how many bytes, 0 at the end."""
        begin, block = self._find_block()
        at = self._position - begin
        part = memoryview(block)[at : at + len(buffer)] if at < len(block) else b""
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)

    def _find_block(self) -> tuple[int, bytes]:
        """Return the offset and the bytes of the block at the position; an empty block behind the end."""
        if self._position < len(self._head):
            return 0, self._head
        if self._blocks and self._position < self._blocks[0][0]:
            self._restart()
        while not self._ended and self._position >= self._end:
            self._fetch()
        for begin, block in reversed(self._blocks):
            if begin <= self._position:
                return begin, block
        return self._end, b""

    def close(self) -> None:
        """Close it and its source; idempotent."""
        if self._source is not None:
            self._source.close()
            self._source = None
        super().close()

    def _find_size(self) -> int:
        if self.size < 0:
            position = self._position
            while not self._ended:
                self._fetch()
            self._position = position
        return self.size

    def _restart(self) -> None:
        if self._source is not None:
            self._source.close()
        self._source, self._end, self._ended = None, 0, False
        self._blocks.clear()

    def _fetch(self) -> None:
        """Read the next block; of the old ones keep only the last bytes."""
        if self._source is None:
            self._source = self._open_source()
        block = self._source.read_block()
        if not block:
            self._end_here()
            return
        if len(self._head) < _KEPT_BYTES and len(self._head) == self._end:
            self._head += block[: _KEPT_BYTES - len(self._head)]
        self._blocks.append((self._end, block))
        self._end += len(block)
        while len(self._blocks) > 1 and self._blocks[1][0] <= self._end - _KEPT_BYTES:
            self._blocks.popleft()

    def _end_here(self) -> None:
        self._ended = True
        if self.size >= 0 and self._end != self.size:
            raise IntegrityError(
                f"snapshot '{self._name}' has {format_count(self._end, 'byte')} once unpacked, its "
                f"manifest says {self.size:,}",
                hint="it was cut or changed; take another one with --snapshot, or make a new one",
            )
        self.size = self._end
