"""API keys: which requests need one, and what the read-only key allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from tests.support.http_client import HttpClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MISSING = "Must provide an API key or an Authorization bearer token"
INVALID = "Invalid API key or JWT"
FORBIDDEN = "Forbidden: Global manage access is required"
OPEN_PATHS = ("/", "/healthz", "/livez", "/readyz")
READS = [
    ("GET", "/collections"),
    ("GET", "/collections/cities"),
    ("GET", "/collections/cities/exists"),
    ("GET", "/collections/cities/snapshots"),
    ("GET", "/aliases"),
    ("GET", "/metrics"),
    ("GET", "/telemetry"),
    ("POST", "/collections/cities/points/count"),
    ("POST", "/collections/cities/points/scroll"),
]
WRITES = [
    ("PUT", "/collections/other"),
    ("PATCH", "/collections/cities"),
    ("DELETE", "/collections/cities"),
    ("PUT", "/collections/cities/points"),
    ("POST", "/collections/cities/points/delete"),
    ("POST", "/collections/cities/snapshots"),
    ("DELETE", "/collections/cities/snapshots/any.snapshot"),
    ("PUT", "/collections/cities/snapshots/recover"),
    ("POST", "/collections/aliases"),
]


@pytest.fixture(scope="module")
def keyed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedQdrant]:
    """Start a server with a full-access key, a read-only key and a collection."""
    with EmbeddedQdrant(tmp_path_factory.mktemp("keys"), api_key="full", read_only_api_key="reader") as qdrant:
        HttpClient(qdrant.url, "full").create("cities")
        yield qdrant


@pytest.mark.parametrize("path", OPEN_PATHS)
def test_root_and_probes_need_no_key(keyed_server: EmbeddedQdrant, path: str) -> None:
    """They answer with any key, or none."""
    statuses = [
        HttpClient(keyed_server.url, key).ask("GET", path).status_code for key in (None, "wrong", "reader", "full")
    ]

    assert statuses == [200, 200, 200, 200]


@pytest.mark.parametrize(("method", "path"), READS + WRITES)
def test_without_a_key_it_is_401_in_plain_text(keyed_server: EmbeddedQdrant, method: str, path: str) -> None:
    """A missing key and a wrong key have different messages."""
    missing = HttpClient(keyed_server.url).ask(method, path, {})
    wrong = HttpClient(keyed_server.url, "wrong").ask(method, path, {})

    assert (missing.status_code, missing.text) == (401, MISSING)
    assert (wrong.status_code, wrong.text) == (401, INVALID)


@pytest.mark.parametrize(("method", "path"), READS)
def test_the_read_only_key_reads(keyed_server: EmbeddedQdrant, method: str, path: str) -> None:
    """Search and count are reads although they are POST requests."""
    assert HttpClient(keyed_server.url, "reader").ask(method, path, {}).status_code == 200


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_the_read_only_key_does_not_write(keyed_server: EmbeddedQdrant, method: str, path: str) -> None:
    """The response is 403 as JSON."""
    answer = HttpClient(keyed_server.url, "reader").ask(method, path, {})

    assert (answer.status_code, answer.json()["status"]) == (403, {"error": FORBIDDEN})


def test_an_upload_with_the_read_only_key_is_refused_in_plain_text(keyed_server: EmbeddedQdrant) -> None:
    """It is refused before the body is read, and no file is kept."""
    answer = HttpClient(keyed_server.url, "reader").upload("new", b"anything")

    assert (answer.status_code, answer.text) == (403, FORBIDDEN)
    assert list((keyed_server.snapshots / "tmp").iterdir()) == []


def test_a_bearer_token_is_as_good_as_the_header(keyed_server: EmbeddedQdrant) -> None:
    """`Authorization: Bearer` takes the same keys."""
    answer = HttpClient(keyed_server.url).ask("GET", "/collections", headers={"authorization": "Bearer reader"})

    assert answer.status_code == 200


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_the_key_may_stand_in_a_file(start: Callable[..., EmbeddedQdrant], tmp_path: Path, ending: str) -> None:
    """One line ending at its end is not part of the key."""
    (tmp_path / "key").write_bytes(f"from a file{ending}".encode())
    qdrant = start(arguments=["--api-key-file", str(tmp_path / "key")])

    assert HttpClient(qdrant.url).ask("GET", "/collections").status_code == 401
    assert HttpClient(qdrant.url, "from a file").ask("GET", "/collections").status_code == 200
