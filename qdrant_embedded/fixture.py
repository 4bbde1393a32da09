"""Start or find the Qdrant of a test session, and fill it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from qdrant_embedded.process import EmbeddedQdrant, child_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEFAULT_IMAGE = "qdrant/qdrant:v1.18.3"
ENGINE_SECONDS = 3
READY_SECONDS = 60.0
SEED_SECONDS = 600.0
ANSWER_SECONDS = 30.0


class SeedError(RuntimeError):
    """`qdrant-restore` did not fill the server; the message contains its output."""


@dataclass(frozen=True)
class Qdrant:
    """A Qdrant to test against. `kind` is embedded, container or url."""

    url: str
    api_key: str | None
    kind: str
    seeds: tuple[Path, ...] = ()
    # The collections that were there when the session began, which are not ours to delete.
    kept: frozenset[str] = frozenset()

    def reset(self) -> None:
        """Delete what the tests made, and restore the session's seeds; what was there before is left alone."""
        for name in self.list_collections() - self.kept:
            self._ask("DELETE", f"/collections/{quote(name, safe='')}")
        for directory in self.seeds:
            self.seed(directory)

    def list_collections(self) -> frozenset[str]:
        """Return the names of the collections. Raise `OSError` when the server does not answer."""
        return frozenset(one["name"] for one in self._ask("GET", "/collections")["collections"])

    def _ask(self, method: str, path: str) -> Any:  # noqa: ANN401 - any JSON
        headers = {"api-key": self.api_key} if self.api_key else {}
        request = urllib.request.Request(f"{self.url}{path}", headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as response:
            return json.load(response)["result"]

    def seed(self, directory: str | Path) -> None:
        """Restore all snapshots of a directory with the installed `qdrant-restore`. Raise SeedError."""
        command = [sys.executable, "-m", "restore", "restore", "--store", os.fspath(directory)]
        # RESTORE_* variables of the test session must not change this restore.
        environment = {
            key: value
            for key, value in child_environment().items()
            if not key.startswith("RESTORE_") and key != "QDRANT_COLLECTION_NAME"
        }
        environment |= {"QDRANT_URL": self.url, "QDRANT_API_KEY": self.api_key or ""}
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=SEED_SECONDS, check=False
        )
        if result.returncode:
            output = f"{result.stdout}{result.stderr}".strip()
            raise SeedError(f"qdrant-restore ended with {result.returncode} on {directory}:\n{output}")


@contextlib.contextmanager
def open_qdrant(requested: str | None, directory: Path, seeds: tuple[Path, ...] = ()) -> Iterator[Qdrant]:
    """Yield the requested server: a URL, `embedded`, `container`, or None for the best available.

    `seeds` are what `reset` restores. Raise `OSError` when the server at a URL does not answer.
    """
    if requested is not None and "://" in requested:
        found = Qdrant(requested.rstrip("/"), os.environ.get("QDRANT_API_KEY") or None, "url", seeds)
        yield replace(found, kept=found.list_collections())
    elif requested == "container" or (requested is None and is_container_available()):
        with start_container() as url:
            yield Qdrant(url, None, "container", seeds)
    elif requested in {None, "embedded"}:
        with EmbeddedQdrant(directory) as embedded:
            yield Qdrant(embedded.url, None, "embedded", seeds)
    else:
        raise ValueError(f"--qdrant-server is embedded, container or a URL, not {requested!r}")


def is_loopback(url: str) -> bool:
    """Return whether a URL leads to this machine."""
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")


def get_image() -> str:
    """Return the name of the container image."""
    return os.environ.get("QDRANT_IMAGE") or DEFAULT_IMAGE


def is_container_available() -> bool:
    """Return whether a container engine answers at once and has the image (`QDRANT_PULL=1` lets it pull one)."""
    try:
        import docker  # type: ignore[import-untyped] # noqa: PLC0415 - comes with testcontainers, which is optional
    except ImportError:
        return False
    client: Any = None
    try:
        client = docker.from_env(timeout=ENGINE_SECONDS)
        client.ping()
        if os.environ.get("QDRANT_PULL") != "1":
            client.images.get(get_image())
    except (docker.errors.DockerException, OSError):
        return False
    finally:
        if client is not None:
            client.close()
    return True


@contextlib.contextmanager
def start_container() -> Iterator[str]:
    """Run the image on a free port. Yield its URL once it is ready."""
    # Otherwise testcontainers pulls one more image to remove containers; `with` already removes this one.
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - optional

    with (
        DockerContainer(get_image())
        .with_env("QDRANT__TELEMETRY_DISABLED", "true")
        .with_exposed_ports(6333) as running
    ):
        url = f"http://{running.get_container_host_ip()}:{running.get_exposed_port(6333)}"
        wait_until_ready(url)
        yield url


def wait_until_ready(url: str) -> None:
    """Wait until the server is ready. Raise TimeoutError."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/readyz", timeout=ENGINE_SECONDS):
            return
        time.sleep(0.2)
    raise TimeoutError(f"the Qdrant in the container at {url} was not ready in {READY_SECONDS:.0f} s")
