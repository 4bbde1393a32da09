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

    PointIds = list[Any] | dict[Any, Any]

CONFIGURATION, SCHEMA, KEYS, VERSION_FILE = (
    "config.json",
    "payload_index.json",
    "shard_key_mapping.json",
    "version.info",
)
DIRTY = "Dirty shard - shard is not fully initialized"
BATCH = 1000


def point_id_sort_key(point_id: Any) -> tuple[int, int]:  # noqa: ANN401 - int, UUID or its text
    """Return a sort key that orders numbers before UUIDs, as the server scrolls."""
    if isinstance(point_id, int):
        return (0, point_id)
    return (1, getattr(point_id, "int", 0) or int(str(point_id).replace("-", ""), 16))


class Collection:
    """A directory `collections/<name>`. Every use takes the lock: the engine holds the GIL anyway."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path
        self.lock = threading.RLock()
        self.generation = 0  # how often a recovery replaced a shard
        self.configuration: configuration.Configuration = documents.read(path / CONFIGURATION)
        self.schema: dict[str, Any] = documents.read(path / SCHEMA, {"schema": {}})["schema"]
        self.shards = {number: Shard(path / str(number), self.params) for number in self._shard_numbers()}
        self.dirty = {number for number in self.shards if self.initializing_flag(number).exists()}

    @property
    def params(self) -> dict[str, Any]:
        """Vectors, number of shards and the other parameters."""
        params: dict[str, Any] = self.configuration["params"]
        return params

    @functools.cached_property
    def hash_ring(self) -> HashRing:
        """The ring that maps points to shards."""
        return HashRing(len(self.shards))

    def _shard_numbers(self) -> list[int]:
        # With custom sharding each shard key has its shards, and a standalone server can create no shard keys.
        if self.params.get("sharding_method") == "custom":
            return []
        return list(range(self.params["shard_number"]))

    def shard(self, number: int) -> Shard:
        """Return one shard. Raise ApiError 404."""
        if number not in self.shards:
            raise not_found(f"Shard {number} not found")
        return self.shards[number]

    def initializing_flag(self, number: int) -> Path:
        """Return the file that exists while data moves into a shard; at a start it means an interrupted move."""
        return self.path / f"shard_{number}.initializing"

    def close(self) -> None:
        """Close all shards."""
        for shard in self.shards.values():
            shard.close()

    def raise_if_dirty(self, action: str, *, reading: bool = True) -> None:
        """Raise ApiError 500 if a recovery of a shard was interrupted."""
        if not self.dirty:
            return
        message = f"Failed to {action},  {DIRTY}"
        if reading:
            failed = len(self.dirty)
            message = f"{failed} of {failed} read operations failed:\n  Service internal error: {message}"
        raise service_error(message)

    # --- settings -----------------------------------------------------------------------------------------------

    def patch(self, body: dict[str, Any]) -> None:
        """Change the configuration; it is on disk when this returns."""
        with self.lock:
            changed = configuration.apply_patch(self.configuration, body)
            documents.write(self.path / CONFIGURATION, changed)
            self.configuration = changed

    def save_schema(self, schema: dict[str, Any]) -> None:
        """Replace the payload-index schema."""
        documents.write(self.path / SCHEMA, {"schema": schema})
        self.schema = schema

    def create_index(self, field: str, schema: str | dict[str, Any]) -> int:
        """Build a payload index in every shard. Return the number of the operation."""
        with self.lock:
            self.raise_if_dirty("Update Points", reading=False)
            operation = edge.UpdateOperation.create_field_index(field, payload_indexes.to_engine(schema))
            numbers = [shard.apply_to_schema(operation) for shard in self.shards.values()]
            self.save_schema({**self.schema, field: schema})
            return max(numbers, default=0)

    def delete_index(self, field: str) -> int:
        """Delete a payload index from every shard, if there is one. Return the number of the operation."""
        with self.lock:
            self.raise_if_dirty("Update Points", reading=False)
            operation = edge.UpdateOperation.delete_field_index(field)
            numbers = [shard.apply_to_schema(operation) for shard in self.shards.values()]
            self.save_schema({key: value for key, value in self.schema.items() if key != field})
            return max(numbers, default=0)

    def build_missing_indexes(self) -> None:
        """Build the indexes of the schema that recovered segments lack."""
        for shard in self.shards.values():
            present = shard.engine.info().payload_schema if shard.has_segments() else {}
            for field, schema in self.schema.items():
                if field not in present:
                    shard.apply(edge.UpdateOperation.create_field_index(field, payload_indexes.to_engine(schema)))

    def describe(self) -> dict[str, Any]:
        """Return the result of `GET /collections/…`."""
        with self.lock:
            self.raise_if_dirty("Get Info")
            infos = [shard.engine.info() for shard in self.shards_with_segments()]
            fields: dict[str, Any] = {}
            for shard in self.shards_with_segments():
                fields |= shard.indexed_fields()
            return {
                "status": "green",
                "optimizer_status": "ok",
                "indexed_vectors_count": sum(info.indexed_vectors_count for info in infos),
                "points_count": sum(info.points_count for info in infos),
                "segments_count": sum(info.segments_count for info in infos) + len(self.shards) - len(infos),
                "config": configuration.to_json(self.configuration),
                "payload_schema": {
                    field: payload_indexes.to_json(schema, count_indexed_points(infos, field))
                    for field, schema in (fields | self.schema).items()
                },
                "update_queue": {"length": 0},
            }

    # --- writing ------------------------------------------------------------------------------------------------

    def shards_with_segments(self) -> list[Shard]:
        """Return the shards that hold something."""
        return [shard for shard in self.shards.values() if shard.has_segments()]

    def group_by_shard(self, ids: PointIds) -> dict[int, list[Any]]:
        """Return for each shard those of the ids that belong to it. Raise ApiError 400 if there are no shards."""
        if not self.shards:
            raise wrong_input("Shard key not specified")
        if len(self.shards) == 1:
            return {0: list(ids)}
        result: dict[int, list[Any]] = {}
        for point_id in ids:
            result.setdefault(self.hash_ring.get_shard(point_id), []).append(point_id)
        return result

    def apply_by_id(self, ids: PointIds, make: Callable[[list[Any]], Any]) -> int:
        """Apply an operation to the points with these ids. `make` builds it for a shard's ids. Return its number."""
        with self.lock:
            self.raise_if_dirty("Update Points", reading=False)
            if not ids:
                raise bad_request("Empty update request")
            number = 0
            for shard_number, shard_ids in self.group_by_shard(ids).items():
                number = max(number, self.shards[shard_number].apply(make(shard_ids)))
            return number

    def apply_by_filter(self, given: dict[str, Any], make: Callable[[Any], Any]) -> int:
        """Apply an operation to the points that match a filter. Return its number."""
        with self.lock:
            self.raise_if_dirty("Update Points", reading=False)
            operation = make(self.filter_to_engine(given))
            return max((shard.apply(operation) for shard in self.shards_with_segments()), default=0)

    # --- reading ------------------------------------------------------------------------------------------------

    def filter_to_engine(self, given: dict[str, Any] | None) -> Any:  # noqa: ANN401 - engine type
        """Return the filter as the engine takes it; `filters` explains why booleans are looked up here."""
        return filters.to_engine(given, self.find_ids_with_boolean)

    def find_ids_with_boolean(self, key: str, expected: bool) -> list[Any]:  # noqa: FBT001 - it is the value looked for
        """Return the ids of all points with that boolean under a payload key."""
        return [
            record.id
            for shard in self.shards_with_segments()
            for record in scroll_all(shard)
            if any(value is expected for value in filters.get_values(record.payload, key))
        ]

    def query_shards(self, ask: Callable[[Any], Any], action: str) -> list[Any]:
        """Return what the engine of every shard that holds something answers. Raise ApiError."""
        self.raise_if_dirty(action)
        with translate_engine_errors():
            return [ask(shard.engine) for shard in self.shards_with_segments()]

    def count(self, given: dict[str, Any] | None) -> int:
        """Return how many points match, counted exactly."""
        with self.lock:
            request = edge.CountRequest(exact=True, filter=self.filter_to_engine(given))
            return sum(self.query_shards(lambda engine: engine.count(request), "count"))

    def retrieve(self, ids: list[Any], payload: Any, vector: Any) -> list[Any]:  # noqa: ANN401 - selectors
        """Return the records of those ids that exist, in the order of the ids."""
        with self.lock:
            parts = self.query_shards(lambda engine: engine.retrieve(ids, payload, vector), "retrieve")
            positions = {str(point_id).lower(): position for position, point_id in enumerate(ids)}
            found = [record for part in parts for record in part]
            return sorted(found, key=lambda record: positions.get(str(record.id), 0))

    def point(self, point_id: Any, *, payload: Any, vector: Any) -> Any:  # noqa: ANN401 - a record
        """Return one record. Raise ApiError 404."""
        found = self.retrieve([point_id], payload, vector)
        if not found:
            raise not_found(f"Point with id {point_id} does not exists!")
        return found[0]

    def scroll(self, request: dict[str, Any], limit: int) -> list[Any]:
        """Return up to `limit` records from all shards in the order of their ids, or of `order_by`."""
        with self.lock:
            engine_request = edge.ScrollRequest(**{**request, "limit": limit})
            found = [
                one
                for page, _ in self.query_shards(lambda engine: engine.scroll(engine_request), "Scroll")
                for one in page
            ]
            if request.get("order_by") is None:
                return sorted(found, key=lambda one: point_id_sort_key(one.id))[:limit]
            descending = request["order_by"].direction == edge.Direction.Desc
            return sorted(found, key=lambda one: one.order_value, reverse=descending)[:limit]


def count_indexed_points(infos: list[Any], field: str) -> int:
    """Return how many points of all shards a payload index holds."""
    return sum(info.payload_schema[field].points for info in infos if field in info.payload_schema)


def scroll_all(shard: Shard) -> Iterable[Any]:
    """Yield all records of a shard with their payload."""
    offset = None
    while True:
        page, offset = shard.engine.scroll(edge.ScrollRequest(offset=offset, limit=BATCH, with_payload=True))
        yield from page
        if offset is None:
            return
