"""Whether a server can take an archive. Decided before anything is sent, from what is known here.

The server itself answers 200 to some of these and restores nothing: a custom-sharded archive leaves an empty
collection (measured on three nodes of 1.18.3), a RocksDB id tracker is dropped with a warning in its log.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from restore.errors import IncompatibleError, IntegrityError
from restore.qdrant.version import FIRST_WITHOUT_ROCKSDB, OLDEST_SUPPORTED, Version, parse_version
from restore.recovery.comparison import find_shape_differences
from restore.snapshots.archive import Archive, find_part_problem, refuse_kind
from restore.snapshots.manifest import Manifest

_TURBO_DATATYPES = {"turbo4": (1, 19), "turbo8": (1, 20), "turbo16": (1, 20)}
# Since 1.20 vectors lie inside the graph's file (`GraphInline`), which 1.19 does not know.
_INLINE_GRAPH = (1, 20)
_IN_RAM_MMAP = "InRamMmap"


class VersionGap(msgspec.Struct, frozen=True):
    """The server is neither of the snapshot's minor version nor of the next: unsupported, and often fine."""

    snapshot: Version
    server: Version

    def __str__(self) -> str:
        """Return a sentence with both versions."""
        return f"the snapshot was made by Qdrant {self.snapshot}, this server is {self.server}"


def check_compatibility(
    archive: Archive, *, file: str, server: Version, manifest: Manifest | None = None
) -> VersionGap | None:
    """Return the gap between the snapshot's version and the server's; None where upstream supports it, or unknown.

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
    refuse_newer_features(archive, file=file, made_by=made_by, server=server)
    return VersionGap(made_by, server) if made_by and not made_by.is_supported_on(server) else None


class NewerFeature(msgspec.Struct, frozen=True):
    """Something that a snapshot needs, and the first line of Qdrant that loads it."""

    name: str
    since: tuple[int, int]


def refuse_newer_features(archive: Archive, *, file: str, made_by: Version | None, server: Version) -> None:
    """Raise `IncompatibleError` for what an older server loads without its points, panics over, or refuses late.

    Each was measured or read in the source (1.18.3 panics over `turbo4`; `id_tracker.memory: cold` loads with 0
    points and no error).
    """
    for feature in find_newer_features(archive, made_by):
        if server.line < feature.since:
            first = f"{feature.since[0]}.{feature.since[1]}"
            raise IncompatibleError(
                f"snapshot '{file}' has {feature.name}, which Qdrant {server} cannot load: {first} is the first",
                hint=f"upgrade the server to {first} or newer, or make the snapshot again without that setting",
            )


def find_newer_features(archive: Archive, made_by: Version | None) -> Iterator[NewerFeature]:
    """Yield what the archive has that not every supported server loads. `made_by` is None when it is not known."""
    params = archive.config.get("params")
    params = params if isinstance(params, dict) else {}
    if ("memory", "cold") in _walk(params.get("id_tracker")):
        yield NewerFeature("`id_tracker.memory: cold`", (1, 19))
    # A collection's metadata is its owner's: it may have any key.
    settings = list(_walk({key: value for key, value in archive.config.items() if key != "metadata"}))
    for datatype, since in _TURBO_DATATYPES.items():
        if ("datatype", datatype) in settings:
            yield NewerFeature(f"vectors of datatype `{datatype}`", since)
    quantizations = [value for key, value in settings if key == "quantization_config" and isinstance(value, dict)]
    turbo = [value["turbo"] for value in quantizations if "turbo" in value]
    if any(("bits", "bits8") in _walk(value) for value in turbo):
        yield NewerFeature("TurboQuant with `bits8`", (1, 20))
    if turbo:
        yield NewerFeature("TurboQuant", (1, 18))
    if made_by and made_by.line >= _INLINE_GRAPH and ("inline_storage", True) in settings:
        yield NewerFeature("an HNSW index with `inline_storage` as Qdrant 1.20 writes it", _INLINE_GRAPH)
    if _IN_RAM_MMAP in archive.storage_types:
        yield NewerFeature(f"vectors stored as `{_IN_RAM_MMAP}`", (1, 17))
    if any(key == "stemmer" and _is_no_stemmer(value) for key, value in _walk(archive.payload_schema)):
        yield NewerFeature("a text index with stemmer `none`", (1, 19))


def _is_no_stemmer(value: object) -> bool:
    return isinstance(value, dict) and value.get("type") == "none"


def _walk(document: object) -> Iterator[tuple[str, Any]]:
    """Yield every key of a JSON document with its value, at any depth."""
    if isinstance(document, list):
        for item in document:
            yield from _walk(item)
    elif isinstance(document, dict):
        for key, value in document.items():
            yield key, value
            yield from _walk(value)


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
