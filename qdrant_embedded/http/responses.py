"""HTTP responses: Qdrant's JSON envelope, and the few plain-text ones."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response

if TYPE_CHECKING:
    from qdrant_embedded.errors import ApiError

JSON = "application/json"
UNAUTHORIZED = 401


def encode_json(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return JSON bytes; NaN and infinities become null, as on the server."""
    return msgspec.json.encode(value)


def envelope_response(fields: dict[str, Any], started: float, status: int = 200) -> Response:
    """Return the fields and the seconds since `started` (time.perf_counter) as JSON."""
    body = encode_json({**fields, "time": round(time.perf_counter() - started, 9)})
    return Response(body, status, media_type=JSON)


def result_response(value: Any, started: float) -> Response:  # noqa: ANN401 - any JSON value
    """Return a 200 with a result."""
    return envelope_response({"result": value, "status": "ok"}, started)


def as_response(outcome: Any, started: float) -> Response:  # noqa: ANN401 - any JSON value, or a response
    """Return a response unchanged, anything else as a result."""
    return outcome if isinstance(outcome, Response) else result_response(outcome, started)


def accepted_response(started: float) -> Response:
    """Return the 202 for a client that does not wait."""
    return envelope_response({"status": "accepted"}, started, 202)


def error_response(error: ApiError, started: float) -> Response:
    """Return the response for an error."""
    if error.plain_text:
        media_type = None if error.status == UNAUTHORIZED else "text/plain"
        return Response(error.message, error.status, media_type=media_type)
    return envelope_response({"status": {"error": error.message}}, started, error.status)
