"""The small web server of `serve` under people who mean it no good: slow, huge, many, or speaking something else."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.run_prune import fill
from tests.support.run_serve import RunningServe
from tests.support.sample_stores import FilledStore

WORD = "surprise-77f1"


@pytest.fixture
def serving(store: FilledStore) -> Iterator[RunningServe]:
    """Yield a serve that has nothing to do today."""
    fill(store, "cities", [0])
    with RunningServe(
        store.path, "http://127.0.0.1:9", {"RESTORE_SCHEDULE_VERIFY": "@yearly"}, missed=False
    ) as running:
        assert running.wait_for("/healthz", 200).status == 200
        yield running


def send(serving: RunningServe, *pieces: bytes, seconds: float = 10.0) -> bytes:
    """Send pieces, then nothing more and return all that is answered."""
    answer = b""
    with socket.create_connection(("127.0.0.1", serving.port), seconds) as connected, contextlib.suppress(OSError):
        for piece in pieces:
            connected.sendall(piece)
        connected.shutdown(socket.SHUT_WR)
        while block := connected.recv(1 << 16):
            answer += block
    return answer


REQUESTS = {
    "a method of its own": (b"SURPRISE-77f1 /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 501"),
    "DELETE": (b"DELETE /healthz?surprise-77f1 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 501"),
    "POST": (
        b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\nsurprise-77f1",
        "HTTP/1.1 501",
    ),
    "a version of its own": (b"GET /healthz HTTP/surprise-77f1\r\n\r\n", "bad request"),
    "a later version": (b"GET /healthz HTTP/9.9\r\n\r\n", "http version"),
    "no version": (b"GET /surprise-77f1\r\n\r\n", "not found"),
    "no request": (b"surprise-77f1\r\n\r\n", "bad request"),
    "nothing": (b"", ""),
    "a path that leads elsewhere": (
        b"GET /../../etc/surprise-77f1 HTTP/1.1\r\nHost: x\r\n\r\n",
        "HTTP/1.1 404",
    ),
    "a whole URL": (b"GET http://surprise-77f1/nothing HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404"),
    "a URL that is none": (b"GET //[surprise-77f1 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404"),
    "two slashes": (b"GET //metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404"),
    "NUL": (b"GET /\0surprise-77f1 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200)), "bad request"),
    "a line of a megabyte": (b"GET /" + b"surprise-77f1" * 80_000 + b" HTTP/1.1\r\n\r\n", "HTTP/1.1 414"),
    "a header of a megabyte": (
        b"GET /nothing HTTP/1.1\r\nX: " + b"surprise-77f1" * 80_000 + b"\r\n\r\n",
        "HTTP/1.1 431",
    ),
    "a thousand headers": (b"GET /nothing HTTP/1.1\r\n" + b"X: surprise-77f1\r\n" * 1000 + b"\r\n", "HTTP/1.1 431"),
    "a header that is none": (b"GET /nothing HTTP/1.1\r\nsurprise-77f1\r\n\r\n", "HTTP/1.1 404"),
}


@pytest.mark.parametrize("request_name", REQUESTS)
def test_a_bad_request_is_refused_and_not_repeated(request_name: str, serving: RunningServe) -> None:
    """The answer repeats no word of it and names no software; the next request is answered as usual."""
    content, first = REQUESTS[request_name]
    answer = send(serving, content)
    page = serving.ask("/healthz")
    result = serving.end()

    # Who is still sending when the connection ends may never see the answer.
    assert " ".join(answer.decode().split()[:2]) in {first, "" if len(content) > 1 << 16 else first}
    assert [word for word in (WORD.encode(), b"Python", b"Server:", b"etc") if word.lower() in answer.lower()] == []
    assert (page.status, result.status, "Traceback" in result.stderr) == (200, 143, False)


def test_a_byte_now_and_then_holds_no_connection(serving: RunningServe) -> None:
    """A request that takes longer than five seconds is hung up on, however often a byte comes."""
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", serving.port), 10) as connected:
        with contextlib.suppress(OSError):
            connected.sendall(b"GET /healthz HTTP/1.1\r\n")
            while time.monotonic() - begin < 20 and not _has_ended(connected):
                connected.sendall(b"X: y\r\n")
        took = time.monotonic() - begin

    assert 4 < took < 9
    assert serving.ask("/healthz").status == 200


def _has_ended(connected: socket.socket) -> bool:
    connected.settimeout(0.3)
    try:
        return connected.recv(1) == b""
    except TimeoutError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux")
def test_three_hundred_who_say_nothing_keep_nobody_from_asking(serving: RunningServe) -> None:
    """The oldest of too many connections is closed; threads stay few; the process still ends when asked to."""
    with contextlib.ExitStack() as crowd:
        for _ in range(300):
            crowd.enter_context(socket.create_connection(("127.0.0.1", serving.port), 10))
        begin = time.monotonic()
        pages = [serving.ask(page).status for page in ("/healthz", "/readyz", "/metrics")]
        took = time.monotonic() - begin
        status = Path(f"/proc/{serving.process.pid}/status").read_text()
        threads = int(status.partition("Threads:")[2].split()[0])
        result = serving.end()

    assert (pages, result.status) == ([200, 200, 200], 143)
    assert (took < 4, threads < 100) == (True, True)
