"""Recovering a collection from a snapshot, step by step in the order of a real server.

unpack aside (nothing is visible yet) → create the collection when it is missing → compare → per shard: flag, clear,
move in, load, unflag. A kill between any two leaves what a real server leaves; see the moments in `misbehaviour`.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qdrant_edge as edge

from qdrant_embedded import archive, configuration, documents
from qdrant_embedded.answers import Refusal, service_error, wrong_input
from qdrant_embedded.collection import CONFIGURATION, KEYS, SCHEMA
from qdrant_embedded.shard import engine_refusals

if TYPE_CHECKING:
    from qdrant_embedded.collection import Collection
    from qdrant_embedded.server import Server


def recover(server: Server, name: str, snapshot: Path) -> None:
    """Restore a snapshot file into the collection of that name (or behind that alias). Raises Refusal."""
    try:
        aside = Path(tempfile.mkdtemp(prefix=f"col-{name}-recovery-", dir=server.catalog.temporary_path))
    except OSError as error:  # a long name leaves no room for the rest
        raise service_error(f"File IO error: {error}") from error
    try:
        server.faults.reach("unpacking", name)
        settings, schema = unpack(snapshot, aside)
        collection = server.catalog.find(name)
        if collection is None:
            server.faults.reach("before-create", name)
            collection = server.catalog.create(name, settings, schema)
            server.faults.reach("after-create", name)
        refuse_difference(collection, settings)
        with collection.lock:
            for number in collection.shards:
                move_in(server, collection, number, aside / str(number))
            collection.complete_indexes()
        server.faults.reach("after-move", name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def unpack(snapshot: Path, aside: Path) -> tuple[configuration.Configuration, dict[str, Any]]:
    """Extract everything, inner archives included. The configuration and the payload-index schema."""
    archive.unpack(snapshot, aside)
    settings = documents.read(aside / CONFIGURATION)
    if settings is None:
        path = aside / CONFIGURATION
        raise service_error(f"File IO error: failed to open file `{path}`: No such file or directory (os error 2)")
    for number in shard_numbers(settings, aside):
        shard = aside / str(number)
        state = documents.read(shard / "replica_state.json", {})
        if not (shard / "shard_config.json").is_file():
            raise service_error(f"Can't read shard config at {shard}")
        if not state.get("is_local"):
            raise service_error(f"Can't restore snapshot in local mode with missing data at shard: {shard}")
        unnest(shard)
    return settings, documents.read(aside / SCHEMA, {"schema": {}})["schema"]


def shard_numbers(settings: configuration.Configuration, aside: Path) -> list[int]:
    """Which shards the archive must hold; with custom sharding, those of its keys."""
    if settings["params"].get("sharding_method") != "custom":
        return list(range(settings["params"]["shard_number"]))
    return [number for key in documents.read(aside / KEYS, []) for number in key["shard_ids"]]


def unnest(shard: Path) -> None:
    """Unpack the segments' inner archives in place: the engine does it when it unpacks nothing over them."""
    for segment in shard.glob("segments/*.tar"):
        if archive.holds_rocksdb(segment):
            raise service_error("RocksDB is not supported in this Qdrant version")
    nothing = shard.with_name(f"{shard.name}-nothing.tar")
    nothing.write_bytes(bytes(1024))
    with engine_refusals():
        edge.EdgeShard.unpack_snapshot(str(nothing), str(shard))


def refuse_difference(collection: Collection, settings: configuration.Configuration) -> None:
    """Refuse with 400 when vectors or the number of shards differ; the server compares nothing else."""
    # What else differs stays as the existing collection has it.
    ours, theirs = collection.params, settings["params"]
    sentence = "Snapshot is not compatible with existing collection: "
    if ours["vectors"] != theirs["vectors"]:
        here, there = configuration.vectors_in_rust(ours["vectors"]), configuration.vectors_in_rust(theirs["vectors"])
        raise wrong_input(f"{sentence}Collection vectors: {here} Snapshot Vectors: {there}")
    if ours["shard_number"] != theirs["shard_number"]:
        here, there = ours["shard_number"], theirs["shard_number"]
        raise wrong_input(f"{sentence}Collection shard number: {here} Snapshot shard number: {there}")


def move_in(server: Server, collection: Collection, number: int, incoming: Path) -> None:
    """Replace one shard's files by the unpacked ones and load them; what was there is gone from the first line on."""
    if not ((incoming / "wal").is_dir() and (incoming / "segments").is_dir()):
        return  # the server takes it for a shard that is not in the snapshot
    shard = collection.shards[number]
    collection.flag(number).touch()
    collection.dirty.add(number)
    collection.generation += 1
    shard.close()
    shutil.rmtree(shard.path, ignore_errors=True)
    server.faults.reach("while-moving", collection.name)
    shard.replace_with(incoming)
    try:
        shard.flush()
    except Refusal as refusal:  # the old data is gone by now, and the shard stays dirty
        raise service_error(f"Failed to load local shard {shard.path}: {refusal.sentence}") from refusal
    collection.flag(number).unlink()
    collection.dirty.discard(number)
