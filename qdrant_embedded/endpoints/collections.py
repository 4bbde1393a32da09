"""Collections: create, look, change, drop; payload indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qdrant_embedded import answers, configuration, indexes
from qdrant_embedded.endpoints.points import field, written
from qdrant_embedded.names import checked

if TYPE_CHECKING:
    from qdrant_embedded.call import Call


def listing(call: Call) -> dict[str, Any]:
    """All names."""
    return {"collections": [{"name": name} for name in call.server.catalog.names()]}


def create(call: Call) -> bool:
    """Create an empty collection."""
    checked(call.name, strict=True)
    call.server.catalog.create(call.name, configuration.created(call.document), {})
    return True


def describe(call: Call) -> dict[str, Any]:
    """Status, counts, configuration and schema."""
    return call.server.catalog.get(call.name).describe()


def patch(call: Call) -> bool:
    """Change settings; metadata keys merge."""
    call.server.catalog.get(call.name).patch(call.document)
    return True


def delete(call: Call) -> bool:
    """Drop a collection; False when there was none."""
    return call.server.catalog.delete(checked(call.name, strict=False))


def exists(call: Call) -> dict[str, bool]:
    """Whether the name is a collection or an alias."""
    return {"exists": call.server.catalog.find(checked(call.name, strict=False)) is not None}


def cluster(call: Call) -> dict[str, Any]:
    """Where its shards are: here."""
    collection = call.server.catalog.get(call.name)
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
        "peer_id": call.server.peer_id,
        "shard_count": len(collection.shards),
        "local_shards": shards,
        "remote_shards": [],
        "shard_transfers": [],
    }


def distribute(_call: Call) -> None:
    """Refuse what needs a cluster, as a standalone server does."""
    raise answers.bad_request("Distributed mode disabled")


def create_index(call: Call) -> dict[str, Any]:
    """Build a payload index."""
    collection = call.server.catalog.get(call.name)
    schema = call.document.get("field_schema", call.document.get("field_type"))
    return written(call, collection.create_index(field(call.document, "field_name", str), indexes.checked(schema)))


def delete_index(call: Call) -> dict[str, Any]:
    """No payload index any more."""
    return written(call, call.server.catalog.get(call.name).delete_index(call.path["field"]))
