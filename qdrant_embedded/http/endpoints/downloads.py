"""Download of a snapshot: ranges, If-Match and compression as on a real server."""

from __future__ import annotations

import zlib
from email.utils import formatdate
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.concurrency import iterate_in_threadpool
from starlette.responses import Response, StreamingResponse

from qdrant_embedded import errors
from qdrant_embedded.http.endpoints import snapshots
from qdrant_embedded.snapshots import files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from qdrant_embedded.http.request import ApiRequest

CHUNK = 1 << 18
GZIP_WINDOW = 31
OCTETS = "application/octet-stream"


def download(request: ApiRequest) -> Response:
    """Return the snapshot file of the path; a missing one is a plain-text error."""
    try:
        path = files.find_snapshot(snapshots.find_directory(request), request.path["snapshot"])
    except errors.ApiError as error:
        error.plain_text = True
        raise
    return file_response(path, request.headers)


def file_response(path: Path, headers: Mapping[str, str]) -> Response:
    """Return a file or a part of it. `If-Match` is checked; `If-Range` is ignored, as on the server."""
    status = path.stat()
    size = status.st_size
    known = {
        "accept-ranges": "bytes",
        "etag": f'"{status.st_ino:x}:{size:x}:{status.st_mtime_ns:x}"',
        "last-modified": formatdate(status.st_mtime, usegmt=True),
        "content-disposition": content_disposition(path.name),
    }
    if "if-match" in headers and headers["if-match"] not in {"*", known["etag"]}:
        return Response(status_code=412, headers=known, media_type=OCTETS)
    if "range" not in headers:
        if "gzip" in headers.get("accept-encoding", ""):
            return streaming_response(read_compressed(path, size), 200, {**known, "content-encoding": "gzip"})
        return streaming_response(read_part(path, 0, size), 200, {**known, "content-length": str(size)})
    byte_range = parse_range(headers["range"], size)
    if byte_range is None:
        return Response(status_code=416, headers={**known, "content-range": f"bytes */{size}"}, media_type=OCTETS)
    first, length = byte_range
    ranged = {"content-range": f"bytes {first}-{first + length - 1}/{size}", "content-length": str(length)}
    return streaming_response(
        read_part(path, first, length), 206, {**known, **ranged, "content-encoding": "identity"}
    )


def content_disposition(name: str) -> str:
    """Return the Content-Disposition header: the name's bytes, and an encoded form if they are not ASCII.

    A line end would end the header, so it is percent-encoded (recorded on 1.18.3).
    """
    for end in "\n\x0b\x0c\r":
        name = name.replace(end, quote(end))
    encode_json = "" if name.isascii() else f"; filename*=UTF-8''{quote(name, safe='')}"
    # The framework encodes headers as latin-1, so each of these characters becomes one of the name's UTF-8 bytes.
    return f'attachment; filename="{name.encode().decode("latin-1")}"{encode_json}'


def streaming_response(chunks: Iterator[bytes], status: int, headers: dict[str, str]) -> Response:
    """Return a response whose bytes are read while the client takes them."""
    return StreamingResponse(iterate_in_threadpool(chunks), status, headers, media_type=OCTETS)


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Return (first byte, length) of a single byte range, None if it cannot be satisfied."""
    unit, _, text = header.partition("=")
    start, dash, end = text.split(",")[0].strip().partition("-")
    if unit.strip() != "bytes" or not dash or not (start + end).isdigit():
        return None
    if not start:
        length = min(int(end), size)
        return (size - length, length) if length else None
    first, last = int(start), min(int(end) if end else size - 1, size - 1)
    return (first, last - first + 1) if first <= last else None


def read_part(path: Path, first: int, length: int) -> Iterator[bytes]:
    """Yield `length` bytes from `first` on, in chunks."""
    with path.open("rb") as file:
        file.seek(first)
        while length and (chunk := file.read(min(CHUNK, length))):
            length -= len(chunk)
            yield chunk


def read_compressed(path: Path, size: int) -> Iterator[bytes]:
    """Yield the whole file, compressed."""
    packer = zlib.compressobj(1, zlib.DEFLATED, GZIP_WINDOW)
    for chunk in read_part(path, 0, size):
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()
