"""A proxy on a real socket: it records what passes, and can delay, cut, refuse, lose answers or call the test."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import IO, Self
from urllib.parse import urlsplit

BLOCK = 1 << 16
KEPT_BYTES = 1 << 16
UPSTREAM_SECONDS = 120.0
ONLY_READ = re.compile(r"POST /collections/[^/]+/points(/count|/scroll|/query)?(\?|$)")
BEAT = re.compile(rb'^\{"metadata":\{"beat-[0-9a-f]+":\d+\}\}$')


@dataclass(frozen=True)
class RecordedRequest:
    """One request: its place in the order of arrival (from 1), and what was asked. A long body is not kept."""

    number: int
    method: str
    path: str
    body_bytes: int
    body: bytes = b""

    @property
    def line(self) -> str:
        """`METHOD /path?query`, what faults are matched with."""
        return f"{self.method} {self.path}"

    @property
    def is_read(self) -> bool:
        """True if it could not change anything."""
        return self.method == "GET" or bool(ONLY_READ.match(self.line))

    @property
    def is_beat(self) -> bool:
        """True if it is a living holder's heartbeat, which comes by the clock and not in the order of steps."""
        return self.method == "PATCH" and bool(BEAT.match(self.body))


@dataclass(frozen=True, kw_only=True)
class Fault:
    """The fate of a request. Without anything set it passes.

    `before` and `after` are called with it: before it is forwarded, and when the server has answered but nobody was
    told yet. `delay` is slept before forwarding. `status` is answered without forwarding, with `headers` and `body`.
    `lost` forwards, waits for the answer and drops the connection; `refused` drops it without forwarding.
    `cut_request` forwards so many bytes of the body and drops both sides; `cut_answer` gives so many bytes of the
    answer's body. `silent` forwards and never answers. `rewrite` makes another body of the answer's,
    `answered` another status; `raw` is sent instead of the answer, before the connection ends. After `impatient`
    seconds of waiting for the server, `status` is answered or, with `refused`, the connection dropped; it works on.
    With `early`, `status` is answered before the request's body was read, and the connection ends.
    """

    before: Callable[[RecordedRequest], object] | None = None
    after: Callable[[RecordedRequest], object] | None = None
    delay: float = 0.0
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"status":{"error":"injected"},"time":0.0}'
    lost: bool = False
    refused: bool = False
    silent: bool = False
    cut_request: int | None = None
    cut_answer: int | None = None
    rewrite: Callable[[bytes], bytes] | None = None
    answered: int | None = None
    raw: bytes | None = None
    impatient: float | None = None
    early: bool = False


PASSES = Fault()


@dataclass
class FaultRule:
    """A fault for the requests whose line matches: not for the first `skip` of them, then `times` times."""

    pattern: re.Pattern[str]
    fault: Fault
    skip: int = 0
    times: int | None = None
    only_writes: bool = False


class ConnectionDropped(Exception):  # noqa: N818 - says what happened
    """The connection to the client is to be dropped."""


class RecordingProxy:
    """Forwards to one server and records. `with RecordingProxy(url) as proxy:`; ask it at `proxy.url`."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "", parts.port or 80)
        self._lock = threading.Lock()
        self._rules: list[FaultRule] = []
        self._seen: list[RecordedRequest] = []
        self._clients: set[socket.socket] = set()
        self._ended = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        # Small, so that a body which nobody reads is soon felt by who sends it.
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    # --- what a test asks and orders ------------------------------------------------------------------------

    @property
    def seen(self) -> list[RecordedRequest]:
        """Every request so far, in the order of arrival."""
        with self._lock:
            return list(self._seen)

    @property
    def writes(self) -> list[str]:
        """The lines of the requests that could have changed something, heartbeats left out."""
        return [seen.line for seen in self.seen if not seen.is_read and not seen.is_beat]

    def find(self, pattern: str) -> list[RecordedRequest]:
        """Return the requests whose line matches."""
        return [seen for seen in self.seen if re.search(pattern, seen.line)]

    def inject(self, pattern: str, fault: Fault, *, skip: int = 0, times: int | None = None) -> None:
        """Let a fault happen to requests whose line matches; the first rule that is due decides."""
        with self._lock:
            self._rules.append(FaultRule(re.compile(pattern), fault, skip, times))

    def at(self, number: int, fault: Fault, *, only_writes: bool = False) -> None:
        """Let a fault happen to the `number`-th request, or write, from now on, heartbeats not counted."""
        with self._lock:
            self._rules.append(FaultRule(re.compile(""), fault, number - 1, 1, only_writes))

    def forget(self) -> None:
        """Forget every request."""
        with self._lock:
            self._seen.clear()

    def reset(self) -> None:
        """Forget every rule and every request."""
        with self._lock:
            self._rules.clear()
            self._seen.clear()

    def hang_up(self) -> None:
        """Close every connection to a client, as a server does with those that were idle for long."""
        with self._lock:
            for client in self._clients:
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)

    # --- serving --------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._listening.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._clients.add(client)
        upstream = http.client.HTTPConnection(*self._upstream, timeout=UPSTREAM_SECONDS)
        try:
            with client, client.makefile("rb") as reading:
                while self._pass(client, reading, upstream):
                    pass
        except (OSError, ConnectionDropped, http.client.HTTPException):
            # With a RST, or the client would wait for what the kernel still has to send.
            with contextlib.suppress(OSError):
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        finally:
            with self._lock:
                self._clients.discard(client)
            upstream.close()
            client.close()

    def _pass(self, client: socket.socket, reading: IO[bytes], upstream: http.client.HTTPConnection) -> bool:
        """Pass one request and its answer; False when the client has gone."""
        line = reading.readline()
        if not line:
            return False
        method, target, _ = line.decode("latin-1").split(" ", 2)
        headers = list(http.client.parse_headers(reading).items())
        size = int(next((value for name, value in headers if name.lower() == "content-length"), "0"))
        body = reading.read(size) if size <= KEPT_BYTES else b""
        seen, fault = self._record(method, target, size, body)
        if fault.before:
            fault.before(seen)
        time.sleep(fault.delay)
        if fault.impatient is None and _answer_alone(client, reading, fault, size - len(body)):
            return True
        upstream.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            upstream.putheader(name, value)
        upstream.endheaders()
        _send(upstream, seen, reading, fault.cut_request)
        if fault.impatient is not None:
            time.sleep(fault.impatient)
            return _answer_alone(client, reading, fault, 0)
        response = upstream.getresponse()
        content = response.read()
        if fault.after:
            fault.after(seen)
        if fault.silent:
            self._ended.wait()
        if fault.raw is not None:
            client.sendall(fault.raw)
            client.shutdown(socket.SHUT_RDWR)
            return False
        if fault.lost:
            raise ConnectionDropped
        kept = _keep_headers(response, method)
        content = fault.rewrite(content) if fault.rewrite else content
        _answer(client, fault.answered or response.status, kept, content, cut=fault.cut_answer)
        return True

    def _record(self, method: str, target: str, size: int, body: bytes) -> tuple[RecordedRequest, Fault]:
        with self._lock:
            seen = RecordedRequest(len(self._seen) + 1, method, target, size, body)
            self._seen.append(seen)
            return seen, PASSES if seen.is_beat else self._choose(seen)

    def _choose(self, seen: RecordedRequest) -> Fault:
        for rule in self._rules:
            if not rule.pattern.search(seen.line) or (rule.only_writes and seen.is_read):
                continue
            if rule.skip:
                rule.skip -= 1
                continue
            if rule.times is None:
                return rule.fault
            if rule.times:
                rule.times -= 1
                return rule.fault
        return PASSES


_HOPS = frozenset({"content-length", "transfer-encoding", "connection"})


def _keep_headers(response: http.client.HTTPResponse, method: str) -> list[tuple[str, str]]:
    """Return the headers to pass on; an answer to HEAD keeps the length of what a GET would have brought."""
    dropped = _HOPS - {"content-length"} if method == "HEAD" else _HOPS
    return [(name, value) for name, value in response.getheaders() if name.lower() not in dropped]


def _answer_alone(client: socket.socket, reading: IO[bytes], fault: Fault, unread: int) -> bool:
    """Do what the fault says instead of passing on what the server answers; False when it says nothing."""
    if fault.refused:
        raise ConnectionDropped
    if fault.status is None:
        return False
    if not fault.early:
        _drain(reading, unread)
    _answer(client, fault.status, list(fault.headers.items()), fault.body)
    if fault.early:
        client.shutdown(socket.SHUT_WR)
        _drain(reading, unread)
        raise ConnectionDropped
    return True


def _send(upstream: http.client.HTTPConnection, seen: RecordedRequest, reading: IO[bytes], cut: int | None) -> None:
    """Send a request's body on, or its first `cut` bytes before everything is dropped."""
    left = seen.body_bytes if cut is None else min(seen.body_bytes, cut)
    if seen.body:
        upstream.send(seen.body[:left])
        left = 0
    while left:
        block = reading.read(min(BLOCK, left))
        if not block:
            raise ConnectionDropped  # the client died; so dies what it was sending
        upstream.send(block)
        left -= len(block)
    if cut is not None:
        raise ConnectionDropped


def _drain(reading: IO[bytes], size: int) -> None:
    while size > 0 and (block := reading.read(min(BLOCK, size))):
        size -= len(block)


def _answer(
    client: socket.socket, status: int, headers: list[tuple[str, str]], content: bytes, *, cut: int | None = None
) -> None:
    """Send an answer; cut short, its length stays what it would have been, and the connection ends cleanly."""
    names = {name.lower() for name, _ in headers}
    more = [] if "content-type" in names else [("content-type", "application/json")]
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    more += [] if "content-length" in names else [("content-length", str(len(content)))]
    lines += [f"{name}: {value}" for name, value in (*headers, *more)]
    client.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + content[:cut])
    if cut is not None:
        client.shutdown(socket.SHUT_RDWR)
        raise OSError("cut as ordered")


def answer_as_1_19(proxy: RecordingProxy, *, disk_kib: int, used: int | None, limit: int | None = None) -> None:
    """Let the server be a 1.19 with such a disk and such a quota."""
    quota = {"enabled": limit is not None, "max_disk_usage_percent": limit}
    result = {"config": quota, "usage": {"resident_memory_percent": 3, "disk_usage_percent": used}}
    telemetry = {"app": {"system": {"disk_size": disk_kib}}}
    headers = {"content-type": "application/json"}
    for line, body in (
        (r"^GET /$", {"title": "qdrant", "version": "1.19.0"}),
        (r"^GET /quotas", {"result": result, "status": "ok"}),
        (r"^GET /telemetry\?details_level=1$", {"result": telemetry, "status": "ok"}),
    ):
        proxy.inject(line, Fault(status=200, headers=headers, body=json.dumps(body).encode()))
