"""An object of a bucket, opened as a seekable file: ranged reads, ahead where it is read in order.

Looking into an archive jumps from header to header, so a first read brings little; reading on brings twice as much
each time, up to parts that are fetched side by side. A part that fails is fetched again for as long as a transfer may
stall, and always of the very same object.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from typing import NamedTuple

from restore.errors import IntegrityError
from restore.snapshots.readers import SeekableReader
from restore.stores.bucket.client import BucketClient, StoredObject, obstore_errors
from restore.stores.bucket.errors import error_from_obstore, is_conflict, is_transient
from restore.system.retry import retry_attempts
from restore.system.text import format_count

_FIRST_BYTES = 64 << 10
_PART_BYTES = 2 << 20
_PARTS_AHEAD = 3
_LONGEST_PAUSE = 5.0


class _Part(NamedTuple):
    begin: int
    end: int
    coming: Future[bytes]


class RangedReader(SeekableReader):
    """An object's bytes. `size` is in bytes; `requests` counts the ranges that were asked for."""

    def __init__(self, client: BucketClient, found: StoredObject, *, timeout_seconds: float) -> None:
        super().__init__(found.size)
        self._client = client
        self._found = found
        self._timeout = timeout_seconds
        self.requests = 0
        self._block = b""
        self._begin = 0
        self._wanted = _FIRST_BYTES
        self._ahead: deque[_Part] = deque()

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Fill a buffer as far as the bytes at hand go; 0 at the end.

        Raises `IntegrityError` when the object is another one now, `StoreError` when it cannot be read any more.
        """
        if self._place >= self.size or not len(buffer):
            return 0
        if not self._begin <= self._place < self._begin + len(self._block):
            self._fetch()
        at = self._place - self._begin
        part = memoryview(self._block)[at : at + len(buffer)]
        buffer[: len(part)] = part
        self._place += len(part)
        return len(part)

    def read(self, count: int = -1, /) -> bytes:
        """Give so many bytes, fewer only at the end."""
        left = self.size - self._place if count < 0 else min(count, self.size - self._place)
        parts = []
        while left > 0:
            part = bytearray(left)
            got = self.readinto(part)
            del part[got:]
            parts.append(bytes(part))
            left -= got
        return b"".join(parts)

    def close(self) -> None:
        """Close it; what is still coming is dropped. Idempotent."""
        self._ahead.clear()
        self._block = b""
        super().close()

    def _fetch(self) -> None:
        """Bring the bytes at the place: those already asked for, else a new range."""
        reads_on = self._place == self._begin + len(self._block) and self._place > 0
        while self._ahead and not self._ahead[0].begin <= self._place < self._ahead[0].end:
            self._ahead.popleft()
        if not self._ahead:
            self._wanted = min(self._wanted * 2, _PART_BYTES) if reads_on else _FIRST_BYTES
            self._ask_for(self._place)
        part = self._ahead.popleft()
        if self._wanted == _PART_BYTES:
            self._ask_ahead(part.end)
        self._block, self._begin = self._wait(part), part.begin

    def _ask_ahead(self, begin: int) -> None:
        begin = self._ahead[-1].end if self._ahead else begin
        while len(self._ahead) < _PARTS_AHEAD and begin < self.size:
            self._ask_for(begin)
            begin = self._ahead[-1].end

    def _ask_for(self, begin: int) -> None:
        end = min(begin + self._wanted, self.size)
        self._ahead.append(_Part(begin, end, self._begin_read(begin, end)))

    def _begin_read(self, begin: int, end: int) -> Future[bytes]:
        self.requests += 1
        return self._client.begin(lambda: self._client.read_range(self._found.key, begin, end, self._found.etag))

    def _wait(self, part: _Part) -> bytes:
        """Give a part's bytes; asked for again while the trouble may pass."""
        foreign = obstore_errors()
        coming = part.coming
        try:
            return self._check(part, coming.result())
        except foreign as error:
            if not is_transient(error):
                raise self._explain(error) from None
        try:
            for attempt in retry_attempts(
                is_transient, timeout_seconds=self._timeout, longest_pause_seconds=_LONGEST_PAUSE
            ):
                with attempt:
                    return self._check(part, self._begin_read(part.begin, part.end).result())
        except foreign as error:
            raise self._explain(error) from None
        raise AssertionError("unreachable: the loop ends with bytes or an error")

    def _check(self, part: _Part, block: bytes) -> bytes:
        if len(block) != part.end - part.begin:
            raise IntegrityError(
                f"'{self._found.key}' in store '{self._client.name}': {format_count(len(block), 'byte')} came where "
                f"{part.end - part.begin:,} were asked for",
                hint="does a proxy in between change bodies?",
            )
        return block

    def _explain(self, error: Exception) -> Exception:
        if is_conflict(error):
            return IntegrityError(
                f"'{self._found.key}' in store '{self._client.name}' was replaced while it was read",
                hint="nothing but this program should write there; run it again",
            )
        return error_from_obstore(error, self._client.name, f"reading '{self._found.key}'")
