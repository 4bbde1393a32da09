"""Whether a server can take an archive. Decided before anything is sent, from what is known here.

The server itself answers 200 to some of these and restores nothing: a custom-sharded archive leaves an empty
collection (measured on three nodes of 1.18.3), a RocksDB id tracker is dropped with a warning in its log.
"""

import msgspec

from restore.errors import IncompatibleError, IntegrityError
from restore.qdrant.version import FIRST_WITHOUT_ROCKSDB, OLDEST_SUPPORTED, Version, parse_version
from restore.recovery.comparison import find_shape_differences
from restore.snapshots.archive import Archive, find_part_problem, refuse_kind
from restore.snapshots.manifest import Manifest


class VersionGap(msgspec.Struct, frozen=True):
    """Snapshot and server are of different lines (1.17, 1.18): unsupported upstream, often fine, never certain."""

    snapshot: Version
    server: Version

    def __str__(self) -> str:
        """Return a sentence with both versions."""
        return f"the snapshot was made by Qdrant {self.snapshot}, this server is {self.server}"


def check_compatibility(
    archive: Archive, *, file: str, server: Version, manifest: Manifest | None = None
) -> VersionGap | None:
    """Return the gap between the snapshot's version and the server's; None when there is none, or it is not known.

    Raise `IncompatibleError`, naming both sides, for what this server cannot load, and `IntegrityError` for what
    no server made.
    """
    refuse_old_server(server)
    refuse_kind(archive, file=file)
    if manifest:
        refuse_contradiction(archive, manifest, file=file)
    if problem := find_part_problem(archive):
        elsewhere = "" if archive.custom_sharding else ", or make a snapshot where one node holds every shard"
        raise IncompatibleError(
            f"snapshot '{file}' {problem}; Qdrant {server} cannot restore it alone",
            hint=f"restore it on the cluster it came from{elsewhere}",
        )
    if archive.rocksdb and server.line >= FIRST_WITHOUT_ROCKSDB:
        raise IncompatibleError(
            f"snapshot '{file}' holds RocksDB files ('{archive.rocksdb}'), which Qdrant {server} "
            f"cannot load: they went with {FIRST_WITHOUT_ROCKSDB[0]}.{FIRST_WITHOUT_ROCKSDB[1]}",
            hint="restore it into Qdrant 1.16 or 1.17 first, wait until it is green, and make a new snapshot there",
        )
    made_by = parse_version(manifest.server_version) if manifest else None
    return VersionGap(made_by, server) if made_by and made_by.line != server.line else None


def refuse_contradiction(archive: Archive, manifest: Manifest, *, file: str) -> None:
    """Raise `IntegrityError` for a manifest that promises other vectors or shards than the file has."""
    if manifest.config and (found := find_shape_differences(archive.config, manifest.config)):
        raise IntegrityError(
            f"the manifest of snapshot '{file}' contradicts it: {'; '.join(found)}",
            hint="one of the two was changed or swapped: take another one with --snapshot, or make a new one",
        )


def refuse_old_server(server: Version) -> None:
    """Raise `IncompatibleError` for a server that is older than the oldest one supported."""
    if server < OLDEST_SUPPORTED:
        raise IncompatibleError(
            f"this server is Qdrant {server}, the oldest one supported is {OLDEST_SUPPORTED}",
            hint="upgrade Qdrant one minor version at a time",
        )
