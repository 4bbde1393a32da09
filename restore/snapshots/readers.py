"""Snapshot bytes opened for reading: a plain file here; a stream that only goes forward, made to look seekable."""

from __future__ import annotations

import io
import os
from collections import deque
from collections.abc import Callable
from typing import Protocol

from restore.errors import IntegrityError
from restore.system.files import open_regular_file
from restore.system.text import format_count

# What a walk over an archive goes back by: its head is looked at twice, and members end before a whole block.
_KEPT_BYTES = 1 << 16


class LocalReader(io.BufferedReader):
    """A plain file, opened. The kernel may send it: `local_path` names it."""

    def __init__(self, path: str) -> None:
        file = io.FileIO(path, opener=open_regular_file)
        super().__init__(file, 1 << 16)
        self.local_path = path
        self.size = os.fstat(file.fileno()).st_size


class BlockSource(Protocol):
    """Gives bytes in order, block by block."""

    def read_block(self) -> bytes:
        """Give the next block, of any length; empty at the end."""
        ...

    def close(self) -> None:
        """Let go of whatever is behind it; idempotent."""
        ...


class SeekableReader(io.RawIOBase):
    """A file with a place of its own, to which going costs nothing. `size` is in bytes, -1 while nobody knows."""

    local_path = ""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self._place = 0

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be sought in."""
        return True

    def tell(self) -> int:
        """Give the place."""
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place; nothing is read before somebody reads there."""
        if whence == os.SEEK_CUR:
            offset += self._place
        elif whence == os.SEEK_END:
            offset += self._find_size()
        self._place = max(offset, 0)
        return self._place

    def _find_size(self) -> int:
        return self.size


class BufferedStreamReader(SeekableReader):
    """A file of known or unknown size over a source that only goes forward.

    Going a little back, or to its head, costs nothing; further back opens the source anew. `size` is in bytes, -1
    while nobody knows; going to the end then reads everything.
    """

    def __init__(self, open_source: Callable[[], BlockSource], size: int = -1, *, name: str = "") -> None:
        super().__init__(size)
        self._open_source = open_source
        self._source: BlockSource | None = None
        self._name = name
        self._head = b""
        # The blocks at hand, each with where it begins; the newest last.
        self._blocks: deque[tuple[int, bytes]] = deque()
        self._end = 0
        self._ended = False

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Fill a buffer as far as the bytes at hand go; 0 at the end."""
        begin, block = self._find_block()
        at = self._place - begin
        part = memoryview(block)[at : at + len(buffer)] if at < len(block) else b""
        buffer[: len(part)] = part
        self._place += len(part)
        return len(part)

    def _find_block(self) -> tuple[int, bytes]:
        """Give the block in which the place lies, and where it begins; an empty one behind the end."""
        if self._place < len(self._head):
            return 0, self._head
        if self._blocks and self._place < self._blocks[0][0]:
            self._restart()
        while not self._ended and self._place >= self._end:
            self._fetch()
        for begin, block in reversed(self._blocks):
            if begin <= self._place:
                return begin, block
        return self._end, b""

    def read(self, count: int = -1, /) -> bytes:
        """Give so many bytes, fewer only at the end."""
        if count < 0:
            return self.readall()
        parts, left = [], count
        while left:
            part = bytearray(left if left < _KEPT_BYTES else min(left, 1 << 20))
            got = self.readinto(part)
            if not got:
                break
            parts.append(bytes(part[:got]))
            left -= got
        return b"".join(parts)

    def close(self) -> None:
        """Close it and what is behind it; idempotent."""
        if self._source is not None:
            self._source.close()
            self._source = None
        super().close()

    def _find_size(self) -> int:
        if self.size < 0:
            place = self._place
            while not self._ended:
                self._fetch()
            self._place = place
        return self.size

    def _restart(self) -> None:
        if self._source is not None:
            self._source.close()
        self._source, self._end, self._ended = None, 0, False
        self._blocks.clear()

    def _fetch(self) -> None:
        """Bring the next block; of the old ones only the last bytes are kept."""
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
