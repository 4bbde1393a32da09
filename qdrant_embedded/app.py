"""The table of routes, and the way from a request to an answer."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route

from qdrant_embedded import answers
from qdrant_embedded.access import Need
from qdrant_embedded.endpoints import (
    aliases,
    collections,
    downloads,
    points,
    queries,
    reads,
    service,
    snapshots,
    uploads,
)
from qdrant_embedded.interference import Interference

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from qdrant_embedded.server import Server


@dataclass(frozen=True)
class Call:
    """One request, read: what an endpoint gets."""

    server: Server
    path: dict[str, str]
    query: dict[str, str]
    line: str
    headers: dict[str, str]
    body: Any
    started: float

    @property
    def name(self) -> str:
        """The collection in the path."""
        return self.path["name"]

    @property
    def document(self) -> dict[str, Any]:
        """The body, which must be an object. Raises Refusal 400."""
        if self.body is None:
            raise answers.bad_json("EOF while parsing a value at line 1 column 0")
        if not isinstance(self.body, dict):
            raise answers.bad_json("invalid type: expected a map at line 1 column 0")
        return self.body

    def asks_to_wait(self, *, default: bool) -> bool:
        """Give the `wait` parameter. Raises Refusal 400."""
        return answers.flag(self.query, "wait", default=default)


COLLECTION = "/collections/{name}"
POINTS = f"{COLLECTION}/points"
SNAPSHOTS = f"{COLLECTION}/snapshots"
SHARD_SNAPSHOTS = f"{COLLECTION}/shards/{{shard}}/snapshots"
METHODS = ["GET", "PUT", "POST", "PATCH", "DELETE"]
FREE, READ, MANAGE = Need.NOTHING, Need.READ, Need.MANAGE
TABLE: tuple[tuple[str, str, Need, Callable[[Call], Any]], ...] = (
    ("GET", "/", FREE, service.root),
    ("GET", "/healthz", FREE, service.healthy),
    ("GET", "/livez", FREE, service.healthy),
    ("GET", "/readyz", FREE, service.ready),
    ("GET", "/metrics", READ, service.metrics),
    ("GET", "/telemetry", READ, service.telemetry),
    ("GET", "/cluster", READ, service.cluster),
    ("GET", "/aliases", READ, aliases.everyone),
    ("POST", "/collections/aliases", MANAGE, aliases.change),
    ("PUT", f"{COLLECTION}/shards", MANAGE, collections.distribute),
    ("POST", f"{COLLECTION}/shards/delete", MANAGE, collections.distribute),
    ("POST", f"{COLLECTION}/cluster", MANAGE, collections.distribute),
    ("GET", "/collections", READ, collections.listing),
    ("PUT", COLLECTION, MANAGE, collections.create),
    ("GET", COLLECTION, READ, collections.describe),
    ("PATCH", COLLECTION, MANAGE, collections.patch),
    ("DELETE", COLLECTION, MANAGE, collections.delete),
    ("GET", f"{COLLECTION}/exists", READ, collections.exists),
    ("GET", f"{COLLECTION}/cluster", READ, collections.cluster),
    ("GET", f"{COLLECTION}/aliases", READ, aliases.of_collection),
    ("PUT", f"{COLLECTION}/index", MANAGE, collections.create_index),
    ("DELETE", f"{COLLECTION}/index/{{field}}", MANAGE, collections.delete_index),
    ("PUT", POINTS, MANAGE, points.endpoint(points.upsert)),
    ("POST", POINTS, READ, reads.retrieve),
    ("GET", f"{POINTS}/{{id}}", READ, reads.point),
    ("POST", f"{POINTS}/count", READ, reads.count),
    ("POST", f"{POINTS}/scroll", READ, reads.scroll),
    ("POST", f"{POINTS}/delete", MANAGE, points.endpoint(points.delete)),
    ("POST", f"{POINTS}/payload", MANAGE, points.endpoint(points.set_payload)),
    ("PUT", f"{POINTS}/payload", MANAGE, points.endpoint(points.overwrite_payload)),
    ("POST", f"{POINTS}/payload/delete", MANAGE, points.endpoint(points.delete_payload)),
    ("POST", f"{POINTS}/payload/clear", MANAGE, points.endpoint(points.clear_payload)),
    ("PUT", f"{POINTS}/vectors", MANAGE, points.endpoint(points.update_vectors)),
    ("POST", f"{POINTS}/vectors/delete", MANAGE, points.endpoint(points.delete_vectors)),
    ("POST", f"{POINTS}/batch", MANAGE, points.batch),
    ("POST", f"{POINTS}/query", READ, queries.query),
    ("POST", f"{POINTS}/query/batch", READ, queries.query_batch),
    ("POST", f"{POINTS}/search", READ, queries.search),
    ("POST", f"{COLLECTION}/facet", READ, queries.facet),
    ("GET", SNAPSHOTS, READ, snapshots.listing),
    ("POST", SNAPSHOTS, MANAGE, snapshots.create),
    ("PUT", f"{SNAPSHOTS}/recover", MANAGE, snapshots.recover),
    ("GET", f"{SNAPSHOTS}/{{snapshot}}", READ, downloads.download),
    ("DELETE", f"{SNAPSHOTS}/{{snapshot}}", MANAGE, snapshots.delete),
    ("GET", SHARD_SNAPSHOTS, READ, snapshots.listing),
    ("POST", SHARD_SNAPSHOTS, MANAGE, snapshots.create_of_shard),
    ("GET", f"{SHARD_SNAPSHOTS}/{{snapshot}}", READ, downloads.download),
    ("DELETE", f"{SHARD_SNAPSHOTS}/{{snapshot}}", MANAGE, snapshots.delete),
    ("GET", "/snapshots", READ, snapshots.listing),
    ("POST", "/snapshots", MANAGE, snapshots.create_of_everything),
    ("GET", "/snapshots/{snapshot}", READ, downloads.download),
    ("DELETE", "/snapshots/{snapshot}", MANAGE, snapshots.delete),
)
NOT_EMULATED = (
    f"{COLLECTION}/shards{{rest:path}}",
    f"{COLLECTION}/optimizations",
    f"{POINTS}/query/groups",
    f"{POINTS}/search/{{kind:path}}",
    f"{POINTS}/recommend{{rest:path}}",
    f"{POINTS}/discover{{rest:path}}",
    "/cluster/{rest:path}",
    "/issues",
)
"""What a real server serves and this one does not; they are told apart from paths that nobody knows."""


def application(server: Server) -> ASGIApp:
    """Give the ASGI application over one storage directory."""
    routes = [
        Route(f"{COLLECTION}/snapshots/upload", uploads.endpoint(server), methods=["POST"]),
        *(Route(path, adapted(server, need, run), methods=[method]) for method, path, need, run in TABLE),
        *(Route(path, adapted(server, MANAGE, not_emulated), methods=METHODS) for path in NOT_EMULATED),
    ]
    app = Starlette(routes=routes, exception_handlers={404: nothing_here, 405: nothing_here})
    app.router.redirect_slashes = False
    raw = RawPath(app)
    return Interference(raw, server.faults) if server.settings.allow_misbehaviour else raw


def not_emulated(call: Call) -> None:
    """Refuse with 501."""
    raise answers.not_emulated(call.line)


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
        # With a body, most likely one of another form than expected. Shown on stderr, for it may be a mistake of ours.
        traceback.print_exc()
        refusal = answers.service_error if call.body is None else answers.bad_json
        raise refusal(repr(error)) from error


async def read(server: Server, request: Request, started: float) -> Call:
    """Give the request with its path decoded and its JSON parsed. Raises Refusal 400."""
    content = await request.body()
    return Call(
        server=server,
        path={key: unquote(value) for key, value in request.path_params.items()},
        query=dict(request.query_params),
        line=f"{request.method} {request.scope['path']}",
        headers=dict(request.headers),
        body=parsed(content) if request.method not in {"GET", "DELETE"} else None,
        started=started,
    )


def parsed(content: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Give the JSON in a body; None for an empty one, which only some endpoints take. Raises Refusal 400."""
    if not content:
        return None
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise answers.bad_json(str(error)) from error
