"""Requests to Qdrant's HTTP API: JSON sent, the result of a success read, everything else raised as an error."""

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from restore.errors import QdrantError
from restore.qdrant.transport.connection import Connection
from restore.qdrant.transport.exchange import READ_SECONDS, Request, Response
from restore.qdrant.transport.responses import error_from_response, summarise_response

OK = 200
NOT_FOUND = 404
# What reading the JSON of some other program raises.
NOT_UNDERSTOOD = (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError, RecursionError)

Result = TypeVar("Result")


class Requests:
    """Requests to one server over one connection, for one thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.url = connection.url

    def _read_result(
        self,
        method: str,
        path: str,
        read: Callable[[Any], Result],
        *,
        json: object = None,
        query: dict[str, str] | None = None,
    ) -> Result:
        """Send a request that changes nothing. Return what `read` makes of its result."""
        return self._parse_result(self._read(method, path, json=json, query=query), f"{method} {path}", read)

    def _read(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        query: dict[str, str] | None = None,
        accept: frozenset[int] = frozenset(),
        seconds: float = READ_SECONDS,
        retry: bool = True,
    ) -> Response:
        """Send a request that may be sent twice, and retry it while the error may be transient."""
        request = make_request(method, path, json=json, query=query, seconds=seconds)
        response = self._connection.request_with_retry(request) if retry else self._connection.request(request)
        self._require_success(response, asked=f"{method} {path}", accept=accept)
        return response

    def _write(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        query: dict[str, str] | None = None,
        accept: int = OK,
        seconds: float = 60.0,
    ) -> Response:
        """Send a request that changes something, once."""
        response = self._connection.request(make_request(method, path, json=json, query=query, seconds=seconds))
        self._require_success(response, asked=f"{method} {path}", accept=frozenset({accept}))
        return response

    def _parse_result(self, response: Response, asked: str, read: Callable[[Any], Result]) -> Result:
        """Return what `read` makes of a success. Raise `QdrantError` for a body that is not Qdrant's."""
        try:
            return read(msgspec.json.decode(response.body)["result"])
        except NOT_UNDERSTOOD as error:
            raise self._foreign_error(response, asked) from error

    def _require_success(
        self, response: Response, *, subject: str = "", asked: str = "", accept: frozenset[int] = frozenset()
    ) -> None:
        """Raise the error that a response stands for, unless it is a success or Qdrant's own accepted status.

        A proxy's 404 does not say that a collection is missing, nor its 500 that one is broken.
        """
        if response.status != OK and not (response.status in accept and response.is_json):
            raise error_from_response(response, self.url, subject=subject, asked=asked)

    def _foreign_error(self, response: Response, asked: str) -> QdrantError:
        summary = summarise_response(response)
        return QdrantError(
            f"{self.url} answered {response.status} to {asked}, but not as Qdrant does: {summary}",
            hint="is this Qdrant's HTTP port (usually 6333), and is no other program or login page in front?",
            http_status=response.status,
            permanent=True,
        )


def make_path(collection: str, rest: str = "") -> str:
    """Return the percent-encoded path of a collection, or of what lies under it."""
    encoded = quote(collection, safe="", errors="surrogatepass")
    return f"/collections/{encoded}/{rest}" if rest else f"/collections/{encoded}"


def make_request(
    method: str, path: str, *, json: object = None, query: dict[str, str] | None = None, seconds: float = READ_SECONDS
) -> Request:
    """Return a request, with a JSON body unless `json` is None."""
    if json is None:
        return Request(method=method, path=path, query=query or {}, seconds=seconds)
    headers = {"Content-Type": "application/json"}
    body = msgspec.json.encode(json)
    return Request(method=method, path=path, query=query or {}, body=body, headers=headers, seconds=seconds)
