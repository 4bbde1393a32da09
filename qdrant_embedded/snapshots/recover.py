"""Recover a collection from a snapshot, in the steps and the order of a real server.

Unpack into a temporary directory (nothing is visible yet); create the collection if it is missing; compare; then per
shard: set the initializing flag, clear, move in, load, remove the flag. A kill between two steps leaves what a
real server leaves; see the moments in `fault_injection`.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qdrant_edge as edge

from qdrant_embedded import documents
from qdrant_embedded.engine import configuration
from qdrant_embedded.engine.collection import CONFIGURATION, KEYS, SCHEMA
from qdrant_embedded.engine.shard import translate_engine_errors
from qdrant_embedded.errors import ApiError, service_error, wrong_input
from qdrant_embedded.snapshots import archive

if TYPE_CHECKING:
    from qdrant_embedded.engine.collection import Collection
    from qdrant_embedded.server import Server


def recover_collection(server: Server, name: str, snapshot: Path) -> None:
    """Recover the collection of that name, or behind that alias, from a snapshot file. Raise ApiError."""
    try:
        work_directory = Path(tempfile.mkdtemp(prefix=f"col-{name}-recovery-", dir=server.catalog.temporary_path))
    except OSError as error:  # a long name makes the path too long
        raise service_error(f"File IO error: {error}") from error
    try:
        server.faults.reach("unpacking", name)
        settings, schema = unpack(snapshot, work_directory)
        collection = server.catalog.find(name)
        if collection is None:
            server.faults.reach("before-create", name)
            collection = server.catalog.create(name, drop_read_fan_out(settings), schema)
            server.faults.reach("after-create", name)
        raise_if_incompatible(collection, settings)
        with collection.lock:
            for number in collection.shards:
                replace_shard(server, collection, number, work_directory / str(number))
            collection.build_missing_indexes()
        server.faults.reach("after-move", name)
    finally:
        shutil.rmtree(work_directory, ignore_errors=True)


def unpack(snapshot: Path, work_directory: Path) -> tuple[configuration.Configuration, dict[str, Any]]:
    """Extract everything, inner archives included. Return the configuration and the payload-index schema."""
    archive.unpack(snapshot, work_directory)
    settings = documents.read(work_directory / CONFIGURATION)
    if settings is None:
        path = work_directory / CONFIGURATION
        raise service_error(f"File IO error: failed to open file `{path}`: No such file or directory (os error 2)")
    for number in shard_numbers(settings, work_directory):
        shard = work_directory / str(number)
        state = documents.read(shard / "replica_state.json", {})
        if not (shard / "shard_config.json").is_file():
            raise service_error(f"Can't read shard config at {shard}")
        if not state.get("is_local"):
            raise service_error(f"Can't restore snapshot in local mode with missing data at shard: {shard}")
        unpack_segments(shard)
    return settings, documents.read(work_directory / SCHEMA, {"schema": {}})["schema"]


def drop_read_fan_out(settings: configuration.Configuration) -> configuration.Configuration:
    """Return the configuration that a recovery makes a new collection with (lib/storage collection_meta_ops.rs)."""
    lost = {"read_fan_out_factor", "read_fan_out_delay_ms"}
    return {**settings, "params": {key: value for key, value in settings["params"].items() if key not in lost}}


def shard_numbers(settings: configuration.Configuration, work_directory: Path) -> list[int]:
    """Return the shards that the archive must contain; with custom sharding, those of its shard keys."""
    if settings["params"].get("sharding_method") != "custom":
        return list(range(settings["params"]["shard_number"]))
    return [number for key in documents.read(work_directory / KEYS, []) for number in key["shard_ids"]]


def unpack_segments(shard: Path) -> None:
    """Unpack the segments' inner archives in place, by letting the engine unpack an empty archive over them."""
    for segment in shard.glob("segments/*.tar"):
        if archive.holds_rocksdb(segment):
            raise service_error("RocksDB is not supported in this Qdrant version")
    empty_archive = shard.with_name(f"{shard.name}-nothing.tar")
    empty_archive.write_bytes(bytes(1024))
    with translate_engine_errors():
        edge.EdgeShard.unpack_snapshot(str(empty_archive), str(shard))


def raise_if_incompatible(collection: Collection, settings: configuration.Configuration) -> None:
    """Raise ApiError 400 if vectors or the number of shards differ; the server compares nothing else."""
    # Other settings stay as the existing collection has them.
    ours, theirs = collection.params, settings["params"]
    message = "Snapshot is not compatible with existing collection: "
    if ours["vectors"] != theirs["vectors"]:
        here, there = (
            configuration.format_vectors_as_rust(ours["vectors"]),
            configuration.format_vectors_as_rust(theirs["vectors"]),
        )
        raise wrong_input(f"{message}Collection vectors: {here} Snapshot Vectors: {there}")
    if ours["shard_number"] != theirs["shard_number"]:
        here, there = ours["shard_number"], theirs["shard_number"]
        raise wrong_input(f"{message}Collection shard number: {here} Snapshot shard number: {there}")


def replace_shard(server: Server, collection: Collection, number: int, incoming: Path) -> None:
    """Replace one shard's files by the unpacked ones and load them. The old files are deleted first."""
    if not ((incoming / "wal").is_dir() and (incoming / "segments").is_dir()):
        return  # the server takes such a shard as not contained in the snapshot
    shard = collection.shards[number]
    collection.initializing_flag(number).touch()
    collection.dirty.add(number)
    collection.generation += 1
    shard.close()
    shutil.rmtree(shard.path, ignore_errors=True)
    server.faults.reach("while-moving", collection.name)
    shard.replace_with(incoming)
    try:
        shard.flush()
    except ApiError as error:  # the old data is deleted by now, and the shard stays dirty
        raise service_error(f"Failed to load local shard {shard.path}: {error.message}") from error
    collection.initializing_flag(number).unlink()
    collection.dirty.discard(number)
