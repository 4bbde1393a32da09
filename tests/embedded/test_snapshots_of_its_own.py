"""Snapshots of the embedded Qdrant are restored by itself and by a real server, and the other way round."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http_client import SNAPSHOTS, HttpClient, alone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qdrant_embedded.process import EmbeddedQdrant

COPY = "copied-by-a-test"


def fill_named(client: HttpClient, name: str) -> None:
    """Create a collection with every kind of vector, and a point without one of them."""
    vectors = {
        "a": {"size": 3, "distance": "Cosine", "on_disk": True},
        "half": {"size": 2, "distance": "Euclid", "datatype": "float16"},
        "bytes": {"size": 2, "distance": "Manhattan", "datatype": "uint8"},
        "many": {"size": 2, "distance": "Dot", "multivector_config": {"comparator": "max_sim"}},
    }
    client.create(name, vectors=vectors, sparse_vectors={"s": {"modifier": "idf"}}, metadata={"owner": "tests"})
    point_vectors = {
        "a": [3, 4, 0],
        "half": [0.1, 0.2],
        "bytes": [1, 255],
        "many": [[1.5, 2], [3, 4], [5, 6]],
        "s": {"indices": [4, 1], "values": [0.25, 2]},
    }
    client.upsert(
        name, {"id": 1, "vector": point_vectors, "payload": {"n": 1}}, {"id": 2, "vector": {"a": [1, 1, 1]}}
    )


def fill_shards(client: HttpClient, name: str) -> None:
    """Create three shards, with ids of both kinds and deleted points."""
    client.create(name, shard_number=3)
    numbers = [{"id": one, "vector": [one, 1, 1, 1], "payload": {"i": one}} for one in range(60)]
    uuids = [
        {"id": f"550e8400-e29b-41d4-a716-4466554400{one:02d}", "vector": [1, one, 1, 1], "payload": {"i": one}}
        for one in range(20)
    ]
    client.upsert(name, *numbers, *uuids)
    client.result("POST", f"/collections/{name}/points/delete?wait=true", {"points": [3, 4, 5]})


def fill_indexed(client: HttpClient, name: str) -> None:
    """Create payload indexes of several kinds, metadata and quantization."""
    client.create(name, quantization_config={"scalar": {"type": "int8"}}, metadata={"nested": {"a": [1, None]}})
    payload = {"word": "x", "number": 7, "real": 0.1, "yes": True, "none": None, "text": "a b", "deep": {"k": [1]}}
    client.upsert(name, *({"id": one, "vector": [one, 0, 0, 1], "payload": payload} for one in range(1, 30)))
    for field, schema in {"word": "keyword", "yes": "bool", "text": {"type": "text", "lowercase": True}}.items():
        client.result("PUT", f"/collections/{name}/index?wait=true", {"field_name": field, "field_schema": schema})


def fill_vectorless(client: HttpClient, name: str) -> None:
    """Create a collection without vectors."""
    client.create(name, vectors={})
    client.upsert(name, {"id": 1, "vector": {}, "payload": {"a": 1}})


def fill_untouched(client: HttpClient, name: str) -> None:
    """Create a collection without a single write."""
    client.create(name)


FILLS = [fill_named, fill_shards, fill_indexed, fill_vectorless, fill_untouched]


@pytest.fixture
def round_trip_server(real: HttpClient) -> Iterator[HttpClient]:
    """Return a client of the real server, on which a collection of a reserved name is created and deleted."""
    with alone(real.url):
        real.result("DELETE", f"/collections/{COPY}")
        yield real
        for file in real.result("GET", f"/collections/{COPY}/snapshots"):
            real.result("DELETE", f"/collections/{COPY}/snapshots/{file['name']}")
        real.result("DELETE", f"/collections/{COPY}")


def described(client: HttpClient, name: str) -> dict[str, Any]:
    """Return a collection's description, without its number of segments and a setting that 1.16 does not know."""
    info: dict[str, Any] = client.result("GET", f"/collections/{name}")
    info["config"]["optimizer_config"].pop("prevent_unoptimized", None)
    return {key: value for key, value in info.items() if key != "segments_count"}


@pytest.mark.parametrize("fill", FILLS)
def test_a_snapshot_restores_into_another_embedded_server(
    client: HttpClient, start: Callable[..., EmbeddedQdrant], fill: Callable[[HttpClient, str], None]
) -> None:
    """Points, configuration, metadata and schema are the same on another server."""
    fill(client, "own")
    other = HttpClient(start().url)

    answer = other.upload("own", client.snapshot("own"))

    assert answer.json()["result"] is True
    assert other.points("own") == client.points("own")
    assert described(other, "own") == described(client, "own")


@pytest.mark.parametrize("fill", FILLS)
def test_a_snapshot_restores_into_a_real_server_and_comes_back(
    client: HttpClient, round_trip_server: HttpClient, fill: Callable[[HttpClient, str], None]
) -> None:
    """Embedded → real → embedded: the points are the same each time."""
    fill(client, "own")
    expected = client.points("own")

    there = round_trip_server.upload(COPY, client.snapshot("own"))
    back = client.upload("back", round_trip_server.snapshot(COPY))

    assert (there.json()["result"], back.json()["result"]) == (True, True)
    assert round_trip_server.points(COPY) == expected
    assert client.points("back") == expected
    assert described(round_trip_server, COPY)["config"] == described(client, "own")["config"]
    assert described(round_trip_server, COPY)["payload_schema"] == described(client, "own")["payload_schema"]


@pytest.mark.parametrize("kind", ["plain", "named", "indexed", "shards"])
def test_a_real_snapshot_passes_through_the_embedded_server_unharmed(
    client: HttpClient, round_trip_server: HttpClient, kind: str
) -> None:
    """Real → embedded, written to, → real: only what the embedded server changed has changed."""
    client.upload("passing", SNAPSHOTS / f"{kind}-1.18.3.snapshot")
    first = client.points("passing")[0]
    client.result(
        "POST", "/collections/passing/points/payload?wait=true", {"payload": {"z": 1}, "points": [first[0]]}
    )

    round_trip_server.upload(COPY, client.snapshot("passing"))

    assert round_trip_server.points(COPY) == client.points("passing")
    assert round_trip_server.points(COPY)[0][1]["z"] == 1


@pytest.mark.parametrize("fill", [fill_named, fill_shards, fill_indexed])
def test_a_real_server_does_not_ignore_later_writes(
    client: HttpClient, round_trip_server: HttpClient, fill: Callable[[HttpClient, str], None]
) -> None:
    """Updates and deletions of restored points take effect: operation numbers continue at the snapshot's last."""
    fill(client, "own")
    round_trip_server.upload(COPY, client.snapshot("own"))
    first, *rest = [one[0] for one in round_trip_server.points(COPY)]

    changed = {"payload": {"changed": "yes"}, "points": [first]}
    round_trip_server.result("PUT", f"/collections/{COPY}/points/payload?wait=true", changed)
    round_trip_server.result("POST", f"/collections/{COPY}/points/delete?wait=true", {"points": rest})

    assert [(one[0], one[1]) for one in round_trip_server.points(COPY)] == [(first, {"changed": "yes"})]


def test_unchanged_points_give_the_same_archive_twice(client: HttpClient) -> None:
    """Two snapshots of an unchanged collection have one checksum, as on a real server."""
    fill_indexed(client, "own")

    made = [client.result("POST", "/collections/own/snapshots")["checksum"] for _ in range(2)]

    assert made[0] == made[1]


def test_thirty_thousand_points_pass_in_seconds(client: HttpClient) -> None:
    """With the size of the demo, a snapshot and a restore take less than two seconds each."""
    client.create("cities", vectors={"size": 3, "distance": "Cosine"})
    for start_at in range(0, 30_000, 5_000):
        numbers = range(start_at, start_at + 5_000)
        client.upsert("cities", *({"id": one, "vector": [one, 1, 2], "payload": {"n": one}} for one in numbers))

    began = time.monotonic()
    content = client.snapshot("cities")
    snapshotted = time.monotonic()
    client.upload("restored", content)
    restored = time.monotonic()

    assert client.count("restored") == 30_000
    assert snapshotted - began < 2
    assert restored - snapshotted < 2
