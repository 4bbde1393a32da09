"""A proxy between a network and the outside: it tunnels what is asked for with CONNECT and forwards whole URLs."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.support.tls_relay import pass_bytes

_BLOCK = 1 << 16
_REFUSAL = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)


@dataclass
class ForwardProxy:
    """Brings every request to one port of loopback, whatever host it names. `asked` are their methods and URLs.

    `address` is its `HOST:PORT`. `login` is `user:password`, empty where none is wanted.
    """

    upstream: int
    login: str = ""
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            head = b""
            while b"\r\n\r\n" not in head:
                block = client.recv(_BLOCK)
                if not block:
                    return
                head += block
            head, _, rest = head.partition(b"\r\n\r\n")
            first, *lines = head.split(b"\r\n")
            self.asked.append(first.decode().rpartition(" ")[0])
            authorized = b"Basic " + base64.b64encode(self.login.encode())
            if self.login and not any(
                line.lower() == b"proxy-authorization: " + authorized.lower() for line in lines
            ):
                client.sendall(_REFUSAL)
                return
            self._forward(client, first, lines, rest)

    def _forward(self, client: socket.socket, first: bytes, lines: list[bytes], rest: bytes) -> None:
        """Tunnel, or pass one request on and end the connection after its answer."""
        with socket.create_connection(("127.0.0.1", self.upstream)) as server:
            method, url, protocol = first.split(b" ")
            if method == b"CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                server.sendall(rest)
            else:
                parts = urlsplit(url.decode())
                path = parts.path + (f"?{parts.query}" if parts.query else "")
                dropped = (b"proxy-", b"connection:")
                kept = [line for line in lines if not line.lower().startswith(dropped)]
                head = [b" ".join((method, path.encode(), protocol)), *kept, b"Connection: close"]
                server.sendall(b"\r\n".join(head) + b"\r\n\r\n" + rest)
            answers = threading.Thread(target=pass_bytes, args=(server, client), daemon=True)
            answers.start()
            pass_bytes(client, server)
            answers.join()
