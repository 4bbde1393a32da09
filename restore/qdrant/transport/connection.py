"""One HTTP connection to one Qdrant: requests with time limits, retries of reads, streams in both directions.

The standard library's `http.client` underneath, because an upload must hand its file to the kernel
(`socket.sendfile` between the multipart head and tail was level with curl, a copy in Python was not) and because a
boot with nothing to do is nearly all imports.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import select
import socket
import ssl
import time
import weakref
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

import msgspec

from restore.errors import DeadlineError, QdrantError
from restore.qdrant.transport.network_errors import describe_network_error, suggest_network_fix
from restore.qdrant.transport.streaming import MultipartFile, read_head, send_multipart
from restore.system.retry import retry_attempts
from restore.system.secret import Secret

# Qdrant closes an idle connection after 5 s; a write sent into a closing one would have an unknown result.
_IDLE_SECONDS = 3.0
_LARGEST_ANSWER = 256 << 20
READ_SECONDS = 30.0
_CONNECT_SECONDS = 5.0
_ERRORS = 400
_QUERY = re.compile(rb"(https?://[^\s\"'<>?]*)\?[^\s\"'<>)]*")
_TRANSIENT = frozenset({429, 502, 503, 504})


class Response(msgspec.Struct, frozen=True):
    """One answer, read whole. Header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_json(self) -> bool:
        """Tell whether the body says it is JSON."""
        return self.headers.get("content-type", "").startswith("application/json")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `path` is already percent-encoded; `seconds` bounds the whole exchange.

    `hides_queries`: it sends a URL whose query is a secret, and the answer may repeat it.
    """

    method: str
    path: str
    query: dict[str, str] = {}
    body: bytes | None = None
    headers: dict[str, str] = {}
    seconds: float = READ_SECONDS
    hides_queries: bool = False


class PendingResponse:
    """A request that was sent and whose answer may take hours. Poll it; close it on every way out."""

    def __init__(self, connected: http.client.HTTPConnection, key: str = "", *, hides_queries: bool = False) -> None:
        self._connection = connected
        self._key = key
        self._hides_queries = hides_queries

    def poll(self, seconds: float) -> Response | None:
        """Wait up to `seconds` for the answer. None: not yet. Raises OSError when none can come any more."""
        connected = self._connection.sock
        if connected is None:
            raise ConnectionResetError("the connection is closed")
        pending = isinstance(connected, ssl.SSLSocket) and connected.pending() > 0
        if not pending and not select.select([connected], [], [], seconds)[0]:
            return None
        try:
            answer = _read_whole(read_head(self._connection, READ_SECONDS, READ_SECONDS), self._key)
        except http.client.HTTPException as error:
            raise ConnectionResetError(describe_network_error(error)) from error
        finally:
            self.close()
        if self._hides_queries and answer.status >= _ERRORS:
            # Before anybody cuts it short, as with the key.
            return Response(answer.status, answer.headers, _QUERY.sub(rb"\1?***", answer.body))
        return answer

    def close(self) -> None:
        """Close the connection; the server goes on by itself."""
        self._connection.close()


class Connection:
    """Requests to one Qdrant over one kept-alive connection. Not for several threads: use `another()`."""

    def __init__(self, url: str, headers: dict[str, str], *, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        self.url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._secure else 80)
        self._prefix = parts.path.rstrip("/")
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "qdrant-restore", **headers}
        self._key = headers.get("api-key", "")
        self._tls = tls
        self._kept: http.client.HTTPConnection | None = None
        self._used = 0.0
        # Every socket that is open, also those that an exchange or a stream has by now.
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def clone(self) -> Connection:
        """Give a second connection to the same server, for another thread."""
        return Connection(self.url, self._headers, tls=self._tls)

    def ask(self, request: Request) -> Response:
        """Send a request once and read its answer whole.

        Raises `QdrantError` without an `http_status` when no answer came; then a write may have been done.
        """
        try:
            connected = self._take(request.seconds)
            self._send_head(connected, request, len(request.body or b""))
            if request.body:
                connected.send(request.body)
            answer = _read_whole(read_head(connected, request.seconds, request.seconds), self._key)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._lost(error) from error
        except BaseException:
            self.close()
            raise
        self._keep(connected, answer)
        return answer

    def request_with_retry(self, request: Request, *, timeout_seconds: float = 10.0) -> Response:
        """Send a request that changes nothing, again and again while the trouble may pass.

        Retried are lost connections and 429, 502, 503, 504, with jittered backoff, honouring a `Retry-After` within
        the patience. When that is over the last answer is given, whatever it says, or the last trouble raised.
        """
        answer = self._try(request)
        if isinstance(answer, Response):
            return answer
        first: _TransientError | None = answer

        def pause(error: Exception) -> bool | float:
            return min(error.retry_after, timeout_seconds) or True if isinstance(error, _TransientError) else False

        try:
            for attempt in retry_attempts(pause, timeout_seconds=timeout_seconds, longest_pause_seconds=2.0):
                with attempt:
                    # The first trouble was met already, and the pause that it asked for comes first.
                    answer, first = first or self._try(request), None
                    if isinstance(answer, _TransientError):
                        raise answer
        except _TransientError as error:
            if error.answer is None:
                raise
            return error.answer
        if isinstance(answer, Response):
            return answer
        raise AssertionError("unreachable: the loop ends with an answer or its error")

    def _try(self, request: Request) -> Response | _TransientError:
        try:
            answer = self.ask(request)
        except QdrantError as error:
            if error.permanent:
                raise
            return _TransientError(error.message, hint=error.hint)
        if answer.status not in _TRANSIENT:
            return answer
        words = f"Qdrant at {self.url} answered {answer.status} to {request.method} {request.path}"
        passing = _TransientError(words, http_status=answer.status)
        after = answer.headers.get("retry-after", "")
        passing.retry_after = float(after) if after.isdecimal() else 0.0
        passing.answer = answer
        return passing

    def send(self, request: Request) -> PendingResponse:
        """Send a request whose answer takes long, on a connection of its own."""
        connected = self._connect(_CONNECT_SECONDS)
        try:
            self._send_head(connected, request, len(request.body or b""))
            if request.body:
                connected.send(request.body)
        except OSError as error:
            connected.close()
            raise self._lost(error) from error
        except BaseException:
            connected.close()
            raise
        return PendingResponse(connected, self._key, hides_queries=request.hides_queries)

    def send_file(
        self, request: Request, part: MultipartFile, *, on_sent: Callable[[int], None], stall_seconds: float
    ) -> PendingResponse:
        """Stream a file as a request's body, without a copy in memory.

        `on_sent` gets the bytes of the file sent so far. An answer that comes early (a proxy's 413) ends the
        sending. Raises `DeadlineError` when the server takes nothing for `stall_seconds`, `QdrantError` when the
        connection is lost.
        """
        connected = self._connect(_CONNECT_SECONDS)
        length = len(part.head) + part.size + len(part.tail)
        try:
            self._send_head(connected, request, length)
            connected.send(part.head)
            if send_multipart(connected.sock, part, on_sent, stall_seconds):
                connected.sock.settimeout(stall_seconds)
                connected.sock.sendall(part.tail)
        except (BrokenPipeError, ConnectionResetError) as error:
            # The server may have said why before it hung up: the answer is then still to be read.
            if not select.select([connected.sock], [], [], 0.5)[0]:
                connected.close()
                raise self._lost(error) from error
        except TimeoutError as error:
            connected.close()
            raise DeadlineError(
                f"Qdrant at {self.url} took no byte of the snapshot for {stall_seconds:g} s",
                hint="look into Qdrant's log and at its disk; give it longer with --stall-timeout",
            ) from error
        except OSError as error:
            connected.close()
            raise self._lost(error) from error
        except BaseException:
            connected.close()
            raise
        return PendingResponse(connected, self._key)

    def receive(self, request: Request, *, silence_seconds: float) -> http.client.HTTPResponse:
        """Send a request whose answer is a stream; its connection closes with the response."""
        connected = self._connect(_CONNECT_SECONDS)
        try:
            self._send_head(connected, request, 0)
            return read_head(connected, None, silence_seconds)
        except (OSError, http.client.HTTPException) as error:
            connected.close()
            raise self._lost(error) from error
        except BaseException:
            connected.close()
            raise

    def interrupt(self) -> None:
        """Shut every socket of it, for a thread that may be waiting for a byte; may be called from another thread."""
        for one in list(self._sockets):
            # Not a TLS socket's own, which would first say goodbye.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(one, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the kept connection."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _take(self, seconds: float) -> http.client.HTTPConnection:
        kept, self._kept = self._kept, None
        if kept is not None and kept.sock is not None:
            fresh = time.monotonic() - self._used < _IDLE_SECONDS
            if fresh and not select.select([kept.sock], [], [], 0)[0]:
                return kept
            kept.close()
        return self._connect(min(seconds, _CONNECT_SECONDS))

    def _keep(self, connected: http.client.HTTPConnection, answer: Response) -> None:
        if answer.headers.get("connection", "").lower() == "close" or connected.sock is None:
            connected.close()
            return
        self._kept, self._used = connected, time.monotonic()

    def _connect(self, seconds: float) -> http.client.HTTPConnection:
        connected: http.client.HTTPConnection
        if self._secure:
            connected = http.client.HTTPSConnection(self._host, self._port, timeout=seconds, context=self._tls)
        else:
            connected = http.client.HTTPConnection(self._host, self._port, timeout=seconds)
        try:
            connected.connect()
        except (OSError, UnicodeError) as error:
            raise self._lost(error) from error
        self._sockets.add(connected.sock)
        return connected

    def _send_head(self, connected: http.client.HTTPConnection, request: Request, length: int) -> None:
        path = self._prefix + request.path
        if request.query:
            path += "?" + urlencode(request.query)
        connected.sock.settimeout(request.seconds)
        connected.putrequest(request.method, path, skip_accept_encoding=True)
        for name, value in {**self._headers, **request.headers}.items():
            connected.putheader(name, value)
        if length or request.method in {"POST", "PUT", "PATCH"}:
            connected.putheader("Content-Length", str(length))
        connected.endheaders()

    def _lost(self, error: Exception) -> QdrantError:
        return QdrantError(
            f"Qdrant at {self.url} cannot be reached: {describe_network_error(error)}",
            hint=suggest_network_fix(error),
            permanent=isinstance(error, ssl.SSLError | UnicodeError),
        )


class _TransientError(QdrantError):
    """Trouble that may pass; `retry_after` is what the server asked for, in seconds. `answer`: it did answer."""

    retry_after = 0.0
    answer: Response | None = None


def _read_whole(response: http.client.HTTPResponse, key: str) -> Response:
    """Read an answer to its end. Raises `IncompleteRead` when it is shorter than it said."""
    promised = response.length
    body = response.read(_LARGEST_ANSWER)
    response.close()
    if promised is not None and len(body) < min(promised, _LARGEST_ANSWER):
        raise http.client.IncompleteRead(body, promised - len(body))
    if promised is None and not response.chunked and not _ends_well(response.headers.get("content-type") or "", body):
        raise http.client.IncompleteRead(body)
    if key and response.status >= _ERRORS:
        # Before anybody cuts it short: half a key that an echoing proxy sent would be recognised no more.
        for form in (key, *Secret(key).list_forms()):
            body = body.replace(form.encode(), b"***")
    return Response(response.status, {name.lower(): value for name, value in response.headers.items()}, body)


def _ends_well(content_type: str, body: bytes) -> bool:
    """Tell whether an answer that only the connection's end ended is whole: a head cut in two has no body at all."""
    if not content_type.startswith("application/json"):
        return bool(content_type and body)
    try:
        msgspec.json.decode(body)
    except msgspec.DecodeError:
        return False
    return True
