"""Uploading a snapshot: streamed to disk and hashed, then recovered from."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
import uuid
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from qdrant_embedded import answers, recovery
from qdrant_embedded.access import Need
from qdrant_embedded.names import checked

from .snapshots import PRIORITIES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from qdrant_embedded.server import Server

FIELD = "snapshot"
HEX_DIGITS = 64


class Received:
    """The parts of a multipart body, the snapshot's bytes going to a file as they come."""

    def __init__(self, boundary: bytes, directory: Path) -> None:
        handle, name = tempfile.mkstemp(prefix="upload-", dir=directory)
        self.file = os.fdopen(handle, "wb")
        self.path = Path(name)
        self.sha256 = hashlib.sha256()
        self.filename: str | None = None
        self.complete = False
        self.found = False
        self._inside = False
        self._header = self._value = b""
        self.parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._on_header,
                "on_header_value": self._on_value,
                "on_header_end": self._header_end,
                "on_part_data": self._bytes,
                "on_end": self._end,
            },
        )

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
            self._inside = options.get(b"name") == FIELD.encode()
            if self._inside:
                self.found = True
                given = options.get(b"filename", b"").decode(errors="replace")
                self.filename = PurePosixPath(given).name or None
        self._header = self._value = b""

    def _bytes(self, chunk: bytes, start: int, end: int) -> None:
        if self._inside:
            view = memoryview(chunk)[start:end]
            self.sha256.update(view)
            self.file.write(view)

    def _end(self) -> None:
        self.complete = True


def endpoint(server: Server) -> Callable[[Request], Awaitable[Response]]:
    """`POST /collections/{name}/snapshots/upload`."""

    async def upload(request: Request) -> Response:
        started = time.perf_counter()
        try:
            server.keys.check(request.headers, Need.MANAGE, plain=True)
            name = checked(unquote(request.path_params["name"]), strict=True)
            received = await receive(server, request)
        except answers.Refusal as refusal:
            return refusal.response(started)
        except ClientDisconnect:
            return Response(status_code=400)
        try:
            return await finish(server, name, request, received, started)
        except answers.Refusal as refusal:
            return refusal.response(started)
        finally:
            received.path.unlink(missing_ok=True)

    return upload


async def receive(server: Server, request: Request) -> Received:
    """The whole body, on disk. Raises Refusal 400 in plain text, ClientDisconnect when it was cut."""
    kind, options = parse_options_header(request.headers.get("content-type"))
    if not kind:
        raise answers.Refusal(400, "Could not find Content-Type header", plain=True)
    if b"boundary" not in options:
        raise answers.Refusal(400, "Multipart boundary is not found", plain=True)
    received = Received(options[b"boundary"], server.upload_path)
    try:
        with received.file:
            async for chunk in request.stream():
                await run_in_threadpool(received.parser.write, chunk)
        if not received.complete:
            raise answers.Refusal(400, "Multipart stream is incomplete", plain=True)
        if not received.found:
            raise answers.Refusal(400, f"Required field is missing: {FIELD}", plain=True)
    except BaseException:
        received.path.unlink(missing_ok=True)
        raise
    return received


async def finish(server: Server, name: str, request: Request, received: Received, started: float) -> Response:
    """Check the parameters and the checksum, keep the file under the client's name, recover."""
    query = request.query_params
    wanted, found = query.get("checksum"), received.sha256.hexdigest()
    if wanted is not None and len(wanted) != HEX_DIGITS:
        raise answers.Refusal(422, f"Validation error in query parameters: [checksum: invalid_sha256_hash {wanted}]")
    priority = query.get("priority")
    if priority is not None and priority not in PRIORITIES:
        choices = ", ".join(f"`{one}`" for one in PRIORITIES)
        sentence = f"Deserialize error in query parameters: unknown variant `{priority}`, expected one of {choices}"
        raise answers.Refusal(400, sentence)

    def work() -> None:
        if wanted is not None and wanted.lower() != found:
            raise answers.Refusal(400, f"Checksum mismatch: expected {found}, actual {wanted}")
        directory = server.snapshots_of(name)
        directory.mkdir(parents=True, exist_ok=True)
        kept = directory / (received.filename or str(uuid.uuid4()))
        received.path.replace(kept)
        with server.gauges.recovery(name):
            recovery.recover(server, name, kept)

    await run_in_threadpool(work)
    return answers.result(True, started)
