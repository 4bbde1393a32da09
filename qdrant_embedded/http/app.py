"""The ASGI application: from a request to a response."""

from __future__ import annotations

import time
import traceback
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route

from qdrant_embedded import errors
from qdrant_embedded.http.endpoints import uploads
from qdrant_embedded.http.fault_middleware import FaultMiddleware
from qdrant_embedded.http.request import read_request
from qdrant_embedded.http.responses import as_response, error_response
from qdrant_embedded.http.routes import MANAGE, METHODS, NOT_EMULATED, ROUTES, SNAPSHOTS, refuse_not_emulated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from qdrant_embedded.api_keys import RequiredAccess
    from qdrant_embedded.http.request import ApiRequest
    from qdrant_embedded.server import Server


def create_app(server: Server) -> ASGIApp:
    """Return the ASGI application over one storage directory."""
    routes = [
        Route(f"{SNAPSHOTS}/upload", uploads.make_upload_endpoint(server), methods=["POST"]),
        *(Route(path, make_endpoint(server, access, run), methods=[method]) for method, path, access, run in ROUTES),
        *(Route(path, make_endpoint(server, MANAGE, refuse_not_emulated), methods=METHODS) for path in NOT_EMULATED),
    ]
    app = Starlette(routes=routes, exception_handlers={404: respond_not_found, 405: respond_not_found})
    app.router.redirect_slashes = False
    raw = RawPathMiddleware(app)
    return FaultMiddleware(raw, server.faults) if server.settings.allow_misbehaviour else raw


async def respond_not_found(_request: Request, _error: Exception) -> Response:
    """Return a 404 without a body, for unknown paths and methods alike."""
    return Response(status_code=404)


class RawPathMiddleware:
    """Routes on the path as it was sent: an encoded slash belongs to a name. HEAD gets a 404, as on the server."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on with its raw path."""
        if scope["type"] == "http":
            path = scope["raw_path"].decode("latin-1").split("?")[0]
            scope["path"] = path.rstrip("/") or "/"
            if scope["method"] == "HEAD":
                await Response(status_code=404)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def make_endpoint(
    server: Server, access: RequiredAccess, run: Callable[[ApiRequest], Any]
) -> Callable[[Request], Awaitable[Response]]:
    """Return a Starlette endpoint that checks the key, reads the body and runs the work in a thread."""

    async def endpoint(http_request: Request) -> Response:
        started = time.perf_counter()
        try:
            server.api_keys.check(http_request.headers, access)
            request = await read_request(server, http_request, started)
            outcome = await run_in_threadpool(run_endpoint, run, request)
        except errors.ApiError as error:
            return error_response(error, started)
        return as_response(outcome, started)

    return endpoint


def run_endpoint(run: Callable[[ApiRequest], Any], request: ApiRequest) -> Any:  # noqa: ANN401 - a result or a response
    """Return what an endpoint returns. Raise ApiError for every error in it."""
    try:
        return run(request)
    except OSError as error:
        raise errors.service_error(str(error)) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # Most likely a body of another form than expected. Traced on stderr, as it may be a bug of the emulation.
        traceback.print_exc()
        make_error = errors.service_error if request.body is None else errors.bad_json
        raise make_error(repr(error)) from error
