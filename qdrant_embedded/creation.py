"""Making a collection snapshot: the archive that a real server restores, out of the engine's shards."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qdrant_embedded import documents, shelf
from qdrant_embedded.answers import encoded, service_error
from qdrant_embedded.archive import ArchiveWriter
from qdrant_embedded.catalog import COLLECTION_FORMAT
from qdrant_embedded.collection import CONFIGURATION, KEYS, SCHEMA, VERSION_FILE

if TYPE_CHECKING:
    from qdrant_embedded.collection import Collection
    from qdrant_embedded.server import Server
    from qdrant_embedded.shard import Shard

WAL_SIZE = 4096
"""An empty write-ahead log segment needs only its header; the server takes any length that holds it."""


def create(server: Server, name: str) -> dict[str, Any]:
    """Snapshot the collection of that name. Raises Refusal; gives the description of the new file."""
    collection = server.catalog.get(name)
    directory = server.snapshots_of(collection.name)
    directory.mkdir(parents=True, exist_ok=True)
    final = directory / f"{collection.name}-{server.peer_id}-{shelf.timestamp()}{shelf.SUFFIX}"
    with server.gauges.creation(name):
        generation = collection.generation
        server.faults.reach("creating", name)
        handle, temporary = tempfile.mkstemp(prefix="snapshot-", dir=server.catalog.temporary_path)
        with os.fdopen(handle, "wb") as file:
            hashing = shelf.HashingFile(file)
            with collection.lock:
                collection.refuse_if_dirty("get_snapshot_creator", reading=False)
                if collection.generation != generation:  # the real server fails on it just so
                    raise service_error("Failed to create snapshot: a shard was replaced meanwhile")
                write_collection(ArchiveWriter(hashing), collection, server)
        return shelf.publish(Path(temporary), final, hashing.sha256.hexdigest())


def write_collection(archive: ArchiveWriter, collection: Collection, server: Server) -> None:
    """All members, the small documents last: an archive cut early has no configuration and is refused."""
    for number, shard in collection.shards.items():
        shard.flush()
        write_shard(archive, f"{number}/", shard, server)
    archive.add_bytes(VERSION_FILE, COLLECTION_FORMAT.encode())
    archive.add_bytes(CONFIGURATION, encoded(collection.configuration))
    archive.add_bytes(KEYS, encoded(documents.read(collection.path / KEYS, [])))
    archive.add_bytes(SCHEMA, encoded({"schema": collection.schema}))
    archive.finish()


def write_shard(archive: ArchiveWriter, prefix: str, shard: Shard, server: Server) -> None:
    """One flushed shard: its segments as inner archives, and a write-ahead log that goes on where it stood.

    Without the empty `closed-N` a server would number new operations below those in the segments, and would silently
    ignore every later update of an existing point.
    """
    for segment in sorted((shard.path / "segments").iterdir()):
        with tempfile.TemporaryFile(dir=server.catalog.temporary_path) as inner:
            writer = ArchiveWriter(inner)
            writer.add_directory("snapshot/files", segment)
            writer.finish()
            archive.add_open_file(f"{prefix}segments/{segment.name}.tar", inner)
    last = shard.last_version()
    following = 0 if last is None else last + 1
    archive.add_bytes(f"{prefix}wal/closed-{following}", (b"wal\0" + os.urandom(4)).ljust(WAL_SIZE, b"\0"))
    state = {"is_local": True, "this_peer_id": server.peer_id, "peers": {str(server.peer_id): "Active"}}
    archive.add_bytes(f"{prefix}replica_state.json", encoded(state))
    archive.add_bytes(f"{prefix}shard_config.json", b'{"type":"ReplicaSet"}')
