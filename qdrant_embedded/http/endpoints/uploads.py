"""Upload of a snapshot: written to disk and hashed as it arrives, then recovered from."""

from __future__ import annotations

import functools
import time
import uuid
from typing import TYPE_CHECKING
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from qdrant_embedded import errors
from qdrant_embedded.api_keys import RequiredAccess
from qdrant_embedded.engine.collection_names import check_name
from qdrant_embedded.http.endpoints.snapshots import (
    PRIORITIES,
    describe_unknown_priority,
    parse_checksum,
    run_or_accept,
)
from qdrant_embedded.http.multipart import ReceivedFile
from qdrant_embedded.http.parameters import parse_flag
from qdrant_embedded.http.responses import as_response, error_response
from qdrant_embedded.snapshots.recover import recover_collection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from qdrant_embedded.server import Server

FIELD = "snapshot"
WRITE_BYTES = 1 << 20
ACCEPTED = 202


def make_upload_endpoint(server: Server) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of `POST /collections/{name}/snapshots/upload`."""

    async def upload(request: Request) -> Response:
        started = time.perf_counter()
        received = None
        try:
            # As on the server: the key is checked before the body is read, and its error is plain text.
            server.api_keys.check(request.headers, RequiredAccess.MANAGE, plain_text=True)
            name = check_name(unquote(request.path_params["name"]), strict=True)
            received = ReceivedFile(request.headers.get("content-type"), FIELD, server.upload_path)
            await receive_body(request, received)
            checksum = parse_parameters(request.query_params)
            work = functools.partial(store_and_recover, server, name, received, checksum)
            wait = parse_flag(request.query_params, "wait", default=True)
            response = as_response(await run_in_threadpool(run_or_accept, work, started, wait=wait), started)
        except errors.ApiError as error:
            response = error_response(error, started)
        except OSError as error:
            response = error_response(errors.service_error(str(error)), started)
        except ClientDisconnect:  # the body is incomplete and is dropped, as on the server
            response = Response(status_code=400)
        if received is not None and response.status_code != ACCEPTED:  # after a 202 the work still needs the file
            received.discard()
        return response

    return upload


async def receive_body(request: Request, received: ReceivedFile) -> None:
    """Write the body to its file. Raise ApiError 400, ClientDisconnect if the client has gone."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        chunks.append(chunk)
        size += len(chunk)
        if size >= WRITE_BYTES or not chunk:
            await run_in_threadpool(received.write, b"".join(chunks))
            chunks, size = [], 0
    await run_in_threadpool(received.write, b"".join(chunks))
    received.finish()


def parse_parameters(query: Mapping[str, str]) -> str | None:
    """Return the expected checksum in lower case; check the priority too. Raise ApiError 422 and 400."""
    checksum = parse_checksum(query.get("checksum"), "query parameters")
    priority = query.get("priority")
    if priority is not None and priority not in PRIORITIES:
        raise errors.ApiError(400, f"Deserialize error in query parameters: {describe_unknown_priority(priority)}")
    return checksum


def store_and_recover(server: Server, name: str, received: ReceivedFile, checksum: str | None) -> bool:
    """Store the file under the client's name and recover from it; it stays if that fails. Raise ApiError."""
    found = received.sha256.hexdigest()
    server.faults.reach("received", name)
    if checksum is not None and checksum != found:
        received.discard()
        raise errors.ApiError(400, f"Checksum mismatch: expected {found}, actual {checksum}")
    directory = server.snapshots_of(name)
    directory.mkdir(parents=True, exist_ok=True)
    stored = directory / (received.filename or str(uuid.uuid4()))
    received.path.replace(stored)
    with server.operations.count_recovery(name):
        recover_collection(server, name, stored)
    return True
