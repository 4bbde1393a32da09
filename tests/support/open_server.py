"""The server under test: embedded, unless `QDRANT_URL` names a real one or `QDRANT_BINARY` a program that is one."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from qdrant_embedded.process import EmbeddedQdrant
from tests.support.server_under_test import Server

START_SECONDS = 60.0


class BinaryQdrant:
    """A real Qdrant, started from the executable that `QDRANT_BINARY` names; it can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.storage = folder / "storage"
        self.snapshots = folder / "snapshots"
        self._folder = folder
        self._port, self._grpc = find_free_port(), find_free_port()
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self._folder.mkdir(parents=True, exist_ok=True)
        given = {
            "QDRANT__SERVICE__HOST": "127.0.0.1",
            "QDRANT__SERVICE__HTTP_PORT": str(self._port),
            "QDRANT__SERVICE__GRPC_PORT": str(self._grpc),
            "QDRANT__TELEMETRY_DISABLED": "true",
            "QDRANT__STORAGE__STORAGE_PATH": str(self.storage),
            "QDRANT__STORAGE__SNAPSHOTS_PATH": str(self.snapshots),
            "QDRANT__LOG_LEVEL": "WARN",
        }
        with (self._folder / "qdrant.log").open("ab") as log:
            self._child = subprocess.Popen(
                [os.environ["QDRANT_BINARY"]], env={**os.environ, **given}, cwd=self._folder, stdout=log, stderr=log
            )
        end = time.monotonic() + START_SECONDS
        while not self._is_ready():
            assert time.monotonic() < end, (self._folder / "qdrant.log").read_text(errors="replace")[-2000:]
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill the server with SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Stop the server with SIGTERM."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.send_signal(number)
            child.wait(30)

    def _is_ready(self) -> bool:
        with contextlib.suppress(OSError):
            return Server(self.url).ask("GET", "/readyz").status == 200
        return False


def has_binary() -> bool:
    """Return True if `QDRANT_BINARY` names a Qdrant that tests may start and kill."""
    return bool(os.environ.get("QDRANT_BINARY"))


def find_free_port() -> int:
    """Return a port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextlib.contextmanager
def open_target(folder: Path) -> Iterator[Server]:
    """Yield the server under test."""
    if has_binary():
        binary = BinaryQdrant(folder)
        binary.start()
        try:
            yield Server(binary.url, snapshots=binary.snapshots)
        finally:
            binary.stop()
    elif os.environ.get("QDRANT_URL"):
        yield Server(os.environ["QDRANT_URL"].rstrip("/"), os.environ.get("QDRANT_API_KEY", ""))
    else:
        with EmbeddedQdrant(folder, misbehaving=True) as embedded:
            yield Server(embedded.url, snapshots=embedded.snapshots)


def make_name(word: str) -> str:
    """Return a collection name that nobody else has."""
    return f"{word}-{secrets.token_hex(4)}"
