"""The documents of `/telemetry` and `/metrics`, with the names and detail levels of a real server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from qdrant_embedded.engine import configuration

if TYPE_CHECKING:
    from qdrant_embedded.engine.collection import Collection
    from qdrant_embedded.server import Server

STARTED = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
COUNTED_LEVEL, FULL_LEVEL, SHARDS_LEVEL = 1, 2, 3


def build_telemetry(server: Server, level: int) -> dict[str, Any]:
    """Return the telemetry document; running snapshots and recoveries from level 2 on, shards from level 3 on."""
    names = server.catalog.names()
    collections: dict[str, Any] = {"number_of_collections": len(names)}
    if server.catalog.max_collections is not None:
        collections["max_collections"] = server.catalog.max_collections
    if level >= COUNTED_LEVEL:
        collections["collections"] = [describe_collection(one, level) for one in server.catalog.all()]
        collections["snapshots"] = list_operations(server) if level >= FULL_LEVEL else []
    return {
        "id": server.process_id,
        "app": {"name": "qdrant", "version": server.faults.version, "startup": STARTED},
        "collections": collections,
        "cluster": {"enabled": False},
    }


def list_operations(server: Server) -> list[dict[str, Any]]:
    """Return every collection with a snapshot or a recovery since the start, and what is running now."""
    return [
        {
            "id": name,
            "running_snapshots": one.creations,
            "running_snapshot_recovery": one.recoveries,
            "total_snapshot_creations": one.creations_total,
        }
        for name, one in server.operations.copy().items()
    ]


def describe_collection(collection: Collection, level: int) -> dict[str, Any]:
    """Describe one collection. It takes no lock, so that telemetry answers while data moves in."""
    if level < FULL_LEVEL:
        return {"vectors": 0, "optimizers_status": "ok", "params": collection.params}
    document: dict[str, Any] = {
        "id": collection.name,
        "init_time_ms": 0,
        "config": configuration.to_json(collection.configuration),
    }
    if level >= SHARDS_LEVEL:
        document["shards"] = [describe_shard(collection, number) for number in collection.shards]
        document["transfers"] = []
        document["resharding"] = []
    return document


def describe_shard(collection: Collection, number: int) -> dict[str, Any]:
    """Describe one shard with its update queue, which is unknown while data moves in."""
    is_dirty = number in collection.dirty
    return {
        "id": number,
        "key": None,
        "local": {
            "variant_name": "dummy shard" if is_dirty else "local shard",
            "status": "green",
            "total_optimized_points": 0,
            "update_queue": {"length": 0, "op_num": None if is_dirty else collection.shards[number].op_num},
        },
        "remote": [],
        "replicate_states": {},
    }


def format_metrics(server: Server) -> str:
    """Return the metrics in Prometheus' text format."""
    operations = server.operations.copy()
    version = server.faults.version
    families = [
        ("app_info", "information about qdrant server", "gauge", [f'{{name="qdrant",version="{version}"}} 1']),
        ("app_status_recovery_mode", "features enabled in qdrant server", "gauge", [" 0"]),
        ("collections_total", "number of collections", "gauge", [f" {len(server.catalog.names())}"]),
        (
            "snapshot_creation_running",
            "amount of snapshot creations that are currently running",
            "gauge",
            [f"{format_labels(name)} {one.creations}" for name, one in operations.items()],
        ),
        (
            "snapshot_recovery_running",
            "amount of snapshot recovery operations currently running",
            "gauge",
            [f"{format_labels(name)} {one.recoveries}" for name, one in operations.items()],
        ),
        (
            "snapshot_created_total",
            "total amount of snapshots created",
            "counter",
            [f"{format_labels(name)} {one.creations_total}" for name, one in operations.items()],
        ),
    ]
    lines = []
    for name, meaning, kind, values in families:
        if values:
            lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}", *(name + value for value in values)]
    return "\n".join(lines) + "\n"


def format_labels(name: str) -> str:
    """Return a Prometheus label set with the collection's name, escaped."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{{id="{escaped}"}}'
