"""One parsed request, as every endpoint gets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec

from qdrant_embedded import errors
from qdrant_embedded.http.parameters import parse_flag

if TYPE_CHECKING:
    from starlette.requests import Request

    from qdrant_embedded.server import Server


@dataclass(frozen=True)
class ApiRequest:
    """The request's parts, its path decoded; `started` is when it arrived (time.perf_counter)."""

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
        """The body, which must be an object. Raise ApiError 400."""
        if self.body is None:
            raise errors.bad_json("EOF while parsing a value at line 1 column 0")
        if not isinstance(self.body, dict):
            raise errors.bad_json("invalid type: expected a map at line 1 column 0")
        return self.body

    def should_wait(self, *, default: bool) -> bool:
        """Return the `wait` parameter. Raise ApiError 400."""
        return parse_flag(self.query, "wait", default=default)


async def read_request(server: Server, request: Request, started: float) -> ApiRequest:
    """Return the request with its path decoded and its JSON parsed. Raise ApiError 400."""
    content = await request.body()
    return ApiRequest(
        server=server,
        path={key: unquote(value) for key, value in request.path_params.items()},
        query=dict(request.query_params),
        line=f"{request.method} {request.scope['path']}",
        headers=dict(request.headers),
        body=parse_json(content) if request.method not in {"GET", "DELETE"} else None,
        started=started,
    )


def parse_json(content: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return the JSON of a body, None for an empty one. Raise ApiError 400."""
    if not content:
        return None
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.bad_json(str(error)) from error
