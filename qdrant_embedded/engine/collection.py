"""One collection: its configuration and schema on disk, its shards, and reads and writes over all of them."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

import qdrant_edge as edge

from qdrant_embedded import documents
from qdrant_embedded.engine import configuration, filters, payload_indexes
from qdrant_embedded.engine.hash_ring import HashRing
from qdrant_embedded.engine.shard import Shard, translate_engine_errors
from qdrant_embedded.errors import bad_request, not_found, service_error, wrong_input

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    Collected = list[Any] | dict[Any, Any]

CONFIGURATION, SCHEMA, KEYS, VERSION_FILE = (
    "config.json",
    "payload_index.json",
    "shard_key_mapping.json",
    "version.info",
)
DIRTY = "Dirty shard - shard is not fully initialized"
BATCH = 1000


def point_id_sort_key(point_id: Any) -> tuple[int, int]:  # noqa: ANN401 - int, UUID or its text
    """Numbers first, then UUIDs, as the server scrolls."""
    if isinstance(point_id, int):
        return (0, point_id)
    return (1, getattr(point_id, "int", 0) or int(str(point_id).replace("-", ""), 16))


class Collection:
    """A directory `collections/<name>`; every use takes the lock, for the engine holds the GIL anyway."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path
        self.lock = threading.RLock()
        self.generation = 0  # how often a recover replaced a shard
        self.configuration: configuration.Configuration = documents.read(path / CONFIGURATION)
        self.schema: dict[str, Any] = documents.read(path / SCHEMA, {"schema": {}})["schema"]
        self.shards = {number: Shard(path / str(number), self.params) for number in self._shard_numbers()}
        self.dirty = {number for number in self.shards if self.initializing_flag(number).exists()}

    @property
    def params(self) -> dict[str, Any]:
        """Vectors, shard number and their like."""
        params: dict[str, Any] = self.configuration["params"]
        return params

    @functools.cached_property
    def hash_ring(self) -> HashRing:
        """Where points live when there are several shards."""
        return HashRing(len(self.shards))

    def _shard_numbers(self) -> list[int]:
        # Custom sharding has the shards of its keys, and a standalone server can make no keys.
        if self.params.get("sharding_method") == "custom":
            return []
        return list(range(self.params["shard_number"]))

    def shard(self, number: int) -> Shard:
        """One shard. Raises Refusal 404."""
        if number not in self.shards:
            raise not_found(f"Shard {number} not found")
        return self.shards[number]

    def initializing_flag(self, number: int) -> Path:
        """Give the file that says: data is moving into this shard. Found at a start, it means the move was cut."""
        return self.path / f"shard_{number}.initializing"

    def close(self) -> None:
        """Let go of all files."""
        for shard in self.shards.values():
            shard.close()

    def raise_if_dirty(self, action: str, *, reading: bool = True) -> None:
        """500 with the server's words for a shard whose data never arrived."""
        if not self.dirty:
            return
        message = f"Failed to {action},  {DIRTY}"
        if reading:
            failed = len(self.dirty)
            message = f"{failed} of {failed} read operations failed:\n  Service internal error: {message}"
        raise service_error(message)

    # -- settings ------------------------------------------------------------------------------------------------

    def patch(self, body: dict[str, Any]) -> None:
        """Change the configuration; on disk before it is acknowledged."""
        with self.lock:
            changed = configuration.apply_patch(self.configuration, body)
            documents.write(self.path / CONFIGURATION, changed)
            self.configuration = changed

    def save_schema(self, schema: dict[str, Any]) -> None:
        """Replace the payload-index schema."""
        documents.write(self.path / SCHEMA, {"schema": schema})
        self.schema = schema

    def create_index(self, field: str, schema: str | dict[str, Any]) -> int:
        """Build a payload index in every shard. The number of the operation."""
        with self.lock:
            self.raise_if_dirty("Update Points", reading=False)
            operation = edge.UpdateOperation.create_field_index(field, payload_indexes.to_engine(schema))
            numbers = [shard.apply_to_schema(operation) for shard in self.shards.values()]
            self.save_schema({**self.schema, field: schema})
            return max(numbers, default=0)

    def delete_index(self, field: str) -> int:
        """Drop a payload index from every shard; one that is not there is no error."""
        with self.lock:
            self.raise_if_dirty("Update Points", reading=False)
            operation = edge.UpdateOperation.delete_field_index(field)
            numbers = [shard.apply_to_schema(operation) for shard in self.shards.values()]
            self.save_schema({key: value for key, value in self.schema.items() if key != field})
            return max(numbers, default=0)

    def build_missing_indexes(self) -> None:
        """Build the indexes of the schema that incoming segments lack."""
        for shard in self.shards.values():
            present = shard.engine.info().payload_schema if shard.has_segments() else {}
            for field, schema in self.schema.items():
                if field not in present:
                    shard.apply(edge.UpdateOperation.create_field_index(field, payload_indexes.to_engine(schema)))

    def describe(self) -> dict[str, Any]:
        """Give what `GET /collections/…` shows."""
        with self.lock:
            self.raise_if_dirty("Get Info")
            described = [shard.engine.info() for shard in self.shards_with_segments()]
            fields: dict[str, Any] = {}
            for shard in self.shards_with_segments():
                fields |= shard.indexed_fields()
            return {
                "status": "green",
                "optimizer_status": "ok",
                "indexed_vectors_count": sum(one.indexed_vectors_count for one in described),
                "points_count": sum(one.points_count for one in described),
                "segments_count": sum(one.segments_count for one in described) + len(self.shards) - len(described),
                "config": configuration.to_json(self.configuration),
                "payload_schema": {
                    field: payload_indexes.to_json(schema, count_indexed_points(described, field))
                    for field, schema in (fields | self.schema).items()
                },
                "update_queue": {"length": 0},
            }

    # -- where points live ---------------------------------------------------------------------------------------

    def shards_with_segments(self) -> list[Shard]:
        """Give the shards worth asking: one without segments holds nothing."""
        return [shard for shard in self.shards.values() if shard.has_segments()]

    def group_by_shard(self, ids: Collected) -> dict[int, list[Any]]:
        """Give for each shard its share of the ids. Raises Refusal 400 where there are no shards."""
        if not self.shards:
            raise wrong_input("Shard key not specified")
        if len(self.shards) == 1:
            return {0: list(ids)}
        result: dict[int, list[Any]] = {}
        for one in ids:
            result.setdefault(self.hash_ring.get_shard(one), []).append(one)
        return result

    def apply_by_id(self, ids: Collected, make: Callable[[list[Any]], Any]) -> int:
        """Apply an operation on named points, made for each shard's share of them. The number it got."""
        with self.lock:
            self.raise_if_dirty("Update Points", reading=False)
            if not ids:
                raise bad_request("Empty update request")
            number = 0
            for home, share in self.group_by_shard(ids).items():
                number = max(number, self.shards[home].apply(make(share)))
            return number

    def apply_by_filter(self, given: dict[str, Any], make: Callable[[Any], Any]) -> int:
        """Apply an operation on the points that match a filter. The number it got."""
        with self.lock:
            self.raise_if_dirty("Update Points", reading=False)
            operation = make(self.filter_to_engine(given))
            return max((shard.apply(operation) for shard in self.shards_with_segments()), default=0)

    # -- reading -------------------------------------------------------------------------------------------------

    def filter_to_engine(self, given: dict[str, Any] | None) -> Any:  # noqa: ANN401 - engine type
        """Give the filter as the engine takes it; see filters about booleans."""
        return filters.to_engine(given, self.find_ids_with_boolean)

    def find_ids_with_boolean(self, key: str, wanted: bool) -> list[Any]:  # noqa: FBT001 - it is the value looked for
        """Give the ids of all points whose payload holds that boolean under that key."""
        return [
            record.id
            for shard in self.shards_with_segments()
            for record in scroll_all(shard)
            if any(value is wanted for value in filters.get_values(record.payload, key))
        ]

    def query_shards(self, question: Callable[[Any], Any], action: str) -> list[Any]:
        """Put a question to the engine of every shard that holds something. Raises Refusal."""
        self.raise_if_dirty(action)
        with translate_engine_errors():
            return [question(shard.engine) for shard in self.shards_with_segments()]

    def count(self, given: dict[str, Any] | None) -> int:
        """Exactly how many points match."""
        with self.lock:
            request = edge.CountRequest(exact=True, filter=self.filter_to_engine(given))
            return sum(self.query_shards(lambda engine: engine.count(request), "count"))

    def retrieve(self, ids: list[Any], payload: Any, vector: Any) -> list[Any]:  # noqa: ANN401 - selectors
        """Give the records of those ids that exist, in the order asked for."""
        with self.lock:
            parts = self.query_shards(lambda engine: engine.retrieve(ids, payload, vector), "retrieve")
            place = {str(one).lower(): position for position, one in enumerate(ids)}
            found = [record for part in parts for record in part]
            return sorted(found, key=lambda record: place.get(str(record.id), 0))

    def point(self, point_id: Any, *, payload: Any, vector: Any) -> Any:  # noqa: ANN401 - a record
        """One record. Raises Refusal 404."""
        found = self.retrieve([point_id], payload, vector)
        if not found:
            raise not_found(f"Point with id {point_id} does not exists!")
        return found[0]

    def scroll(self, request: dict[str, Any], limit: int) -> list[Any]:
        """Up to `limit` records from all shards in the order of their ids, or of `order_by`."""
        with self.lock:
            asked = edge.ScrollRequest(**{**request, "limit": limit})
            found = [
                one for page, _ in self.query_shards(lambda engine: engine.scroll(asked), "Scroll") for one in page
            ]
            if request.get("order_by") is None:
                return sorted(found, key=lambda one: point_id_sort_key(one.id))[:limit]
            descending = request["order_by"].direction == edge.Direction.Desc
            return sorted(found, key=lambda one: one.order_value, reverse=descending)[:limit]


def count_indexed_points(described: list[Any], field: str) -> int:
    """Count the points of all shards that a payload index holds."""
    return sum(one.payload_schema[field].points for one in described if field in one.payload_schema)


def scroll_all(shard: Shard) -> Iterable[Any]:
    """All records of a shard with their payload."""
    offset = None
    while True:
        page, offset = shard.engine.scroll(edge.ScrollRequest(offset=offset, limit=BATCH, with_payload=True))
        yield from page
        if offset is None:
            return
