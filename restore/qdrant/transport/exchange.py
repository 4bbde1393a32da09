"""One HTTP request, and its response: read whole, or waited for."""

import http.client
import re
import select
import ssl
from collections.abc import Callable

import msgspec

from restore.qdrant.transport.network_errors import describe_network_error
from restore.qdrant.transport.streaming import read_head
from restore.system.secret import Secret

READ_SECONDS = 30.0
_LARGEST_BODY = 256 << 20
_FIRST_ERROR = 400
_QUERY = re.compile(rb"(https?://[^\s\"'<>?]*)\?[^\s\"'<>)]*")


class Response(msgspec.Struct, frozen=True):
    """One response, read whole. Header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_json(self) -> bool:
        """True if the header says that the body is JSON."""
        return self.headers.get("content-type", "").startswith("application/json")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `path` is percent-encoded already; `seconds` bounds request and response together.

    `hides_queries`: the request holds a URL with a secret in its query, which the response may repeat.
    """

    method: str
    path: str
    query: dict[str, str] = {}
    body: bytes | None = None
    headers: dict[str, str] = {}
    seconds: float = READ_SECONDS
    hides_queries: bool = False


class PendingResponse:
    """The response to a request that was sent, which may take hours. Poll it; close it on every way out."""

    def __init__(
        self,
        connected: http.client.HTTPConnection,
        *,
        key: str,
        hides_queries: bool,
        check_stop: Callable[[], None],
    ) -> None:
        self._connection = connected
        self._key = key
        self._hides_queries = hides_queries
        self._check_stop = check_stop

    def poll(self, seconds: float) -> Response | None:
        """Wait up to `seconds` for the response. Return None when it has not come yet.

        Raise `OSError` when no response can come any more, `Interrupted` when the thread is asked to end.
        """
        self._check_stop()
        connected = self._connection.sock
        if connected is None:
            raise ConnectionResetError("the connection is closed")
        pending = isinstance(connected, ssl.SSLSocket) and connected.pending() > 0
        if not pending and not select.select([connected], [], [], seconds)[0]:
            return None
        try:
            response = read_whole(read_head(self._connection, READ_SECONDS, READ_SECONDS), self._key)
        except (OSError, http.client.HTTPException) as error:
            self._check_stop()
            if isinstance(error, OSError):
                raise
            raise ConnectionResetError(describe_network_error(error)) from error
        finally:
            self.close()
        if self._hides_queries and response.status >= _FIRST_ERROR:
            # Before the body is shortened for a message, as with the key.
            return Response(response.status, response.headers, _QUERY.sub(rb"\1?***", response.body))
        return response

    def close(self) -> None:
        """Close the connection. The server goes on with what it was asked for."""
        self._connection.close()


def read_whole(response: http.client.HTTPResponse, key: str) -> Response:
    """Read a response to its end. Raise `IncompleteRead` when it is shorter than it said."""
    promised = response.length
    body = response.read(_LARGEST_BODY)
    response.close()
    if promised is not None and len(body) < min(promised, _LARGEST_BODY):
        raise http.client.IncompleteRead(body, promised - len(body))
    if promised is None and not response.chunked and not _is_whole(response.headers.get("content-type") or "", body):
        raise http.client.IncompleteRead(body)
    if key and response.status >= _FIRST_ERROR:
        # Before the body is shortened for a message: half of a key that a proxy repeats could not be recognised.
        for form in (key, *Secret(key).list_forms()):
            body = body.replace(form.encode(), b"***")
    return Response(response.status, {name.lower(): value for name, value in response.headers.items()}, body)


def _is_whole(content_type: str, body: bytes) -> bool:
    """Return whether a body is whole that only the end of the connection ended: after half a head there is none."""
    if not content_type.startswith("application/json"):
        return bool(content_type and body)
    try:
        msgspec.json.decode(body)
    except msgspec.DecodeError:
        return False
    return True
