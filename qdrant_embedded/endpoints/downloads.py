"""Downloading a snapshot: ranges and If-Match as a real server does them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import unquote

from starlette.responses import FileResponse, Response

from qdrant_embedded import answers, shelf
from qdrant_embedded.access import Need

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from qdrant_embedded.server import Server


def endpoint(server: Server) -> Callable[[Request], Awaitable[Response]]:
    """`GET /collections/{name}/snapshots/{snapshot}`."""

    async def download(request: Request) -> Response:
        started = time.perf_counter()
        try:
            server.keys.check(request.headers, Need.READ)
            collection = server.catalog.get(unquote(request.path_params["name"]))
            path = shelf.find(server.snapshots_of(collection.name), unquote(request.path_params["snapshot"]))
        except answers.Refusal as refusal:
            refusal.plain = True
            return refusal.response(started)
        return FileResponse(path, media_type="application/octet-stream", filename=path.name)

    return download
