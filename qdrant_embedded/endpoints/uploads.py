"""Uploading a snapshot: streamed to disk and hashed, then recovered from."""

from __future__ import annotations

import functools
import time
import uuid
from typing import TYPE_CHECKING
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from qdrant_embedded import answers, recovery
from qdrant_embedded.access import Need
from qdrant_embedded.answers import answered
from qdrant_embedded.endpoints.snapshots import PRIORITIES, checked_checksum, in_time, unknown_priority
from qdrant_embedded.multipart import ReceivedFile
from qdrant_embedded.names import checked

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from qdrant_embedded.server import Server

FIELD = "snapshot"
GATHERED_BYTES = 1 << 20


def endpoint(server: Server) -> Callable[[Request], Awaitable[Response]]:
    """`POST /collections/{name}/snapshots/upload`."""

    async def upload(request: Request) -> Response:
        started = time.perf_counter()
        received = None
        try:
            # The key is looked at before a byte of the body is, and its refusal is plain text.
            server.keys.check(request.headers, Need.MANAGE, plain=True)
            name = checked(unquote(request.path_params["name"]), strict=True)
            received = ReceivedFile(request.headers.get("content-type"), FIELD, server.upload_path)
            await receive(request, received)
            checksum = checked_parameters(request.query_params)
            work = functools.partial(keep_and_recover, server, name, received, checksum)
            wait = answers.flag(request.query_params, "wait", default=True)
            outcome = answered(await run_in_threadpool(in_time, work, started, wait=wait), started)
        except answers.Refusal as refusal:
            outcome = refusal.response(started)
        except OSError as error:
            outcome = answers.service_error(str(error)).response(started)
        except ClientDisconnect:  # gone before the last byte: dropped, as on the server
            outcome = Response(status_code=400)
        if received is not None and outcome.status_code != 202:  # noqa: PLR2004 - then the work goes on
            received.discard()
        return outcome

    return upload


async def receive(request: Request, received: ReceivedFile) -> None:
    """Write the body to its file. Raises Refusal 400, ClientDisconnect when the client has gone."""
    gathered: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        gathered.append(chunk)
        size += len(chunk)
        if size >= GATHERED_BYTES or not chunk:
            await run_in_threadpool(received.write, b"".join(gathered))
            gathered, size = [], 0
    await run_in_threadpool(received.write, b"".join(gathered))
    received.finish()


def checked_parameters(query: Mapping[str, str]) -> str | None:
    """Give the checksum asked for in lower case; check the priority too. Raises Refusal 422 and 400."""
    checksum = checked_checksum(query.get("checksum"), "query parameters")
    priority = query.get("priority")
    if priority is not None and priority not in PRIORITIES:
        raise answers.Refusal(400, f"Deserialize error in query parameters: {unknown_priority(priority)}")
    return checksum


def keep_and_recover(server: Server, name: str, received: ReceivedFile, checksum: str | None) -> bool:
    """Keep the file under the client's name, whatever comes of it, and recover from it. Raises Refusal."""
    found = received.sha256.hexdigest()
    server.faults.reach("received", name)
    if checksum is not None and checksum != found:
        received.discard()
        raise answers.Refusal(400, f"Checksum mismatch: expected {found}, actual {checksum}")
    directory = server.snapshots_of(name)
    directory.mkdir(parents=True, exist_ok=True)
    kept = directory / (received.filename or str(uuid.uuid4()))
    received.path.replace(kept)
    with server.gauges.recovery(name):
        recovery.recover(server, name, kept)
    return True
