"""Qdrant behind TLS: a relay that speaks TLS to us and plain HTTP to the server under test."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

CERTIFICATES = Path(__file__).parents[1] / "data" / "tls"
AUTHORITY = CERTIFICATES / "authority.pem"
_BLOCK = 1 << 16


@contextlib.contextmanager
def open_tls(upstream: str) -> Iterator[int]:
    """Yield the port of a TLS server on 127.0.0.1 that relays to `upstream`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "server.pem")
    parts = urlsplit(upstream)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        address = (parts.hostname or "", parts.port or 80)
        threading.Thread(target=_accept, args=(listening, context, address), daemon=True).start()
        yield int(listening.getsockname()[1])


def _accept(listening: socket.socket, context: ssl.SSLContext, address: tuple[str, int]) -> None:
    while True:
        try:
            client, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=_relay, args=(client, context, address), daemon=True).start()


def _relay(client: socket.socket, context: ssl.SSLContext, address: tuple[str, int]) -> None:
    # A client that does not like the certificate ends the handshake; that is its affair.
    with (
        contextlib.suppress(OSError),
        context.wrap_socket(client, server_side=True) as secure,
        socket.create_connection(address) as server,
    ):
        answers = threading.Thread(target=pass_bytes, args=(server, secure), daemon=True)
        answers.start()
        pass_bytes(secure, server)
        answers.join()


def pass_bytes(source: socket.socket, sink: socket.socket) -> None:
    """Send on what comes until one side ends, then tell the other side so."""
    with contextlib.suppress(OSError):
        while block := source.recv(_BLOCK):
            sink.sendall(block)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
