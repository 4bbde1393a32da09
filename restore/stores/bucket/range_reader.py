"""An object of a bucket, opened as a seekable file: ranged reads, and reading ahead where it is read in order.

Scanning an archive jumps from header to header, so a first read fetches little. Reading on fetches twice as much each
time, up to parts that are fetched side by side. A part that fails is fetched again for as long as a transfer may
stand still, and always from the same version of the object.
"""

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
    pending: Future[bytes]


class RangedReader(SeekableReader):
    """An object's bytes. `size` is in bytes; `requests` counts the ranges that were requested."""

    def __init__(self, client: BucketClient, found: StoredObject, *, timeout_seconds: float) -> None:
        super().__init__(found.size)
        self._client = client
        self._found = found
        self._timeout = timeout_seconds
        self.requests = 0
        self._block = b""
        self._begin = 0
        self._part_bytes = _FIRST_BYTES
        self._ahead: deque[_Part] = deque()

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Fill a buffer as far as the fetched bytes go; return how many, 0 at the end.

        Raise `IntegrityError` when the object was replaced, `StoreError` when it cannot be read any more.
        """
        if self._position >= self.size or not len(buffer):
            return 0
        if not self._begin <= self._position < self._begin + len(self._block):
            self._fetch()
        at = self._position - self._begin
        part = memoryview(self._block)[at : at + len(buffer)]
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)

    def close(self) -> None:
        """Close it and drop the pending parts; idempotent."""
        self._ahead.clear()
        self._block = b""
        super().close()

    def _fetch(self) -> None:
        """Fetch the bytes at the position: from a pending part, else from a new range."""
        reads_on = self._position == self._begin + len(self._block) and self._position > 0
        while self._ahead and not self._ahead[0].begin <= self._position < self._ahead[0].end:
            self._ahead.popleft()
        if not self._ahead:
            self._part_bytes = min(self._part_bytes * 2, _PART_BYTES) if reads_on else _FIRST_BYTES
            self._request(self._position)
        part = self._ahead.popleft()
        if self._part_bytes == _PART_BYTES:
            self._request_ahead(part.end)
        self._block, self._begin = self._wait(part), part.begin

    def _request_ahead(self, begin: int) -> None:
        begin = self._ahead[-1].end if self._ahead else begin
        while len(self._ahead) < _PARTS_AHEAD and begin < self.size:
            self._request(begin)
            begin = self._ahead[-1].end

    def _request(self, begin: int) -> None:
        end = min(begin + self._part_bytes, self.size)
        self._ahead.append(_Part(begin, end, self._begin_read(begin, end)))

    def _begin_read(self, begin: int, end: int) -> Future[bytes]:
        self.requests += 1
        return self._client.begin(lambda: self._client.read_range(self._found.key, begin, end, self._found.etag))

    def _wait(self, part: _Part) -> bytes:
        """Return a part's bytes, requested again while the error is transient."""
        foreign = obstore_errors()
        try:
            return self._check(part, part.pending.result())
        except foreign as error:
            if not is_transient(error):
                raise self._translate(error) from None
        try:
            for attempt in retry_attempts(
                is_transient, timeout_seconds=self._timeout, longest_pause_seconds=_LONGEST_PAUSE
            ):
                with attempt:
                    return self._check(part, self._begin_read(part.begin, part.end).result())
        except foreign as error:
            raise self._translate(error) from None
        raise AssertionError("unreachable: the loop ends with bytes or an error")

    def _check(self, part: _Part, block: bytes) -> bytes:
        if len(block) != part.end - part.begin:
            raise IntegrityError(
                f"'{self._found.key}' in store '{self._client.name}': {format_count(len(block), 'byte')} came where "
                f"{part.end - part.begin:,} were asked for",
                hint="does a proxy in between change bodies?",
            )
        return block

    def _translate(self, error: Exception) -> Exception:
        if is_conflict(error):
            return IntegrityError(
                f"'{self._found.key}' in store '{self._client.name}' was replaced while it was read",
                hint="nothing but this program should write there; run it again",
            )
        return error_from_obstore(error, self._client.name, f"reading '{self._found.key}'")
