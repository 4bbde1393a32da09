"""Collections: create, look, change, drop; payload indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qdrant_embedded import answers, configuration, indexes
from qdrant_embedded.endpoints.points import written
from qdrant_embedded.names import checked

if TYPE_CHECKING:
    from qdrant_embedded.app import Call


def listing(call: Call) -> dict[str, Any]:
    """All names."""
    return {"collections": [{"name": name} for name in call.server.catalog.names()]}


def create(call: Call) -> bool:
    """Create an empty collection."""
    checked(call.name, strict=True)
    if call.body is None:
        raise answers.bad_json("EOF while parsing a value at line 1 column 0")
    if not isinstance(call.body, dict):
        raise answers.bad_json("invalid type, expected struct CreateCollection at line 1 column 1")
    call.server.catalog.create(call.name, configuration.created(call.body), {})
    return True


def describe(call: Call) -> dict[str, Any]:
    """Status, counts, configuration and schema."""
    return call.server.catalog.get(call.name).describe()


def patch(call: Call) -> bool:
    """Change settings; metadata keys merge."""
    collection = call.server.catalog.get(call.name)
    if call.body is not None and not isinstance(call.body, dict):
        raise answers.bad_json("invalid type, expected struct UpdateCollection at line 1 column 1")
    collection.patch(call.body or {})
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


def create_index(call: Call) -> dict[str, Any]:
    """Build a payload index."""
    collection = call.server.catalog.get(call.name)
    body = call.body if isinstance(call.body, dict) else {}
    field, schema = body.get("field_name"), body.get("field_schema", body.get("field_type"))
    if not isinstance(field, str):
        raise answers.bad_json("missing field `field_name`")
    number = collection.create_index(field, indexes.checked(schema))
    return written(call, number)


def delete_index(call: Call) -> dict[str, Any]:
    """No payload index any more."""
    return written(call, call.server.catalog.get(call.name).delete_index(call.path["field"]))
