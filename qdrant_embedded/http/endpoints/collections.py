"""Collections and their payload indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qdrant_embedded import errors
from qdrant_embedded.engine import configuration, payload_indexes
from qdrant_embedded.engine.collection_names import check_name
from qdrant_embedded.http.endpoints.points import update_result
from qdrant_embedded.http.parameters import require_field

if TYPE_CHECKING:
    from qdrant_embedded.http.request import ApiRequest


def list_names(request: ApiRequest) -> dict[str, Any]:
    """Return the names of all collections."""
    return {"collections": [{"name": name} for name in request.server.catalog.names()]}


def create(request: ApiRequest) -> bool:
    """Create an empty collection."""
    check_name(request.name, strict=True)
    request.server.catalog.create(request.name, configuration.parse_creation(request.document), {})
    return True


def describe(request: ApiRequest) -> dict[str, Any]:
    """Return status, counts, configuration and schema."""
    return request.server.catalog.get(request.name).describe()


def patch(request: ApiRequest) -> bool:
    """Change the configuration; metadata merges by key."""
    request.server.catalog.get(request.name).patch(request.document)
    return True


def delete(request: ApiRequest) -> bool:
    """Delete a collection. Return False if there is none."""
    return request.server.catalog.delete(check_name(request.name, strict=False))


def exists(request: ApiRequest) -> dict[str, bool]:
    """Return whether the name is a collection or an alias."""
    return {"exists": request.server.catalog.find(check_name(request.name, strict=False)) is not None}


def cluster(request: ApiRequest) -> dict[str, Any]:
    """Return the collection's shards, which are all local."""
    collection = request.server.catalog.get(request.name)
    with collection.lock:
        shards = [
            {
                "shard_id": number,
                "points_count": shard.engine.info().points_count if shard.has_segments() else 0,
                "state": "Active",
            }
            for number, shard in collection.shards.items()
            if number not in collection.dirty
        ]
    return {
        "peer_id": request.server.peer_id,
        "shard_count": len(collection.shards),
        "local_shards": shards,
        "remote_shards": [],
        "shard_transfers": [],
    }


def refuse_distributed(_call: ApiRequest) -> None:
    """Raise ApiError for what needs a cluster, as a standalone server does."""
    raise errors.bad_request("Distributed mode disabled")


def create_index(request: ApiRequest) -> dict[str, Any]:
    """Create a payload index."""
    collection = request.server.catalog.get(request.name)
    schema = request.document.get("field_schema", request.document.get("field_type"))
    return update_result(
        request,
        collection.create_index(
            require_field(request.document, "field_name", str), payload_indexes.parse_schema(schema)
        ),
    )


def delete_index(request: ApiRequest) -> dict[str, Any]:
    """Delete a payload index."""
    return update_result(request, request.server.catalog.get(request.name).delete_index(request.path["field"]))
