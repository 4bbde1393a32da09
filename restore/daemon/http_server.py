"""A small HTTP server beside the work: it answers GET and changes nothing."""

from __future__ import annotations

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
    """Tell whether only this machine reaches a server that listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def split_address(listen: str) -> tuple[str, int] | None:
    """Give host and port of what `listen` says; None for `off`."""
    if listen == "off":
        return None
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


_PATIENCE_SECONDS = 5.0
_MOST_AT_ONCE = 64


class PageResponse(NamedTuple):
    """What one path answers. To who sends no token only the status is told, and of a `secret` one nothing at all."""

    status: int
    content_type: str
    body: bytes
    secret: bool = False


Pages = Mapping[str, Callable[[], PageResponse]]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A port of a server that has just ended can be taken again at once.
    allow_reuse_address = True
    request_queue_size = _MOST_AT_ONCE
    pages: Pages
    token: Secret | None

    def __init__(self, address: tuple[str, int], exchange: type[BaseHTTPRequestHandler]) -> None:
        # Every connection and when it has had its time, the oldest first.
        self._open: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        super().__init__(address, exchange)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the library's
        """Take a connection; of too many the oldest goes, so that whoever asks now is answered."""
        with self._lock:
            while len(self._open) >= _MOST_AT_ONCE:
                self._hang_up(next(iter(self._open)))
            self._open[request] = time.monotonic() + _PATIENCE_SECONDS
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - the library's
        """Let a connection go."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Hang up on those whose time is over, however often they have sent a byte."""
        now = time.monotonic()
        with self._lock:
            for one in [one for one, end in self._open.items() if end < now]:
                self._hang_up(one)

    def _hang_up(self, connected: socket.socket) -> None:
        self._open.pop(connected, None)
        with contextlib.suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: who hangs up early is no event."""


class _ServerOfSix(_Server):
    address_family = socket.AF_INET6


class _Exchange(BaseHTTPRequestHandler):
    """One request. The name of the software is not told."""

    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE_SECONDS

    def do_GET(self) -> None:
        """Answer a path of ours."""
        page = self.server.pages.get(urlsplit(self.path).path)
        if page is None:
            self._send(_say(HTTPStatus.NOT_FOUND))
            return
        answer = page()
        if self._is_trusted():
            self._send(answer)
        else:
            self._send(_say(HTTPStatus.UNAUTHORIZED if answer.secret else answer.status))

    do_HEAD = do_GET  # noqa: N815 - the name that the server calls

    def _is_trusted(self) -> bool:
        """Tell whether the right token came along, in a time that says nothing about it; without one all are."""
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
        """Refuse in one word of ours: what was asked is not repeated."""
        self._send(_say(code))

    def log_message(self, *_: object) -> None:
        """Say nothing: looks every few seconds would drown the log."""


def _say(status: int) -> PageResponse:
    """Give an answer that tells its status alone."""
    return PageResponse(status, "text/plain", f"{HTTPStatus(status).phrase.lower()}\n".encode())


def open_server(host: str, port: int, pages: Pages, token: Secret | None) -> ThreadingHTTPServer:
    """Take `host` and `port` (0: any free one). None for a token: everybody is told everything. Raises `OSError`."""
    server = (_ServerOfSix if ":" in host else _Server)((host, port), _Exchange)
    server.pages, server.token = pages, token
    return server


@contextlib.contextmanager
def serve_pages(server: ThreadingHTTPServer) -> Iterator[None]:
    """Answer until the end."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="web", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(_PATIENCE_SECONDS)
