"""The HTTP server of `serve`: pages that are read with GET, in threads beside the work."""

import contextlib
import hmac
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from restore.system.secret import Secret


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a server that listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def split_address(listen: str) -> tuple[str, int] | None:
    """Return host and port of `listen`, which is `HOST:PORT`; None for `off`."""
    if listen == "off":
        return None
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


_TIMEOUT_SECONDS = 5.0
_MOST_CONNECTIONS = 64


class PageResponse(NamedTuple):
    """The response of one path. Without the token a client gets only its status, and 401 where it is `secret`."""

    status: int
    content_type: str
    body: bytes
    secret: bool = False


Pages = Mapping[str, Callable[[], PageResponse]]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A port of a server that has just ended can be taken again at once.
    allow_reuse_address = True
    request_queue_size = _MOST_CONNECTIONS
    pages: Pages
    token: Secret | None

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        # Every connection and when its time is over, the oldest first.
        self._open: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the library's
        """Accept a connection; when there are too many, close the oldest, so that a new client is answered."""
        with self._lock:
            while len(self._open) >= _MOST_CONNECTIONS:
                self._close_connection(next(iter(self._open)))
            self._open[request] = time.monotonic() + _TIMEOUT_SECONDS
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - the library's
        """Close a connection."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Close the connections whose time is over, however often they have sent a byte."""
        now = time.monotonic()
        with self._lock:
            for one in [one for one, end in self._open.items() if end < now]:
                self._close_connection(one)

    def _close_connection(self, connected: socket.socket) -> None:
        self._open.pop(connected, None)
        with contextlib.suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Log nothing: a client that hangs up early is no event."""


class _IPv6Server(_Server):
    address_family = socket.AF_INET6


class _RequestHandler(BaseHTTPRequestHandler):
    """One request. No header names the software."""

    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = _TIMEOUT_SECONDS

    def do_GET(self) -> None:
        """Answer with the page of this path."""
        # http.server reads `//metrics` as `/metrics`, which the rules of a proxy may not do.
        is_doubled = self.requestline.split()[1].startswith("//")
        page = None if is_doubled else self.server.pages.get(urlsplit(self.path).path)
        if page is None:
            self._send(_make_status_page(HTTPStatus.NOT_FOUND))
            return
        answer = page()
        if self._is_trusted():
            self._send(answer)
        else:
            self._send(_make_status_page(HTTPStatus.UNAUTHORIZED if answer.secret else answer.status))

    do_HEAD = do_GET  # noqa: N815 - the name that the server calls

    def _is_trusted(self) -> bool:
        """Return whether the request may see everything. The comparison takes the same time for every token."""
        token = self.server.token
        sent = self.headers.get("Authorization", "")
        return token is None or hmac.compare_digest(sent.encode(), f"Bearer {token.reveal()}".encode())

    def _send(self, answer: PageResponse) -> None:
        self.send_response_only(answer.status)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Bearer")
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self.close_connection = True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Answer with the status alone: the request is not repeated."""
        self._send(_make_status_page(code))

    def log_message(self, *_: object) -> None:
        """Log nothing: a request every few seconds would drown the log."""


def _make_status_page(status: int) -> PageResponse:
    """Return a response that says its status alone."""
    return PageResponse(status, "text/plain", f"{HTTPStatus(status).phrase.lower()}\n".encode())


def open_server(host: str, port: int, pages: Pages, token: Secret | None) -> ThreadingHTTPServer:
    """Listen on `host` and `port` (0: any free one). Without a token everything is open. Raise `OSError`."""
    server = (_IPv6Server if ":" in host else _Server)((host, port), _RequestHandler)
    server.pages, server.token = pages, token
    return server


@contextlib.contextmanager
def serve_pages(server: ThreadingHTTPServer) -> Iterator[None]:
    """Answer requests while the context is open."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="web", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(_TIMEOUT_SECONDS)
