"""The listening process: a socket, uvicorn, and the URL on stdout."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

import uvicorn

from qdrant_embedded.http.app import create_app
from qdrant_embedded.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qdrant_embedded.settings import Settings


class AnnouncingServer(uvicorn.Server):
    """Announce the URL as soon as requests are answered; end with status 0 on a signal."""

    def __init__(self, config: uvicorn.Config, url: str, ready_file: Path | None) -> None:
        super().__init__(config)
        self.url = url
        self.ready_file = ready_file

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGINT and SIGTERM, and do not raise them again afterwards."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.handle_exit)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to answer, then announce the URL."""
        await super().startup(sockets)
        announce_url(self.url, self.ready_file)


def serve(settings: Settings) -> None:
    """Listen until SIGTERM or SIGINT. Print the URL once requests are answered."""
    server = Server(settings)
    bound = bind_socket(settings)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    config = uvicorn.Config(
        create_app(server),
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        ws="none",
        # With httptools, a download whose file name is not ASCII is cut short.
        http="h11",
    )
    url = f"http://{host}:{bound.getsockname()[1]}"
    AnnouncingServer(config, url, settings.ready_file).run(sockets=[bound])
    # Threads that still work for a client are not waited for: every acknowledged write is on disk.
    sys.stdout.flush()
    os._exit(0)


def bind_socket(settings: Settings) -> socket.socket:
    """Return the bound socket; for port 0 the system chooses a free one."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Without IPPROTO_TCP, asyncio leaves Nagle's algorithm on and every answer waits 40 ms.
    result = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    result.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    result.bind((settings.host, settings.port))
    return result


def announce_url(url: str, ready_file: Path | None) -> None:
    """Print the URL, and write it to the file if there is one."""
    print(url, flush=True)  # noqa: T201 - it is the program's output
    if ready_file is not None:
        temporary = ready_file.with_name(ready_file.name + ".tmp")
        temporary.write_text(url)
        temporary.replace(ready_file)
