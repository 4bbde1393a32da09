"""A snapshot on its way into a store: its archive is scanned, and its bytes encoded, while they pass.

The bytes of an unfinished object cannot be read back from a bucket, and encoded bytes cannot be sought in. So the
archive is scanned as it passes, in a thread.
"""

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
    """A received snapshot: its archive, and its stored bytes if they were encoded."""

    def __init__(self, archive: Archive, encoded: EncodedSnapshot | None) -> None:
        self.archive = archive
        self.encoded = encoded


class SnapshotIntake:
    """Receives a snapshot's bytes and passes them on to `incoming`. Close it on every way out.

    `size` is the number of bytes received. Errors call the snapshot `name`.
    """

    def __init__(self, incoming: IncomingSnapshot, *, name: str, encoder: Encoder | None = None) -> None:
        self._incoming = incoming
        self.name = name
        self._encoder = encoder
        self._expected = -1
        self._scan: _ArchiveScan | None = None
        self.size = 0

    def expect(self, size: int) -> None:
        """Take the number of bytes to come, before the first."""
        self._expected = size
        self._incoming.expect(size)

    def write(self, block: bytes | memoryview) -> None:
        """Scan, encode and pass on the next block. Raise what the store raises."""
        if self._scan is None:
            self._scan = _ArchiveScan(self.name, self._expected)
            if self._encoder:
                self._encoder.begin(self._incoming)
        content = bytes(block)
        self._scan.feed(content)
        if self._encoder:
            self._encoder.write(content)
        else:
            self._incoming.write(content)
        self.size += len(content)

    def empty(self) -> None:
        """Drop all bytes and begin again."""
        self.close()
        self._scan, self.size = None, 0
        self._incoming.empty()

    def finish(self) -> IntakeResult:
        """Return what was received. Raise `IntegrityError` when it is no complete archive."""
        encoded = self._encoder.finish() if self._encoder and self._scan else None
        archive = (self._scan or _ArchiveScan(self.name, self._expected)).finish()
        return IntakeResult(archive, encoded)

    def close(self) -> None:
        """End the threads; idempotent."""
        if self._scan:
            self._scan.close()
        if self._encoder:
            self._encoder.close()


class _ArchiveScan:
    """A scan of an archive in a thread of its own, fed with the archive's blocks."""

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._blocks: queue.Queue[bytes] = queue.Queue(_BLOCKS_AHEAD)
        self._found: Archive | RestoreError | None = None
        self._thread = threading.Thread(target=self._work, name="archive", daemon=True)
        self._thread.start()

    def finish(self) -> Archive:
        self.close()
        self._thread.join()
        if isinstance(self._found, Archive):
            return self._found
        raise self._found or IntegrityError(f"snapshot '{self._name}' could not be looked into")

    def close(self) -> None:
        self.feed(b"")

    def read_block(self) -> bytes:
        return self._blocks.get()

    def feed(self, block: bytes) -> None:
        """Pass a block on; drop it if the scan has ended."""
        passed = False
        while not passed and self._thread.is_alive():
            with contextlib.suppress(queue.Full):
                self._blocks.put(block, timeout=0.05)
                passed = True

    def _work(self) -> None:
        try:
            opened = BufferedStreamReader(lambda: self, self._size, name=self._name)
            self._found = scan_archive(opened, name=self._name)
        except RestoreError as error:
            self._found = error
