"""What a snapshot archive contains, told by its headers and small documents, and what no server accepts."""

from enum import StrEnum
from typing import Any

import msgspec

from restore.errors import IncompatibleError, IntegrityError


class ArchiveKind(StrEnum):
    """What an archive was made of."""

    COLLECTION = "collection snapshot"
    SHARD = "shard snapshot"
    FULL = "full snapshot"
    FOREIGN = "something else"


class ArchivedShard(msgspec.Struct, frozen=True):
    """One shard of an archive. For the server it is present only with both `wal` and `segments`."""

    number: int
    has_wal: bool
    segments: int
    is_local: bool

    @property
    def is_whole(self) -> bool:
        """Return True if the server would restore this shard."""
        return self.has_wal and self.segments > 0 and self.is_local


class Archive(msgspec.Struct, frozen=True, kw_only=True):
    """A complete archive: every member lies inside the file, and the end marker is there.

    `size` is the file's, in bytes. `config` and `payload_schema` come from `config.json` and `payload_index.json`;
    empty where there is none. `rocksdb` is a member of a version that used RocksDB, `forbidden` the members that
    every server refuses (links, devices, pax headers, paths that lead outside); both are usually empty.
    `point_slots` is how many points the segments have had, deleted ones included. `storage_types` are the kinds of
    vector storage in the segments (`segment.json`).
    """

    kind: ArchiveKind
    size: int
    config: dict[str, Any]
    payload_schema: dict[str, Any]
    shards: tuple[ArchivedShard, ...]
    custom_sharding: bool
    rocksdb: str
    forbidden: tuple[str, ...]
    point_slots: int = 0
    storage_types: frozenset[str] = frozenset()

    @property
    def may_be_empty(self) -> bool:
        """Return True if the segments never had a point."""
        return self.point_slots == 0

    @property
    def shard_number(self) -> int:
        """Return how many shards the collection has: by its configuration, at least those in the archive."""
        number = self.config.get("params", {}).get("shard_number")
        return max(number if isinstance(number, int) else 0, len(self.shards))

    @property
    def missing_shards(self) -> tuple[int, ...]:
        """Return the shards whose data is not in the archive: they are on other nodes."""
        there = {shard.number for shard in self.shards if shard.is_whole}
        numbers = {shard.number for shard in self.shards}
        # Shards of custom keys are counted from 1 and named by the directories; others from 0.
        if not self.custom_sharding:
            numbers |= set(range(self.shard_number))
        return tuple(sorted(numbers - there))


def refuse_kind(archive: Archive, *, file: str) -> None:
    """Raise `IntegrityError` or `IncompatibleError` for an archive that no server accepts as a collection's."""
    match archive.kind:
        case ArchiveKind.COLLECTION if not archive.forbidden:
            return
        case ArchiveKind.COLLECTION:
            raise IntegrityError(
                f"snapshot '{file}' holds '{archive.forbidden[0]}', a member that no server accepts",
                hint="Qdrant never writes links, devices or paths that lead outside; get the original file",
            )
        case ArchiveKind.FOREIGN:
            raise IntegrityError(
                f"'{file}' is a tar archive, but no snapshot of Qdrant", hint="take another one with --snapshot"
            )
        case ArchiveKind.SHARD | ArchiveKind.FULL as kind:
            raise IncompatibleError(
                f"'{file}' is a {kind}, not a snapshot of one collection",
                hint="make one of the collection: qdrant-restore snapshot COLLECTION",
            )


def find_part_problem(archive: Archive) -> str:
    """Return why this archive alone does not restore the whole collection; empty if it does."""
    if archive.custom_sharding:
        return "is of a collection with custom shard keys, which a restore does not bring back"
    if missing := archive.missing_shards:
        numbers = ", ".join(str(number) for number in missing)
        return f"lacks the data of shard {numbers} of {archive.shard_number}: it was taken on one node of several"
    return ""
