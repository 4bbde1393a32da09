"""The checksum of a stream, computed beside it: hashing releases the interpreter's lock, so it costs no time."""

from __future__ import annotations

import hashlib
import queue
import threading

_BLOCKS_AHEAD = 8


class RunningChecksum:
    """SHA-256 of everything handed to `update`, in a thread of its own. Close it on every way out.

    Holds at most `_BLOCKS_AHEAD` blocks; who is faster than the hashing waits. Blocks must not change afterwards.
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
        """Wait until everything is hashed; give 64 lower-case hex digits."""
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
