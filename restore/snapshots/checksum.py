"""SHA-256 of snapshots: of an opened file, and of a stream while it passes."""

import hashlib
import queue
import threading
from collections.abc import Callable
from typing import Protocol

from restore.snapshots.stored import IncomingSnapshot
from restore.system.files import error_from_os

_BLOCK = 1024 * 1024


class Readable(Protocol):
    """An opened file that can fill a buffer."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill a buffer; return how many bytes, 0 at the end."""
        ...


def hash_stream(file: Readable, on_bytes: Callable[[int], None] | None = None, *, name: str = "") -> tuple[str, int]:
    """Read an opened file to its end; return its SHA-256 in lower-case hex and its size in bytes.

    After each block, `on_bytes` is called with the number of bytes read so far. Raise what reading raises, and
    `StoreError`.
    """
    running = hashlib.sha256()
    block = memoryview(bytearray(_BLOCK))
    size = 0
    try:
        while count := file.readinto(block):
            running.update(block[:count])
            size += count
            if on_bytes:
                on_bytes(size)
    except OSError as error:
        raise error_from_os(error, f"'{name}' cannot be read") from error
    return running.hexdigest(), size


_BLOCKS_AHEAD = 8


class RunningChecksum:
    """SHA-256 of everything passed to `update`, computed in a thread. Close it on every way out.

    At most `_BLOCKS_AHEAD` blocks are queued; then `update` waits. Blocks must not change afterwards.
    """

    def __init__(self) -> None:
        self._running = hashlib.sha256()
        self._blocks: queue.Queue[bytes | None] = queue.Queue(_BLOCKS_AHEAD)
        self._thread = threading.Thread(target=self._work, name="checksum", daemon=True)
        self._thread.start()

    def update(self, block: bytes) -> None:
        """Add a block."""
        self._blocks.put(block)

    def finish(self) -> str:
        """Wait until everything is hashed; return 64 lower-case hex digits."""
        self.close()
        self._thread.join()
        return self._running.hexdigest()

    def close(self) -> None:
        """End the thread; idempotent."""
        if self._thread.is_alive():
            self._blocks.put(None)

    def _work(self) -> None:
        while block := self._blocks.get():
            self._running.update(block)


class HashingWriter:
    """Writes encoded bytes, and counts and hashes them."""

    def __init__(self, incoming: IncomingSnapshot) -> None:
        self._incoming = incoming
        self.size = 0
        self.checksum = RunningChecksum()

    def write(self, block: bytes) -> int:
        """Hash, write and count a block; return its length."""
        self.checksum.update(bytes(block))
        self._incoming.write(block)
        self.size += len(block)
        return len(block)

    def flush(self) -> None:
        """Do nothing: nothing is buffered."""
