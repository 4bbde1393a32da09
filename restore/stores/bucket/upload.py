"""One object that is being written to a bucket in parts. It does not exist before the last part."""

import contextlib
import queue
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from typing import Any

from restore.errors import StoreError
from restore.snapshots.name import SnapshotName
from restore.stores.bucket.client import BucketClient, obstore_errors
from restore.stores.bucket.errors import error_from_obstore

_PART_BYTES = 5 << 20
# S3 takes parts of 5 MiB and more, and 10,000 of them.
_MOST_PARTS = 9_000
_BLOCKS_AHEAD = 4
# How often the upload is checked, how long it may stand still before the store is asked for space, and how long an
# abandoned one is waited for.
_CHECK_SECONDS = 0.5
_STALL_SECONDS = 2.0
_ABANDON_SECONDS = 5.0


class _AbandonedError(Exception):
    """The upload was abandoned; obstore must not finish it."""


class Upload:
    """An object that is being written; it does not exist before `finish`. One part or less is put at once.

    `check_space` raises `SpaceError` when the store is full; it is called while the upload stands still.
    """

    def __init__(self, client: BucketClient, key: str, name: SnapshotName, check_space: Callable[[], None]) -> None:
        self._client = client
        self._key = key
        self._check_space = check_space
        self._part_bytes = _PART_BYTES
        self.name = name
        self._begin()

    def _begin(self) -> None:
        self.size = 0
        self._held = bytearray()
        self._blocks: queue.Queue[bytes | None] = queue.Queue(_BLOCKS_AHEAD)
        self._running: Future[Any] | None = None
        self._stalled = 0.0

    def expect(self, size: int) -> None:
        """Take the number of bytes to come: it decides the size of the parts, of which there is a limit."""
        self._part_bytes = max(_PART_BYTES, -(-size // _MOST_PARTS))

    def write(self, block: bytes | memoryview) -> None:
        """Append a block. Raise `SpaceError`, `AuthError` or `StoreError` as soon as the store has refused."""
        self.size += len(block)
        if self._running is not None:
            self._put(bytes(block))
            return
        self._held += block
        if len(self._held) > self._part_bytes:
            blocks = _drain(self._blocks)
            self._running = self._client.begin_stream(self._key, blocks, self._part_bytes)
            self._put(bytes(self._held))
            self._held = bytearray()

    def empty(self) -> None:
        """Drop all bytes and begin again."""
        self.abandon()
        self._begin()

    def finish(self) -> None:
        """Make it an object. Raise as `write`, and `StoreError` when the name is taken."""
        if self._running is None:
            self._put_whole()
            return
        self._put(b"")
        self._await()
        self._running = None

    def _put_whole(self) -> None:
        """Put the held bytes at once. In Azurite, blocks of an unfinished upload occupy a name without an object."""
        content = bytes(self._held)
        if self._client.put(self._key, content, create_only=True) is not None:
            return
        if self._client.find(self._key) is not None:
            raise name_taken_error(str(self.name), store=self._client.name)
        self._client.put(self._key, content)

    def abandon(self) -> None:
        """Drop an unfinished upload; idempotent."""
        self._held = bytearray()
        running, self._running = self._running, None
        if running is None:
            return
        # Blocks that still wait would keep the end marker out of the queue.
        with contextlib.suppress(queue.Empty):
            while True:
                self._blocks.get_nowait()
        self._blocks.put_nowait(None)
        with contextlib.suppress(_AbandonedError, *obstore_errors()):
            running.result(timeout=_ABANDON_SECONDS if self._stalled < _STALL_SECONDS else 0.0)

    def _put(self, block: bytes) -> None:
        """Pass a block on; an empty one is the end."""
        self._stalled = 0.0
        while True:
            if self._running is not None and self._running.done():
                self._await()
            try:
                self._blocks.put(block, timeout=_CHECK_SECONDS)
            except queue.Full:
                self._count_stall()
            else:
                return

    def _count_stall(self) -> None:
        """Check the store's space once the upload has stood still for a while."""
        self._stalled += _CHECK_SECONDS
        if self._stalled >= _STALL_SECONDS:
            self._check_space()

    def _await(self) -> None:
        running = self._running
        if running is None:
            return
        self._stalled = 0.0
        while not wait([running], timeout=_CHECK_SECONDS).done:
            self._count_stall()
        try:
            running.result()
        except obstore_errors() as error:
            self._running = None
            raise error_from_obstore(error, self._client.name, f"writing '{self.name}'") from None


def _drain(blocks: queue.Queue[bytes | None]) -> Iterator[bytes]:
    while block := blocks.get():
        yield block
    if block is None:
        raise _AbandonedError


def name_taken_error(file: str, *, store: str) -> StoreError:
    """Return the error for a name that another writer took while this snapshot was written."""
    return StoreError(
        f"snapshot '{file}' appeared in store '{store}' while this one was written",
        left="this one was not published",
        hint="does something write there without its lock? run it again",
    )
