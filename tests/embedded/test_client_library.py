"""The official Python client works with the embedded Qdrant as with a real one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qdrant_client import QdrantClient, models

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qdrant_embedded.process import EmbeddedQdrant
    from tests.support.http_client import HttpClient


@pytest.fixture
def client(server: EmbeddedQdrant, asking: HttpClient) -> Iterator[QdrantClient]:
    """Connect the client. Its collections are deleted after the test."""
    client = QdrantClient(url=server.url, check_compatibility=False)
    yield client
    client.close()


def test_a_tour_with_the_client(client: QdrantClient) -> None:
    """Create, upload, index, filter, query, scroll, payload, alias, snapshot, recover."""
    client.create_collection("tour", vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT))
    points = [
        models.PointStruct(id=one, vector=[one, 1.0], payload={"n": one, "even": one % 2 == 0}) for one in range(20)
    ]
    client.upsert("tour", points)
    client.create_payload_index("tour", "n", models.PayloadSchemaType.INTEGER)
    even = models.Filter(must=[models.FieldCondition(key="even", match=models.MatchValue(value=True))])

    found = client.query_points("tour", query=[1.0, 0.0], query_filter=even, limit=2).points
    page, following = client.scroll("tour", limit=3, with_vectors=True)
    client.set_payload("tour", {"seen": True}, points=[0])
    client.delete("tour", models.FilterSelector(filter=even))
    client.update_collection_aliases(
        [models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name="tour", alias_name="trip"))]
    )
    made = client.create_snapshot("tour")

    assert [one.id for one in found] == [18, 16]
    assert ([one.id for one in page], following) == ([0, 1, 2], 3)
    assert client.count("trip").count == 10
    assert client.get_collection("tour").payload_schema["n"].points == 10
    assert made is not None
    assert [one.name for one in client.list_snapshots("tour")] == [made.name]


def test_the_client_recovers_from_its_own_snapshot(client: QdrantClient, server: EmbeddedQdrant) -> None:
    """It recovers through the URL of the snapshot that it has just created."""
    client.create_collection("one", vectors_config=models.VectorParams(size=2, distance=models.Distance.COSINE))
    client.upsert("one", [models.PointStruct(id=1, vector=[3.0, 4.0], payload={"a": 1})])
    made = client.create_snapshot("one")
    assert made is not None

    location = f"{server.url}/collections/one/snapshots/{made.name}"
    client.recover_snapshot("two", location, checksum=made.checksum, priority=models.SnapshotPriority.SNAPSHOT)

    assert client.retrieve("two", [1])[0].payload == {"a": 1}
