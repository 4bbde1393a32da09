"""A running `serve`, a receiver of notifications, and a store with missed jobs."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self

from restore.stores.layout import SCHEDULE_FILE
from tests.support.open_server import find_free_port
from tests.support.program import ProgramResult, make_environment

LONG_AGO = "2026-01-01T00:00:00Z"


# The program's start, as if these packages were not installed.
START = """
import sys
sys.modules.update(dict.fromkeys({without!r}))
sys.argv = ["qdrant-restore", "serve"]
from restore.__main__ import main
main()
"""


class PageResponse(NamedTuple):
    """What `serve` answered; no status when nobody answered."""

    status: int
    text: str

    @property
    def document(self) -> Any:  # noqa: ANN401 - JSON
        """The body as JSON."""
        return json.loads(self.text)


class RunningServe:
    """A running `serve`; its jobs are due at once, because the store says that they were missed."""

    def __init__(
        self,
        store: Path,
        url: str,
        variables: Mapping[str, str],
        *,
        missed: bool = True,
        without: tuple[str, ...] = (),
    ) -> None:
        self.store = store
        self.port = find_free_port()
        self._token = variables.get("RESTORE_LISTEN_TOKEN", "")
        schedules = {name: text for name, text in variables.items() if name.startswith("RESTORE_SCHEDULE_")}
        store.mkdir(parents=True, exist_ok=True)
        if missed:
            remember_missed(store, schedules)
        environment = {
            "QDRANT_URL": url,
            "RESTORE_STORE": str(store),
            "RESTORE_LISTEN": f"127.0.0.1:{self.port}",
            "RESTORE_LOG_FORMAT": "json",
            **variables,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", START.format(without=without)],
            cwd=store.parent,
            env=make_environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, path: str, method: str = "GET", *, token: str = "") -> PageResponse:
        """Ask a page, with the token that it was given in its variables, or another one."""
        token = token or self._token
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request(method, path, headers={"Authorization": f"Bearer {token}"} if token else {})
            answer = connection.getresponse()
            return PageResponse(answer.status, answer.read().decode())
        except OSError:
            return PageResponse(0, "")
        finally:
            connection.close()

    def wait_for(self, path: str, status: int, *, within: float = 20.0) -> PageResponse:
        """Ask until the page has this status, and return the last answer."""
        end = time.monotonic() + within
        while (page := self.ask(path)).status != status and time.monotonic() < end:
            time.sleep(0.05)
        return page

    def wait_metric(self, line: str, *, within: float = 20.0) -> str:
        """Ask for the metrics until one begins like this and return them all, in the end those without it."""
        end = time.monotonic() + within
        while line not in (text := self.ask("/metrics").text) and time.monotonic() < end:
            time.sleep(0.05)
        return text

    def wait_ended(self, job: str, *, within: float = 30.0) -> dict[str, Any]:
        """Wait until a job has ended and return what /healthz tells of it."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            page = self.ask("/healthz")
            output = [one for one in page.document["jobs"] if one["job"] == job] if page.status else []
            if output and output[0]["ended"] and output[0]["ended"] >= (output[0]["began"] or ""):
                return dict(output[0])
            time.sleep(0.05)
        raise AssertionError(f"{job} did not end in {within:g} s")

    def end(self, number: signal.Signals = signal.SIGTERM) -> ProgramResult:
        """End it by a signal."""
        self.process.send_signal(number)
        stdout, stderr = self.process.communicate(timeout=20)
        return ProgramResult(self.process.returncode, stdout, stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def write_missed(schedules: dict[str, str]) -> bytes:
    """Return the scheduler's state with last slots long ago."""
    jobs = [
        {"job": name.removeprefix("RESTORE_SCHEDULE_").lower(), "schedule": f"{text} UTC", "slot": LONG_AGO}
        for name, text in schedules.items()
    ]
    return json.dumps({"jobs": jobs, "schema": 1}).encode()


def remember_missed(store: Path, schedules: dict[str, str]) -> None:
    """Write the scheduler's state, with last slots long ago, into a store."""
    (store / "README.md").touch()
    (store / SCHEDULE_FILE).write_bytes(write_missed(schedules))


def read_events(stderr: str) -> list[dict[str, Any]]:
    """Return the log's events."""
    return [json.loads(line) for line in stderr.splitlines() if line.startswith("{")]


@dataclass
class WebhookReceiver:
    """A server that receives notifications: their paths and bodies, in order.

    `status` is what it answers; with `hangs` it begins an answer that never ends, a byte at a time.
    """

    port: int = 0
    status: int = 200
    hangs: bool = False
    came: list[tuple[str, bytes]] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The receiver's address."""
        return f"http://127.0.0.1:{self.port}"

    def wait_paths(self, count: int, *, within: float = 20.0) -> list[str]:
        """Wait for so many notifications, which come later than the pages change; return their paths, without ids."""
        end = time.monotonic() + within
        while len(self.came) < count and time.monotonic() < end:
            time.sleep(0.02)
        return [path.partition("?")[0] for path, _ in self.came]


@contextlib.contextmanager
def receive() -> Iterator[WebhookReceiver]:
    """Run a receiver of notifications."""
    receiver = WebhookReceiver()

    class _Exchange(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            receiver.authorizations.append(self.headers.get("Authorization", ""))
            receiver.came.append((self.path, self.rfile.read(length)))
            if receiver.hangs:
                self._drip()
            self._answer(receiver.status)

        def _drip(self) -> None:
            """Keep any limit on silence from being reached."""
            with contextlib.suppress(OSError):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
                while receiver.hangs:
                    self.wfile.write(b"x")
                    time.sleep(0.1)

        def do_GET(self) -> None:
            """Where a redirection leads to, everything is fine."""
            self._answer(200)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Exchange)
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.hangs = False
        server.shutdown()
        server.server_close()
        thread.join()
