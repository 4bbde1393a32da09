"""One HTTP connection to one Qdrant: requests with time limits, retries of reads, streams in both directions.

Built on `http.client`, for two reasons. An upload must hand its file to the kernel: with `sendfile` between the
multipart head and tail it is as fast as curl, with a copy in Python it was not. And a boot with nothing to do spends
nearly all its time on imports.
"""

import contextlib
import http.client
import select
import socket
import ssl
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Self
from urllib.parse import urlencode, urlsplit

from restore.errors import DeadlineError, QdrantError
from restore.qdrant.transport.exchange import PendingResponse, Request, Response, read_whole
from restore.qdrant.transport.network_errors import describe_network_error, is_permanent, suggest_network_fix
from restore.qdrant.transport.proxy import Proxy
from restore.qdrant.transport.streaming import MultipartFile, read_head, send_multipart
from restore.system.events import no_op
from restore.system.retry import retry_attempts

# Qdrant closes an idle connection after 5 s; a write sent into a closing one would have an unknown result.
_IDLE_SECONDS = 3.0
_CONNECT_SECONDS = 5.0
# How `http.client` says that a proxy wants a user and a password.
_PROXY_LOGIN = "Tunnel connection failed: 407"
_TRANSIENT = frozenset({429, 502, 503, 504})


class _TransientError(QdrantError):
    """An error that may be transient. `response` is None when none came; it asks for `retry_after` seconds."""

    def __init__(self, message: str, *, hint: str = "", response: Response | None = None) -> None:
        super().__init__(message, hint=hint, http_status=response.status if response else None)
        self.response = response
        after = response.headers.get("retry-after", "") if response else ""
        self.retry_after = float(after) if after.isdecimal() else 0.0


class Connection:
    """Requests to one Qdrant over one kept-alive connection, for one thread: another thread uses a `clone`.

    `check_stop` raises `Interrupted` when this thread is asked to end. It is called before each request and each
    wait, and with every block.
    """

    def __init__(
        self,
        url: str,
        headers: dict[str, str],
        *,
        tls: ssl.SSLContext | None = None,
        proxy: Proxy | None = None,
        check_stop: Callable[[], None] = no_op,
    ) -> None:
        parts = urlsplit(url)
        self.url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._secure else 80)
        self._prefix = parts.path.rstrip("/")
        self._origin = self.url.removesuffix(self._prefix)
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "qdrant-restore", **headers}
        self._key = headers.get("api-key", "")
        self._tls = tls
        self._proxy = proxy
        self.check_stop = check_stop
        self._kept: http.client.HTTPConnection | None = None
        self._used = 0.0
        # Every open socket, also those that belong to a pending response or a stream by now.
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def clone(self, *, check_stop: Callable[[], None] = no_op) -> Self:
        """Return a second connection to the same server, for another thread."""
        return type(self)(self.url, self._headers, tls=self._tls, proxy=self._proxy, check_stop=check_stop)

    @property
    def has_key(self) -> bool:
        """True if every request has the API key."""
        return self._key != ""

    def without_key(self) -> Self:
        """Return a connection to the same server that sends no API key."""
        headers = {name: value for name, value in self._headers.items() if name != "api-key"}
        return type(self)(self.url, headers, tls=self._tls, proxy=self._proxy, check_stop=self.check_stop)

    def request(self, request: Request) -> Response:
        """Send a request once and read its response whole.

        Raise `QdrantError` without an `http_status` when no response came; then a write may have been done.
        """
        try:
            connected = self._take(request.seconds)
            self._send_head(connected, request, len(request.body or b""))
            if request.body:
                connected.send(request.body)
            response = read_whole(read_head(connected, request.seconds, request.seconds), self._key)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._lost_error(error) from error
        except BaseException:
            self.close()
            raise
        self._keep(connected, response)
        return response

    def request_with_retry(self, request: Request, *, timeout_seconds: float = 10.0) -> Response:
        """Send a request that may be sent twice, and retry it while the error may be transient.

        Lost connections and 429, 502, 503, 504 are retried, with jittered backoff. A `Retry-After` is honoured within
        `timeout_seconds`. After that the last response is returned, whatever it says, or the last error is raised.
        """
        response = self._try(request)
        if isinstance(response, Response):
            return response
        first: _TransientError | None = response

        def pause(error: Exception) -> bool | float:
            return min(error.retry_after, timeout_seconds) or True if isinstance(error, _TransientError) else False

        try:
            for attempt in retry_attempts(pause, timeout_seconds=timeout_seconds, longest_pause_seconds=2.0):
                with attempt:
                    # The first error was met above; the pause that it asked for comes first.
                    response, first = first or self._try(request), None
                    if isinstance(response, _TransientError):
                        raise response
        except _TransientError as error:
            if error.response is None:
                raise
            return error.response
        if isinstance(response, Response):
            return response
        raise AssertionError("unreachable: the loop ends with a response or its error")

    def _try(self, request: Request) -> Response | _TransientError:
        try:
            response = self.request(request)
        except QdrantError as error:
            if error.permanent:
                raise
            return _TransientError(error.message, hint=error.hint)
        if response.status not in _TRANSIENT:
            return response
        message = f"Qdrant at {self.url} answered {response.status} to {request.method} {request.path}"
        return _TransientError(message, response=response)

    def send(self, request: Request) -> PendingResponse:
        """Send a request whose response takes long, over a connection of its own."""
        connected = self._connect(_CONNECT_SECONDS)
        with self._closed_on_error(connected):
            self._send_head(connected, request, len(request.body or b""))
            if request.body:
                connected.send(request.body)
        return self._wait_for(connected, request)

    def send_file(
        self, request: Request, part: MultipartFile, *, on_sent: Callable[[int], None], stall_seconds: float
    ) -> PendingResponse:
        """Stream a file as a request's body, without a copy in memory.

        `on_sent` is called with the number of the file's bytes sent so far. A response that comes early (a proxy's
        413) ends the sending. Raise `DeadlineError` when the server takes nothing for `stall_seconds`, `QdrantError`
        when the connection is lost.
        """

        def on_block(sent_bytes: int) -> None:
            self.check_stop()
            on_sent(sent_bytes)

        connected = self._connect(_CONNECT_SECONDS)
        length = len(part.head) + part.size + len(part.tail)
        with self._closed_on_error(connected):
            try:
                self._send_head(connected, request, length)
                connected.send(part.head)
                if send_multipart(connected.sock, part, on_block, stall_seconds):
                    connected.sock.settimeout(stall_seconds)
                    connected.sock.sendall(part.tail)
            except (BrokenPipeError, ConnectionResetError):
                # The server may have said why before it closed the connection: then there is a response to read.
                if not select.select([connected.sock], [], [], 0.5)[0]:
                    raise
            except TimeoutError as error:
                raise DeadlineError(
                    f"Qdrant at {self.url} took no byte of the snapshot for {stall_seconds:g} s",
                    hint="look into Qdrant's log and at its disk; give it longer with --stall-timeout",
                ) from error
        return self._wait_for(connected, request)

    def receive(self, request: Request, *, silence_seconds: float) -> http.client.HTTPResponse:
        """Send a request whose response is a stream. Its connection closes with the response."""
        connected = self._connect(_CONNECT_SECONDS)
        with self._closed_on_error(connected):
            self._send_head(connected, request, 0)
            return read_head(connected, None, silence_seconds)

    def interrupt(self) -> None:
        """Shut every open socket, so that the thread waits for no byte any more. Any thread may call this."""
        for opened in list(self._sockets):
            # Not the method of a TLS socket, which would send a closing message first.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(opened, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the kept connection."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    @contextlib.contextmanager
    def _closed_on_error(self, connected: http.client.HTTPConnection) -> Iterator[None]:
        """Close a connection when the `with` ends in an error, which is `QdrantError` where it was lost."""
        try:
            yield
        except BaseException as error:
            connected.close()
            if isinstance(error, OSError | http.client.HTTPException):
                raise self._lost_error(error) from error
            raise

    def _take(self, seconds: float) -> http.client.HTTPConnection:
        kept, self._kept = self._kept, None
        if kept is not None and kept.sock is not None:
            fresh = time.monotonic() - self._used < _IDLE_SECONDS
            if fresh and not select.select([kept.sock], [], [], 0)[0]:
                return kept
            kept.close()
        return self._connect(min(seconds, _CONNECT_SECONDS))

    def _keep(self, connected: http.client.HTTPConnection, response: Response) -> None:
        if response.headers.get("connection", "").lower() == "close" or connected.sock is None:
            connected.close()
            return
        self._kept, self._used = connected, time.monotonic()

    def _wait_for(self, connected: http.client.HTTPConnection, request: Request) -> PendingResponse:
        return PendingResponse(
            connected, key=self._key, hides_queries=request.hides_queries, check_stop=self.check_stop
        )

    def _connect(self, seconds: float) -> http.client.HTTPConnection:
        self.check_stop()
        connected: http.client.HTTPConnection
        host, port = (self._proxy.host, self._proxy.port) if self._proxy else (self._host, self._port)
        if self._secure:
            connected = http.client.HTTPSConnection(host, port, timeout=seconds, context=self._tls)
            if self._proxy:
                connected.set_tunnel(self._host, self._port, self._proxy.headers)
        else:
            connected = http.client.HTTPConnection(host, port, timeout=seconds)
        try:
            connected.connect()
        except (OSError, UnicodeError) as error:
            raise self._lost_error(error) from error
        self._sockets.add(connected.sock)
        return connected

    def _send_head(self, connected: http.client.HTTPConnection, request: Request, length: int) -> None:
        # Here too: a connection made while the stop was requested is not shut.
        self.check_stop()
        path = self._prefix + request.path
        if request.query:
            path += "?" + urlencode(request.query)
        headers = {**self._headers, **request.headers}
        if self._proxy and not self._secure:
            # Without TLS the proxy itself reads the request: it needs the whole URL and its own authorization.
            path = f"{self._origin}{path}"
            headers |= self._proxy.headers
        connected.sock.settimeout(request.seconds)
        connected.putrequest(request.method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connected.putheader(name, value)
        if length or request.method in {"POST", "PUT", "PATCH"}:
            connected.putheader("Content-Length", str(length))
        connected.endheaders()

    def _lost_error(self, error: Exception) -> QdrantError:
        """Return the error for a lost connection. Raise `Interrupted` when it was shut to end this thread."""
        self.check_stop()
        reason, hint = describe_network_error(error), suggest_network_fix(error, self._port)
        if self._proxy:
            reason = f"{reason} (through the proxy of {self._proxy.name})"
            hint = f"is that proxy right? NO_PROXY={self._host} leads past it"
        return QdrantError(
            f"Qdrant at {self.url} cannot be reached: {reason}",
            hint=hint,
            permanent=is_permanent(error) or _PROXY_LOGIN in str(error),
        )
