"""Fixtures: an embedded Qdrant shared by a module, or started for one test."""

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
    """Start one embedded Qdrant for the module."""
    with EmbeddedQdrant(tmp_path_factory.mktemp("storage")) as qdrant:
        yield qdrant


@pytest.fixture
def client(server: EmbeddedQdrant) -> Iterator[HttpClient]:
    """Return a client of the shared server. Its collections and snapshots are deleted after the test."""
    asked = HttpClient(server.url)
    yield asked
    for one in asked.result("GET", "/collections")["collections"]:
        asked.result("DELETE", f"/collections/{quote(one['name'], safe='')}")
    for directory in {path for path in server.snapshots.iterdir() if path.is_dir()} - {server.snapshots / "tmp"}:
        shutil.rmtree(directory)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., EmbeddedQdrant]]:
    """Return a function that starts an embedded Qdrant; all of them are stopped after the test."""
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
    """Return a client of the embedded server, then of the real one at QDRANT_URL, which is the authority."""
    name = {"embedded": "client", "real": "emptied_server"}[request.param]
    asked: HttpClient = request.getfixturevalue(name)
    return asked


@pytest.fixture
def emptied_server(real: HttpClient) -> Iterator[HttpClient]:
    """Return a client of the real server if it is empty. It is emptied again after the test."""
    with alone(real.url):
        if real.result("GET", "/collections")["collections"]:
            pytest.skip(f"the server at {real.url} holds collections, which these tests would meet")
        yield real
        for one in real.result("GET", "/collections")["collections"]:
            drop(real, one["name"])


def drop(client: HttpClient, name: str) -> None:
    """Delete a collection and its snapshots, which cannot be reached once it is deleted."""
    path = f"/collections/{quote(name, safe='')}"
    for file in client.result("GET", f"{path}/snapshots"):
        client.result("DELETE", f"{path}/snapshots/{quote(file['name'], safe='')}")
    client.result("DELETE", path)


@pytest.fixture(scope="module")
def real() -> HttpClient:
    """Return a client of the real server at QDRANT_URL. Skip the test if there is none."""
    url = os.environ.get("QDRANT_URL")
    if not url:
        pytest.skip("QDRANT_URL names no real server")
    return HttpClient(url.rstrip("/"), os.environ.get("QDRANT_API_KEY") or None)
