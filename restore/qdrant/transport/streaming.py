"""The bytes of one request and response: reading with time limits, sending a file without a copy in memory."""

import http.client
import io
import os
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from restore.errors import IntegrityError
from restore.snapshots.stored import SnapshotReader
from restore.system.text import format_count

_BLOCK = 1 << 20
_BUFFER = 1 << 16


class MultipartFile(msgspec.Struct, frozen=True):
    """The body of an upload: bytes before, a snapshot opened for reading, bytes after."""

    head: bytes
    file: SnapshotReader
    size: int
    tail: bytes


class _LimitedReader(io.RawIOBase):
    """Reads a socket until a deadline, so that a server that sends a byte a minute is abandoned."""

    def __init__(self, connected: socket.socket, seconds: float | None, silence_seconds: float) -> None:
        self._socket = connected
        # Made by the socket itself, so that it stays open when `http.client` closes its own reference.
        self._raw = connected.makefile("rb", buffering=0)
        self._end = None if seconds is None else time.monotonic() + seconds
        self._silence = silence_seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - any writable buffer, as RawIOBase has it
        limit = self._silence
        if self._end is not None:
            limit = min(limit, self._end - time.monotonic())
            if limit <= 0:
                raise TimeoutError("the answer took too long")
        self._socket.settimeout(limit)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _LimitedResponse(http.client.HTTPResponse):
    """A response that is read within time limits."""

    def __init__(self, connected: socket.socket, method: str, seconds: float | None, silence_seconds: float) -> None:
        super().__init__(connected, method=method)
        self.fp.close()
        self.fp = io.BufferedReader(_LimitedReader(connected, seconds, silence_seconds), _BUFFER)


def read_head(
    connected: http.client.HTTPConnection, seconds: float | None, silence_seconds: float
) -> http.client.HTTPResponse:
    """Read a response's head. `seconds` bounds the whole response (None: a stream), `silence_seconds` each wait."""

    def limit(answering: socket.socket, method: str) -> http.client.HTTPResponse:
        return _LimitedResponse(answering, method, seconds, silence_seconds)

    connected.response_class = limit  # type: ignore[assignment]
    return connected.getresponse()


def send_multipart(
    connected: socket.socket, part: MultipartFile, on_sent: Callable[[int], None], stall_seconds: float
) -> bool:
    """Send the file. False if the server answered before the end. `on_sent` is called after each block."""
    connected.settimeout(stall_seconds)
    descriptor = _find_descriptor(part.file)
    if isinstance(connected, ssl.SSLSocket) or not hasattr(os, "sendfile") or descriptor is None:
        return _copy(connected, part, on_sent)
    offset = 0
    while offset < part.size:
        readable, writable, _ = select.select([connected], [connected], [], stall_seconds)
        if readable:
            return False
        if not writable:
            raise TimeoutError(f"it took no byte for {stall_seconds:.0f} s")
        sent = os.sendfile(connected.fileno(), descriptor, offset, min(_BLOCK, part.size - offset))
        if sent == 0:
            raise IntegrityError(
                f"the snapshot became shorter while it was sent: {offset:,} of {format_count(part.size, 'byte')}"
            )
        offset += sent
        on_sent(offset)
    return True


def _find_descriptor(file: Any) -> int | None:  # noqa: ANN401 - any reader
    """Return the descriptor of a regular file, which the kernel can send; None for any other reader."""
    try:
        return int(file.fileno())
    except (AttributeError, OSError):
        return None


def _copy(connected: socket.socket, part: MultipartFile, on_sent: Callable[[int], None]) -> bool:
    sent = 0
    for block in _read_blocks(part.file, part.size):
        if not isinstance(connected, ssl.SSLSocket) and select.select([connected], [], [], 0)[0]:
            return False
        connected.sendall(block)
        sent += len(block)
        on_sent(sent)
    return True


def _read_blocks(file: SnapshotReader, size: int) -> Iterator[bytes]:
    left = size
    while left:
        block = file.read(min(_BLOCK, left))
        if not block:
            raise IntegrityError(
                f"the snapshot became shorter while it was sent: {size - left:,} of {format_count(size, 'byte')}"
            )
        left -= len(block)
        yield block
