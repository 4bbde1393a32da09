"""Snapshots of real servers are restored with exactly their points."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http_client import SNAPSHOTS, HttpClient, comparable

if TYPE_CHECKING:
    from qdrant_embedded.process import EmbeddedQdrant

KINDS = ("plain", "named", "indexed", "shards", "empty", "schemaless")
MADE = [f"{kind}-{version}" for kind in KINDS for version in ("1.18.3", "1.16.3")]


def described(name: str) -> dict[str, Any]:
    """Return the recorded description beside a snapshot."""
    document: dict[str, Any] = json.loads((SNAPSHOTS / f"{name}.json").read_text())
    return document


@pytest.mark.parametrize("made", MADE)
def test_an_upload_gives_exactly_the_points(client: HttpClient, made: str) -> None:
    """Ids, payloads, float32 vectors and the count are the same, in the order of a scroll."""
    expected = described(made)

    answer = client.upload("loaded", SNAPSHOTS / f"{made}.snapshot", priority="snapshot")

    assert (answer.status_code, answer.json()["result"]) == (200, True)
    assert client.count("loaded") == expected["count"]
    assert client.points("loaded")[: len(expected["points"])] == comparable(expected["points"])


@pytest.mark.parametrize("made", MADE)
def test_recover_from_a_server_file_gives_exactly_the_points(
    server: EmbeddedQdrant, client: HttpClient, made: str
) -> None:
    """The file is given as `file://` below the snapshots directory."""
    expected = described(made)
    place = server.snapshots / "seed" / f"{made}.snapshot"
    place.parent.mkdir(exist_ok=True)
    shutil.copyfile(SNAPSHOTS / place.name, place)

    recovered = client.result(
        "PUT", "/collections/loaded/snapshots/recover", {"location": f"file://{place}", "priority": "snapshot"}
    )

    assert recovered is True
    assert client.points("loaded")[: len(expected["points"])] == comparable(expected["points"])


@pytest.mark.parametrize("made", [f"{kind}-1.18.3" for kind in KINDS])
def test_the_collection_is_described_as_the_real_server_described_it(client: HttpClient, made: str) -> None:
    """Configuration, metadata, payload schema with its counts, and segments: the whole of `GET /collections/…`."""
    client.upload("loaded", SNAPSHOTS / f"{made}.snapshot")

    assert client.result("GET", "/collections/loaded") == described(made)["info"]


@pytest.mark.parametrize("made", [name for name in MADE if len(described(name)["points"]) > 1])
def test_a_loaded_collection_takes_updates_and_deletions(client: HttpClient, made: str) -> None:
    """A write to an existing point takes effect: the write-ahead log continues at the snapshot's last operation."""
    client.upload("loaded", SNAPSHOTS / f"{made}.snapshot")
    first, *rest = described(made)["points"]

    client.upsert("loaded", {"id": first["id"], "vector": first["vector"], "payload": {"changed": True}})
    client.result("POST", "/collections/loaded/points/delete?wait=true", {"points": [one["id"] for one in rest]})

    assert client.result("GET", f"/collections/loaded/points/{first['id']}")["payload"] == {"changed": True}
    assert client.count("loaded") == described(made)["count"] - len(rest)


@pytest.mark.parametrize("node", [f"{kind}-node{number}" for kind in ("ring", "keyed") for number in range(3)])
def test_one_node_of_a_cluster_is_refused_and_leaves_nothing(client: HttpClient, node: str) -> None:
    """The file lacks shards: 500 with the server's message, and no collection afterwards."""
    answer = client.upload("loaded", SNAPSHOTS / f"{node}-1.18.3.snapshot")

    assert answer.status_code == 500
    assert "Can't restore snapshot in local mode with missing data at shard: " in answer.json()["status"]["error"]
    assert client.result("GET", "/collections/loaded/exists") == {"exists": False}
