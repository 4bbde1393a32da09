"""The embedded Qdrant as a child process, for tests, the demo and the pytest plugin."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

START_TIMEOUT_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 10.0


class StartError(RuntimeError):
    """The child ended or did not answer in time; the message contains its stderr."""


# The environment variables that the server process needs; all others, API keys among them, are not passed on.
_SERVER_VARIABLES = frozenset(
    {"PATH", "HOME", "LANG", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "VIRTUAL_ENV", "PYTHONPATH"}
)
_SERVER_VARIABLE_PREFIXES = ("LC_", "LD_", "DYLD_", "PYTHON", "COV_", "COVERAGE_")


def server_environment() -> dict[str, str]:
    """Return the part of this process's environment that the server needs; it holds no secret."""
    environment = child_environment()
    return {
        name: value
        for name, value in environment.items()
        if name in _SERVER_VARIABLES or name.startswith(_SERVER_VARIABLE_PREFIXES)
    }


def child_environment() -> dict[str, str]:
    """Return this process's environment with a PYTHONPATH that makes this package importable."""
    parent = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, [parent, os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}


class EmbeddedQdrant:
    """One embedded Qdrant on a storage directory, in its own process.

    `with EmbeddedQdrant(tmp_path) as qdrant:` starts it on a free port and stops it. A restart keeps the port.
    """

    def __init__(
        self,
        storage: Path,
        *,
        port: int = 0,
        api_key: str | None = None,
        read_only_api_key: str | None = None,
        snapshots: Path | None = None,
        misbehaving: bool = False,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.storage = Path(storage)
        self.snapshots = Path(snapshots) if snapshots is not None else self.storage / "snapshots"
        self.port = port
        self.api_key = api_key
        self.read_only_api_key = read_only_api_key
        self.arguments = (*arguments, *(["--allow-misbehaviour"] if misbehaving else []))
        self.environment = dict(environment or {})
        self.exit_status: int | None = None
        self._child: subprocess.Popen[str] | None = None
        self._stderr_path = self.storage.with_name(f"{self.storage.name}.stderr")

    @property
    def url(self) -> str:
        """Its URL; a restart keeps it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The child's process id, None if it does not run."""
        return None if self._child is None else self._child.pid

    @property
    def is_running(self) -> bool:
        """True if the child runs."""
        return self._child is not None and self._child.poll() is None

    @property
    def stderr(self) -> str:
        """What the child has written to stderr so far."""
        return self._stderr_path.read_text(errors="replace") if self._stderr_path.exists() else ""

    def start(self) -> Self:
        """Start the child and wait until it answers. Raise StartError."""
        command = [sys.executable, "-m", "qdrant_embedded", "--storage", str(self.storage)]
        command += ["--snapshots", str(self.snapshots), "--port", str(self.port), *self.arguments]
        api_keys = {
            "QDRANT__SERVICE__API_KEY": self.api_key,
            "QDRANT__SERVICE__READ_ONLY_API_KEY": self.read_only_api_key,
        }
        # API keys go into the environment, because every user can read a command line.
        environment = server_environment() | self.environment | {key: value or "" for key, value in api_keys.items()}
        self._stderr_path.parent.mkdir(parents=True, exist_ok=True)
        with self._stderr_path.open("w") as errors:
            self._child = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, env=environment, text=True
            )
        self._await_url(self._child)
        return self

    def _await_url(self, child: subprocess.Popen[str]) -> None:
        # The child prints one line, its URL, as soon as it answers requests.
        assert child.stdout is not None  # noqa: S101 - asked for as a pipe above
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            line = child.stdout.readline().strip() if selector.select(START_TIMEOUT_SECONDS) else ""
        if line:
            self.port = int(line.rpartition(":")[2])
            return
        self.kill()
        raise StartError(f"the embedded Qdrant did not start on {self.storage}:\n{self.stderr}")

    def misbehave(self, *faults: dict[str, Any]) -> None:
        """Activate these faults and no others; see `qdrant_embedded.fault_injection`. Without any, all end."""
        self._control("PUT", list(faults))

    def reached(self) -> list[str]:
        """Return the moments of snapshots and recoveries since the faults were last set."""
        return [one["moment"] for one in self._control("GET")["reached"]]

    def await_moment(self, moment: str, timeout_seconds: float = 10.0) -> None:
        """Wait until a moment is reached. Raise TimeoutError."""
        deadline = time.monotonic() + timeout_seconds
        while moment not in self.reached():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the embedded Qdrant did not reach {moment!r}")
            time.sleep(0.01)

    def _control(self, method: str, faults: list[dict[str, Any]] | None = None) -> Any:  # noqa: ANN401 - any JSON
        body = None if faults is None else json.dumps(faults).encode()
        request = urllib.request.Request(f"{self.url}/__misbehave", body, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def wait(self, timeout_seconds: float = STOP_TIMEOUT_SECONDS) -> int:
        """Wait until the child has ended by itself. Return its exit status, negative for a signal."""
        if self._child is None:
            raise StartError("there is no child to wait for")
        return self._child.wait(timeout_seconds)

    def stop(self) -> None:
        """Ask the child to end (SIGTERM) and wait; kill it if it does not."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the child (SIGKILL): it flushes and prints nothing."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(number)
        try:
            child.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        self.exit_status = child.returncode
        if child.stdout is not None:
            child.stdout.close()

    def restart(self, *, kill: bool = False) -> Self:
        """Stop or kill the child, and start another on the same storage and port."""
        self._end(signal.SIGKILL if kill else signal.SIGTERM)
        return self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._stderr_path.unlink(missing_ok=True)
