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
def library(server: EmbeddedQdrant, client: HttpClient) -> Iterator[QdrantClient]:
    """Connect the client. Its collections are deleted after the test."""
    connected = QdrantClient(url=server.url, check_compatibility=False)
    yield connected
    connected.close()


def test_a_tour_with_the_client(library: QdrantClient) -> None:
    """Create, upload, index, filter, query, scroll, payload, alias, snapshot, recover."""
    library.create_collection("tour", vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT))
    points = [
        models.PointStruct(id=one, vector=[one, 1.0], payload={"n": one, "even": one % 2 == 0}) for one in range(20)
    ]
    library.upsert("tour", points)
    library.create_payload_index("tour", "n", models.PayloadSchemaType.INTEGER)
    even = models.Filter(must=[models.FieldCondition(key="even", match=models.MatchValue(value=True))])

    found = library.query_points("tour", query=[1.0, 0.0], query_filter=even, limit=2).points
    page, following = library.scroll("tour", limit=3, with_vectors=True)
    library.set_payload("tour", {"seen": True}, points=[0])
    library.delete("tour", models.FilterSelector(filter=even))
    library.update_collection_aliases(
        [models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name="tour", alias_name="trip"))]
    )
    made = library.create_snapshot("tour")

    assert [one.id for one in found] == [18, 16]
    assert ([one.id for one in page], following) == ([0, 1, 2], 3)
    assert library.count("trip").count == 10
    assert library.get_collection("tour").payload_schema["n"].points == 10
    assert made is not None
    assert [one.name for one in library.list_snapshots("tour")] == [made.name]


def test_the_client_recovers_from_its_own_snapshot(library: QdrantClient, server: EmbeddedQdrant) -> None:
    """It recovers through the URL of the snapshot that it has just created."""
    library.create_collection("one", vectors_config=models.VectorParams(size=2, distance=models.Distance.COSINE))
    library.upsert("one", [models.PointStruct(id=1, vector=[3.0, 4.0], payload={"a": 1})])
    made = library.create_snapshot("one")
    assert made is not None

    location = f"{server.url}/collections/one/snapshots/{made.name}"
    library.recover_snapshot("two", location, checksum=made.checksum, priority=models.SnapshotPriority.SNAPSHOT)

    assert library.retrieve("two", [1])[0].payload == {"a": 1}
