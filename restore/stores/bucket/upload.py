"""One object being written to a bucket in parts; nobody sees it before the last."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Iterator
from concurrent.futures import Future, wait
from typing import Any, Protocol

from restore.errors import StoreError
from restore.snapshots.name import SnapshotName
from restore.stores.bucket.client import BucketClient, obstore_errors
from restore.stores.bucket.errors import error_from_obstore

_PART_BYTES = 5 << 20
# S3 takes parts of 5 MiB and more, and 10,000 of them.
_MOST_PARTS = 9_000
_BLOCKS_AHEAD = 4
# How often is looked whether a part has gone, when nothing moves the store is asked why, and the wait at the end.
_LOOK_SECONDS = 0.5
_STALL_SECONDS = 2.0
_LAST_SECONDS = 5.0


class _AbandonedError(Exception):
    """An upload is not to be finished."""


class UploadTarget(Protocol):
    """The store that an upload writes to."""

    def key(self, file: str) -> str:
        """Return the name of a file's object."""

    def explain_taken(self, file: str) -> StoreError:
        """Return the error for a name that another process took."""

    def ask_for_room(self) -> None:
        """Raise SpaceError if the store is full."""


class Upload:
    """An object being written. Until `finish` nobody sees it; one part or less is held and put at once."""

    def __init__(self, client: BucketClient, store: UploadTarget, name: SnapshotName) -> None:
        self._client = client
        self._store = store
        self._part_bytes = _PART_BYTES
        self.name = name
        self._begin()

    def _begin(self) -> None:
        self.size = 0
        self._own_marker = bytearray()
        self._blocks: queue.Queue[bytes | None] = queue.Queue(_BLOCKS_AHEAD)
        self._running: Future[Any] | None = None
        self._stalled = 0.0

    def expect(self, size: int) -> None:
        """Say how many bytes will come: parts are cut so that there are not too many of them."""
        self._part_bytes = max(_PART_BYTES, -(-size // _MOST_PARTS))

    def write(self, block: bytes | memoryview) -> None:
        """Append a block. Raises `SpaceError`, `AuthError` and `StoreError` as soon as the store has refused."""
        self.size += len(block)
        if self._running is not None:
            self._put(bytes(block))
            return
        self._own_marker += block
        if len(self._own_marker) > self._part_bytes:
            blocks = _take(self._blocks)
            self._running = self._client.begin_stream(self._store.key(str(self.name)), blocks, self._part_bytes)
            self._put(bytes(self._own_marker))
            self._own_marker = bytearray()

    def empty(self) -> None:
        """Begin anew."""
        self.abandon()
        self._begin()

    def finish(self) -> None:
        """Make it an object. Raises as `write`, and `StoreError` when the name is taken."""
        file = str(self.name)
        if self._running is None:
            self._put_whole(self._store.key(file), file)
            return
        self._put(b"")
        self._await()
        self._running = None

    def _put_whole(self, key: str, file: str) -> None:
        """Put what is held at once. To Azurite the blocks of an unfinished upload look like an object; it is none."""
        content = bytes(self._own_marker)
        if self._client.put(key, content, create_only=True) is not None:
            return
        if self._client.find(key) is not None:
            raise self._store.explain_taken(file)
        self._client.put(key, content)

    def abandon(self) -> None:
        """Drop what was not finished; idempotent."""
        self._own_marker = bytearray()
        running, self._running = self._running, None
        if running is None:
            return
        # What still waits to be sent is not wanted any more, and must not keep its end from being told.
        with contextlib.suppress(queue.Empty):
            while True:
                self._blocks.get_nowait()
        self._blocks.put_nowait(None)
        with contextlib.suppress(_AbandonedError, *obstore_errors()):
            running.result(timeout=_LAST_SECONDS if self._stalled < _STALL_SECONDS else 0.0)

    def _put(self, block: bytes) -> None:
        """Hand a block over; an empty one is the end."""
        self._stalled = 0.0
        while True:
            if self._running is not None and self._running.done():
                self._await()
            try:
                self._blocks.put(block, timeout=_LOOK_SECONDS)
            except queue.Full:
                self._wonder()
            else:
                return

    def _wonder(self) -> None:
        """Ask why nothing moves, once that has gone on for a while."""
        self._stalled += _LOOK_SECONDS
        if self._stalled >= _STALL_SECONDS:
            self._store.ask_for_room()

    def _await(self) -> None:
        running = self._running
        if running is None:
            return
        self._stalled = 0.0
        while not wait([running], timeout=_LOOK_SECONDS).done:
            self._wonder()
        try:
            running.result()
        except obstore_errors() as error:
            self._running = None
            raise error_from_obstore(error, self._client.name, f"writing '{self.name}'") from None


def _take(blocks: queue.Queue[bytes | None]) -> Iterator[bytes]:
    while block := blocks.get():
        yield block
    if block is None:
        raise _AbandonedError
