"""An embedded Qdrant per module for those who only look, a fresh one for those who break things."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from tests.support.http_client import HttpClient, alone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedQdrant]:
    """Share one embedded Qdrant within a module."""
    with EmbeddedQdrant(tmp_path_factory.mktemp("storage")) as qdrant:
        yield qdrant


@pytest.fixture
def client(server: EmbeddedQdrant) -> Iterator[HttpClient]:
    """Ask the shared one; what a test leaves behind is dropped."""
    asked = HttpClient(server.url)
    yield asked
    for one in asked.result("GET", "/collections")["collections"]:
        asked.result("DELETE", f"/collections/{quote(one['name'], safe='')}")
    for directory in {path for path in server.snapshots.iterdir() if path.is_dir()} - {server.snapshots / "tmp"}:
        shutil.rmtree(directory)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., EmbeddedQdrant]]:
    """Start embedded Qdrants of one's own; all of them end with the test."""
    started: list[EmbeddedQdrant] = []

    def starter(**options: Any) -> EmbeddedQdrant:  # noqa: ANN401 - as EmbeddedQdrant takes them
        qdrant = EmbeddedQdrant(options.pop("storage", tmp_path / f"storage-{len(started)}"), **options)
        started.append(qdrant)
        return qdrant.start()

    yield starter
    for qdrant in started:
        qdrant.stop()


@pytest.fixture(params=["embedded", "real"])
def embedded_or_real(request: pytest.FixtureRequest) -> HttpClient:
    """Ask the embedded one, and the real server at QDRANT_URL when it is there and empty: it is the authority."""
    name = {"embedded": "asking", "real": "emptied"}[request.param]
    asked: HttpClient = request.getfixturevalue(name)
    return asked


@pytest.fixture
def emptied_server(real: HttpClient) -> Iterator[HttpClient]:
    """Ask the real server when nobody keeps anything on it. Empty again afterwards."""
    with alone(real.url):
        if real.result("GET", "/collections")["collections"]:
            pytest.skip(f"the server at {real.url} holds collections, which these tests would meet")
        yield real
        for one in real.result("GET", "/collections")["collections"]:
            drop(real, one["name"])


def drop(client: HttpClient, name: str) -> None:
    """Delete a collection and its snapshots, which are out of reach once it has gone."""
    path = f"/collections/{quote(name, safe='')}"
    for file in client.result("GET", f"{path}/snapshots"):
        client.result("DELETE", f"{path}/snapshots/{quote(file['name'], safe='')}")
    client.result("DELETE", path)


@pytest.fixture(scope="module")
def real() -> HttpClient:
    """Ask the real server at QDRANT_URL. Skips without one."""
    url = os.environ.get("QDRANT_URL")
    if not url:
        pytest.skip("QDRANT_URL names no real server")
    return HttpClient(url.rstrip("/"), os.environ.get("QDRANT_API_KEY") or None)
