"""The state that all answers share, and the process that listens."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import sys
import uuid
from typing import TYPE_CHECKING

import msgspec

from qdrant_embedded import documents
from qdrant_embedded.access import Keys
from qdrant_embedded.catalog import Catalog
from qdrant_embedded.gauges import Gauges
from qdrant_embedded.misbehaviour import Faults

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qdrant_embedded.settings import Settings


class Server:
    """One storage directory being served."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.faults = Faults([msgspec.json.decode(one) for one in settings.misbehave])
        self.gauges = Gauges()
        self.keys = Keys(settings.api_key, settings.read_only_api_key)
        self.process_id = str(uuid.uuid4())
        settings.storage.mkdir(parents=True, exist_ok=True)
        self.upload_path = settings.snapshots / "tmp"
        shutil.rmtree(self.upload_path, ignore_errors=True)
        self.upload_path.mkdir(parents=True)
        self.peer_id = self._peer_id()
        self.catalog = Catalog(settings.storage, lambda: self.faults.limit)

    def _peer_id(self) -> int:
        path = self.settings.storage / "raft_state.json"
        state = documents.read(path)
        if state is None:
            state = {"this_peer_id": secrets.randbelow(1 << 53)}
            documents.write(path, state)
        return int(state["this_peer_id"])

    def snapshots_of(self, collection: str) -> Path:
        """Where that collection's snapshots rest."""
        return self.settings.snapshots / collection

    def shard_snapshots_of(self, collection: str, shard: int) -> Path:
        """Where one shard's snapshots rest."""
        return self.snapshots_of(collection) / "shards" / str(shard)


def listen(settings: Settings) -> socket.socket:
    """Give the bound socket; with port 0 the system has chosen one."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Named TCP, or asyncio does not switch off Nagle and every answer waits 40 ms.
    result = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    result.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    result.bind((settings.host, settings.port))
    return result


def serve(settings: Settings) -> None:
    """Listen until SIGTERM or SIGINT. Prints the URL once requests are answered."""
    import uvicorn  # noqa: PLC0415 - `--help` and the plugin do not pay for it

    from qdrant_embedded.app import application  # noqa: PLC0415 - the same

    server = Server(settings)
    bound = listen(settings)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{bound.getsockname()[1]}"

    class Announcing(uvicorn.Server):
        """Says that it listens once it does, and ends with 0 on a signal."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self.handle_exit)
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            announce(url, settings.ready_file)

    configuration = uvicorn.Config(
        application(server),
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        ws="none",
        # Whatever else is installed: with httptools a download under an odd name is cut.
        http="h11",
    )
    Announcing(configuration).run(sockets=[bound])
    # Threads that still work for a client are not waited for: whatever was acknowledged is on disk.
    sys.stdout.flush()
    os._exit(0)


def announce(url: str, ready_file: Path | None) -> None:
    """One line on stdout, and the file when one was asked for."""
    print(url, flush=True)  # noqa: T201 - it is the program's output
    if ready_file is not None:
        temporary = ready_file.with_name(ready_file.name + ".tmp")
        temporary.write_text(url)
        temporary.replace(ready_file)
