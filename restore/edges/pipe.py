"""A pipe between two threads: bytes in, bytes out, a bounded amount in between."""

from __future__ import annotations

import threading

_MOST_BYTES = 2 << 20


class Pipe:
    """One thread writes and ends, another reads. Who is faster waits. Broken off, both go on at once."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most = most_bytes
        self._held = bytearray()
        self._changed = threading.Condition()
        self._ended = False
        self._broken = False

    def write(self, block: bytes | memoryview) -> int:
        """Append a block; waits while too much is held. 0 once it was broken off: nobody reads any more."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._held) < self._most or self._broken)
            if self._broken:
                return 0
            self._held += block
            self._changed.notify_all()
            return len(block)

    def read(self, count: int = -1) -> bytes:
        """Give at most so many bytes, waiting for the first; empty at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._held or self._ended or self._broken)
            if count < 0 or count >= len(self._held):
                block = bytes(self._held)
                self._held.clear()
            else:
                block = bytes(memoryview(self._held)[:count])
                del self._held[:count]
            self._changed.notify_all()
            return block

    def flush(self) -> None:
        """Nothing is held back from the reader."""

    def end(self) -> None:
        """Say that no more bytes come; idempotent."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def break_off(self) -> None:
        """Let both sides go on: what is held is dropped, the reader is at its end, writing gives 0."""
        with self._changed:
            self._broken = self._ended = True
            self._held.clear()
            self._changed.notify_all()
