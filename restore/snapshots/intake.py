"""A snapshot on its way into a store: looked into while it comes, packed where that is wanted, every byte once.

A bucket takes bytes and gives none back before all of them are there, and packed bytes cannot be sought in; so the
archive is walked over as it passes, in a thread that skips what is no header.
"""

from __future__ import annotations

import contextlib
import queue
import threading

from restore.errors import IntegrityError, RestoreError
from restore.snapshots.archive import Archive
from restore.snapshots.archive_scan import scan_archive
from restore.snapshots.codec import EncodedSnapshot, Encoder
from restore.snapshots.readers import BufferedStreamReader
from restore.snapshots.stored import IncomingSnapshot

_BLOCKS_AHEAD = 8


class IntakeResult:
    """What is known of a snapshot that has come in: what is inside, and its stored bytes where they were packed."""

    def __init__(self, archive: Archive, encoded: EncodedSnapshot | None) -> None:
        self.archive = archive
        self.encoded = encoded


class SnapshotIntake:
    """Receives a snapshot's own bytes and hands them on to `incoming`. `size` counts what came. Close it.

    `name` is what errors call it.
    """

    def __init__(self, incoming: IncomingSnapshot, *, name: str, encoder: Encoder | None = None) -> None:
        self._incoming = incoming
        self.name = name
        self._encoder = encoder
        self._expected = -1
        self._walk: _ArchiveScan | None = None
        self.size = 0

    def expect(self, size: int) -> None:
        """Say how many bytes will come; before the first."""
        self._expected = size
        self._incoming.expect(size)

    def write(self, block: bytes | memoryview) -> None:
        """Take the next block. Raises what the store raises."""
        if self._walk is None:
            self._walk = _ArchiveScan(self.name, self._expected)
            if self._encoder:
                self._encoder.begin(self._incoming)
        content = bytes(block)
        self._walk.feed(content)
        if self._encoder:
            self._encoder.write(content)
        else:
            self._incoming.write(content)
        self.size += len(content)

    def empty(self) -> None:
        """Begin anew."""
        self.close()
        self._walk, self.size = None, 0
        self._incoming.empty()

    def finish(self) -> IntakeResult:
        """Say what came. Raises `IntegrityError` when it is no whole archive."""
        encoded = self._encoder.finish() if self._encoder and self._walk else None
        archive = (self._walk or _ArchiveScan(self.name, self._expected)).finish()
        return IntakeResult(archive, encoded)

    def close(self) -> None:
        """Let go of the threads; idempotent."""
        if self._walk:
            self._walk.close()
        if self._encoder:
            self._encoder.close()


class _ArchiveScan:
    """A walk over an archive in a thread of its own, fed with its blocks."""

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._blocks: queue.Queue[bytes] = queue.Queue(_BLOCKS_AHEAD)
        self._found: Archive | RestoreError | None = None
        self._thread = threading.Thread(target=self._work, name="archive", daemon=True)
        self._thread.start()

    def feed(self, block: bytes) -> None:
        self._put(block)

    def finish(self) -> Archive:
        self.close()
        self._thread.join()
        if isinstance(self._found, Archive):
            return self._found
        raise self._found or IntegrityError(f"snapshot '{self._name}' could not be looked into")

    def close(self) -> None:
        self._put(b"")

    def read_block(self) -> bytes:
        return self._blocks.get()

    def _put(self, block: bytes) -> None:
        """Hand a block over; what comes after the walk has ended is not looked at."""
        handed = False
        while not handed and self._thread.is_alive():
            with contextlib.suppress(queue.Full):
                self._blocks.put(block, timeout=0.05)
                handed = True

    def _work(self) -> None:
        try:
            opened = BufferedStreamReader(lambda: self, self._size, name=self._name)
            self._found = scan_archive(opened, name=self._name)
        except RestoreError as error:
            self._found = error
