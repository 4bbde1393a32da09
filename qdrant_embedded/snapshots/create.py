"""Create snapshots: archives of the engine's shards that a real server restores."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qdrant_embedded import documents
from qdrant_embedded.engine.catalog import COLLECTION_FORMAT
from qdrant_embedded.engine.collection import CONFIGURATION, KEYS, SCHEMA, VERSION_FILE
from qdrant_embedded.errors import service_error
from qdrant_embedded.http.responses import encode_json
from qdrant_embedded.snapshots import files
from qdrant_embedded.snapshots.archive import ArchiveWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from qdrant_embedded.engine.collection import Collection
    from qdrant_embedded.engine.shard import Shard
    from qdrant_embedded.server import Server

WAL_SIZE = 4096
"""An empty segment of the write-ahead log needs only its header; the server takes any length that holds it."""

Description = dict[str, Any]


def write_snapshot(server: Server, final: Path, write: Callable[[ArchiveWriter], None]) -> Description:
    """Write an archive to a temporary file, then rename it and write its checksum file. Return its description."""
    final.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=server.catalog.temporary_path) as directory:
        temporary = Path(directory) / "snapshot"
        # Snapshots on a real server have this mode too.
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            hashing = files.HashingFile(file)
            archive = ArchiveWriter(hashing)
            write(archive)
            archive.finish()
        return files.publish(temporary, final, hashing.sha256.hexdigest())


def create_collection_snapshot(server: Server, name: str, directory: Path | None = None) -> Description:
    """Create a snapshot of a collection, in its own directory or another. Return its description. Raise ApiError."""
    collection = server.catalog.get(name)
    directory = directory or server.snapshots_of(collection.name)
    file_name = f"{collection.name}-{server.peer_id}-{files.format_now()}{files.SUFFIX}"
    generation = collection.generation

    def write(archive: ArchiveWriter) -> None:
        with collection.lock:
            collection.raise_if_dirty("get_snapshot_creator", reading=False)
            if collection.generation != generation:  # the real server fails here too
                raise service_error("Failed to create snapshot: a shard was replaced meanwhile")
            write_collection(archive, collection, server)

    with server.operations.count_creation(name):
        server.faults.reach("creating", name)
        return write_snapshot(server, directory / file_name, write)


def create_shard_snapshot(server: Server, name: str, number: int) -> Description:
    """Create a snapshot of one shard: its members at the top of the archive, and no configuration."""
    collection = server.catalog.get(name)
    file_name = f"{collection.name}-shard-{number}-{files.format_now()}{files.SUFFIX}"

    def write(archive: ArchiveWriter) -> None:
        with collection.lock:
            collection.raise_if_dirty("get_snapshot_creator", reading=False)
            write_shard(archive, "", collection.shard(number), server)

    return write_snapshot(server, server.shard_snapshots_of(collection.name, number) / file_name, write)


def create_full_snapshot(server: Server) -> Description:
    """Create a snapshot of all collections: one file that contains each collection's snapshot, and the aliases."""
    final = server.settings.snapshots / f"full-snapshot-{files.format_now()}{files.SUFFIX}"
    with tempfile.TemporaryDirectory(dir=server.catalog.temporary_path) as directory:
        parts = {
            name: create_collection_snapshot(server, name, Path(directory))["name"] for name in server.catalog.names()
        }
        names = {"collections_mapping": parts, "collections_aliases": server.catalog.aliases}

        def write(archive: ArchiveWriter) -> None:
            for part in parts.values():
                archive.add_file(part, Path(directory) / part)
            archive.add_bytes(CONFIGURATION, encode_json(names))

        return write_snapshot(server, final, write)


def write_collection(archive: ArchiveWriter, collection: Collection, server: Server) -> None:
    """Write all members, the small documents last: an archive that was cut has no configuration and is refused."""
    for number, shard in collection.shards.items():
        write_shard(archive, f"{number}/", shard, server)
    archive.add_bytes(VERSION_FILE, COLLECTION_FORMAT.encode())
    archive.add_bytes(CONFIGURATION, encode_json(collection.configuration))
    archive.add_bytes(KEYS, encode_json(documents.read(collection.path / KEYS, [])))
    archive.add_bytes(SCHEMA, encode_json({"schema": collection.schema}))


def write_shard(archive: ArchiveWriter, prefix: str, shard: Shard, server: Server) -> None:
    """Write one shard: its segments as inner archives, and a write-ahead log that continues at its last operation.

    Without the empty `closed-N`, a server numbers new operations below those in the segments, and silently ignores
    every later update of an existing point.
    """
    shard.flush()
    for segment in sorted((shard.path / "segments").iterdir()):
        with tempfile.TemporaryFile(dir=server.catalog.temporary_path) as inner:
            writer = ArchiveWriter(inner)
            writer.add_directory("snapshot/files", segment)
            writer.finish()
            archive.add_open_file(f"{prefix}segments/{segment.name}.tar", inner)
    last = shard.last_version()
    following = 0 if last is None else last + 1
    archive.add_bytes(f"{prefix}wal/closed-{following}", b"wal".ljust(WAL_SIZE, b"\0"))
    state = {"is_local": True, "this_peer_id": server.peer_id, "peers": {str(server.peer_id): "Active"}}
    archive.add_bytes(f"{prefix}replica_state.json", encode_json(state))
    archive.add_bytes(f"{prefix}shard_config.json", b'{"type":"ReplicaSet"}')
