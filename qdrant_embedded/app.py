"""The way from a request to an answer."""

from __future__ import annotations

import time
import traceback
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route

from qdrant_embedded import answers
from qdrant_embedded.call import read
from qdrant_embedded.endpoints import uploads
from qdrant_embedded.interference import Interference
from qdrant_embedded.routes import MANAGE, METHODS, NOT_EMULATED, SNAPSHOTS, TABLE, not_emulated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from qdrant_embedded.access import Need
    from qdrant_embedded.call import Call
    from qdrant_embedded.server import Server


def application(server: Server) -> ASGIApp:
    """Give the ASGI application over one storage directory."""
    routes = [
        Route(f"{SNAPSHOTS}/upload", uploads.endpoint(server), methods=["POST"]),
        *(Route(path, adapted(server, need, run), methods=[method]) for method, path, need, run in TABLE),
        *(Route(path, adapted(server, MANAGE, not_emulated), methods=METHODS) for path in NOT_EMULATED),
    ]
    app = Starlette(routes=routes, exception_handlers={404: nothing_here, 405: nothing_here})
    app.router.redirect_slashes = False
    raw = RawPath(app)
    return Interference(raw, server.faults) if server.settings.allow_misbehaviour else raw


async def nothing_here(_request: Request, _error: Exception) -> Response:
    """404 with no body at all, for unknown paths and methods alike."""
    return Response(status_code=404)


class RawPath:
    """Routes on the path as it was sent: an encoded slash belongs to a name. HEAD is not served, as on the server."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http":
            path = scope["raw_path"].decode("latin-1").split("?")[0]
            scope["path"] = path.rstrip("/") or "/"
            if scope["method"] == "HEAD":
                await Response(status_code=404)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def adapted(server: Server, need: Need, run: Callable[[Call], Any]) -> Callable[[Request], Awaitable[Response]]:
    """Give an endpoint as Starlette wants it: key checked, body read, the work in a thread, refusals as answers."""

    async def answer(request: Request) -> Response:
        started = time.perf_counter()
        try:
            server.keys.check(request.headers, need)
            call = await read(server, request, started)
            outcome = await run_in_threadpool(outcome_of, run, call)
        except answers.Refusal as refusal:
            return refusal.response(started)
        return answers.answered(outcome, started)

    return answer


def outcome_of(run: Callable[[Call], Any], call: Call) -> Any:  # noqa: ANN401 - a result or a response
    """Do the work of an endpoint. Raises Refusal for whatever goes wrong in it."""
    try:
        return run(call)
    except OSError as error:
        raise answers.service_error(str(error)) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # With a body, most likely one of another form than expected. On stderr, for it may be a mistake of ours.
        traceback.print_exc()
        refusal = answers.service_error if call.body is None else answers.bad_json
        raise refusal(repr(error)) from error
