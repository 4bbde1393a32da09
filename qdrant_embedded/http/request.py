"""One request, read: what every endpoint gets."""

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
    """The request's parts, the path's decoded, and when it came in (time.perf_counter)."""

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
            raise errors.bad_json("EOF while parsing a value at line 1 column 0")
        if not isinstance(self.body, dict):
            raise errors.bad_json("invalid type: expected a map at line 1 column 0")
        return self.body

    def should_wait(self, *, default: bool) -> bool:
        """Give the `wait` parameter. Raises Refusal 400."""
        return parse_flag(self.query, "wait", default=default)


async def read_request(server: Server, request: Request, started: float) -> ApiRequest:
    """Give the request with its path decoded and its JSON parsed. Raises Refusal 400."""
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
    """Give the JSON in a body; None for an empty one, which only some endpoints take. Raises Refusal 400."""
    if not content:
        return None
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.bad_json(str(error)) from error
