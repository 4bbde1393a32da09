"""A server on a real socket that sends a file by a script: cut, reset, slow, without ranges."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

ETAG = '"1:2:3"'


@dataclass(frozen=True, kw_only=True)
class ConnectionScript:
    """The script of one connection.

    After `cut` bytes of the answer's body the connection ends, with a RST when `reset`. `pause` is slept after
    every `block` bytes. `status` is answered without a body. `ranges` off: no ETag, and a range is not looked at.
    `silent`: nothing is ever answered.
    """

    cut: int | None = None
    reset: bool = False
    pause: float = 0.0
    block: int = 1 << 16
    status: int = 200
    ranges: bool = True
    etag: str = ETAG
    silent: bool = False


WELL = ConnectionScript()


@dataclass
class ScriptedServer:
    """Serves `content` at every path, by one script per connection, then well. Records each request's headers."""

    content: bytes
    manners: list[ConnectionScript] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            manner = self.manners.pop(0) if self.manners else WELL
            headers = self._read_head(client)
            self.requests.append(headers)
            if manner.silent:
                self._ended.wait()
            self._send(client, manner, headers)

    def _read_head(self, client: socket.socket) -> dict[str, str]:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        lines = head.decode("latin-1").split("\r\n")[1:-2]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    def _send(self, client: socket.socket, manner: ConnectionScript, headers: dict[str, str]) -> None:
        first, status = 0, manner.status
        if manner.ranges and "range" in headers and status == 200:
            first, status = int(headers["range"].removeprefix("bytes=").rstrip("-")), 206
            if headers.get("if-match") != manner.etag:
                status = 412
        body = self.content[first:] if status in {200, 206} else b""
        lines = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(body)}"]
        lines += [f"etag: {manner.etag}"] if manner.ranges else []
        lines += (
            [f"content-range: bytes {first}-{len(self.content) - 1}/{len(self.content)}"] if status == 206 else []
        )
        client.sendall("\r\n".join([*lines, "", ""]).encode())
        end = len(body) if manner.cut is None else min(manner.cut, len(body))
        for begin in range(0, end, manner.block):
            client.sendall(body[begin : min(begin + manner.block, end)])
            if manner.pause and self._ended.wait(manner.pause):
                return
        if manner.reset:
            # What is under way must arrive first: a RST throws it away.
            time.sleep(0.05)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
