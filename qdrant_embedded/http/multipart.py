"""Receive one file of a multipart body: written to disk and hashed in chunks, never whole in memory."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path, PurePosixPath

from python_multipart.multipart import MultipartParser, parse_options_header

from qdrant_embedded.errors import ApiError


class ReceivedFile:
    """The file of one form field, filled by `write`.

    `path` is the file, `filename` the last part of the client's name for it (None for none), `sha256` the hash of
    what was written. Raise ApiError 400 in plain text for a body that is no multipart form.
    """

    def __init__(self, content_type: str | None, field: str, directory: Path) -> None:
        kind, options = parse_options_header(content_type)
        if not kind:
            raise ApiError(400, "Could not find Content-Type header", plain_text=True)
        if b"boundary" not in options:
            raise ApiError(400, "Multipart boundary is not found", plain_text=True)
        handle, name = tempfile.mkstemp(prefix="upload-", dir=directory)
        self.path = Path(name)
        self.filename: str | None = None
        self.sha256 = hashlib.sha256()
        self._file = os.fdopen(handle, "wb")
        self._field = field
        self._found = self._complete = self._inside = False
        self._header = self._value = b""
        self._parser = MultipartParser(
            options[b"boundary"],
            {
                "on_part_begin": self._begin,
                "on_header_field": self._on_header,
                "on_header_value": self._on_value,
                "on_header_end": self._header_end,
                "on_part_data": self._on_bytes,
                "on_end": self._end,
            },
        )

    def write(self, chunk: bytes) -> None:
        """Parse the next chunk of the body."""
        self._parser.write(chunk)

    def finish(self) -> None:
        """Close the file. Raise ApiError 400 if the body is incomplete or the field is missing."""
        self._file.close()
        if not self._complete:
            raise ApiError(400, "Multipart stream is incomplete", plain_text=True)
        if not self._found:
            raise ApiError(400, f"Required field is missing: {self._field}", plain_text=True)

    def discard(self) -> None:
        """Delete the file, unless it was moved elsewhere."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _begin(self) -> None:
        self._inside = False
        self._header = self._value = b""

    def _on_header(self, chunk: bytes, start: int, end: int) -> None:
        self._header += chunk[start:end]

    def _on_value(self, chunk: bytes, start: int, end: int) -> None:
        self._value += chunk[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            self._inside = options.get(b"name") == self._field.encode()
            if self._inside:
                self._found = True
                self.filename = PurePosixPath(options.get(b"filename", b"").decode(errors="replace")).name or None
        self._header = self._value = b""

    def _on_bytes(self, chunk: bytes, start: int, end: int) -> None:
        if self._inside:
            piece = memoryview(chunk)[start:end]
            self.sha256.update(piece)
            self._file.write(piece)

    def _end(self) -> None:
        self._complete = True
