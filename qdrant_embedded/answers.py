"""What goes back to the client: Qdrant's JSON envelope, its error texts, and the few plain-text answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON = "application/json"
UNAUTHORIZED = 401


class Refusal(Exception):  # noqa: N818 - it is an answer, not a failure of ours
    """An answer other than success: a status and Qdrant's sentence for it, as JSON or as plain text."""

    def __init__(self, status: int, sentence: str, *, plain: bool = False) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.plain = plain

    def response(self, started: float) -> Response:
        """Give the HTTP answer; `started` is the moment (time.perf_counter) the request came in."""
        if self.plain:
            kind = None if self.status == UNAUTHORIZED else "text/plain"
            return Response(self.sentence, self.status, media_type=kind)
        return enveloped({"status": {"error": self.sentence}}, started, self.status)


def bad_json(sentence: str) -> Refusal:
    """400 as the server words a body that is not what it wants."""
    return Refusal(400, f"Format error in JSON body: {sentence}")


def wrong_input(sentence: str) -> Refusal:
    """400 for a request that was understood and is wrong."""
    return Refusal(400, f"Wrong input: {sentence}")


def bad_request(sentence: str) -> Refusal:
    """400 as snapshot locations get it."""
    return Refusal(400, f"Bad request: {sentence}")


def not_found(sentence: str) -> Refusal:
    """404 with the server's prefix."""
    return Refusal(404, f"Not found: {sentence}")


def missing_collection(name: str) -> Refusal:
    """404 for a collection that is not there."""
    return not_found(f"Collection `{name}` doesn't exist!")


def conflict(sentence: str) -> Refusal:
    """409, worded as wrong input like the server does."""
    return Refusal(409, f"Wrong input: {sentence}")


def forbidden(sentence: str, *, plain: bool = False) -> Refusal:
    """403 for a key or a path that may not."""
    return Refusal(403, f"Forbidden: {sentence}", plain=plain)


def service_error(sentence: str) -> Refusal:
    """500 with the server's prefix."""
    return Refusal(500, f"Service internal error: {sentence}")


def not_emulated(what: str) -> Refusal:
    """501: the emulation does not do this; a real Qdrant may."""
    return Refusal(501, f"Not emulated: {what} is not done by the embedded Qdrant; use a real server for it")


def flag(query: Mapping[str, str], name: str, *, default: bool) -> bool:
    """Give a query parameter that is true or false. Raises Refusal 400."""
    given = query.get(name)
    if given not in {None, "true", "false"}:
        sentence = "Deserialize error in query parameters: provided string was not `true` or `false`"
        raise Refusal(400, sentence)
    return default if given is None else given == "true"


def encoded(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """JSON bytes; NaN and infinities become null as the server writes them."""
    return msgspec.json.encode(value)


def enveloped(fields: dict[str, Any], started: float, status: int = 200) -> Response:
    """Give the fields with the seconds it took, as one JSON answer."""
    body = encoded({**fields, "time": round(time.perf_counter() - started, 9)})
    return Response(body, status, media_type=JSON)


def result(value: Any, started: float) -> Response:  # noqa: ANN401 - any JSON value
    """200 with a result."""
    return enveloped({"result": value, "status": "ok"}, started)


def answered(outcome: Any, started: float) -> Response:  # noqa: ANN401 - any JSON value, or a response
    """Give a response as it is, anything else as a result."""
    return outcome if isinstance(outcome, Response) else result(outcome, started)


def accepted(started: float) -> Response:
    """202: somebody asked not to wait."""
    return enveloped({"status": "accepted"}, started, 202)
