"""What a snapshot file holds, as its headers and small documents tell it, and what no server takes."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from restore.errors import IncompatibleError, IntegrityError


class ArchiveKind(StrEnum):
    """What somebody made an archive of."""

    COLLECTION = "collection snapshot"
    SHARD = "shard snapshot"
    FULL = "full snapshot"
    FOREIGN = "something else"


class ArchivedShard(msgspec.Struct, frozen=True):
    """One shard of an archive. The server takes it for present only with both `wal` and `segments`."""

    number: int
    has_wal: bool
    segments: int
    is_local: bool

    @property
    def is_whole(self) -> bool:
        """Tell whether the server would restore this shard."""
        return self.has_wal and self.segments > 0 and self.is_local


class Archive(msgspec.Struct, frozen=True, kw_only=True):
    """A whole archive: every member lies inside the file and the end marker is there.

    `size` is the file's, in bytes. `config` and `payload_schema` are those of `config.json` and
    `payload_index.json`, empty where there is none. `rocksdb` names a member of the RocksDB era, `forbidden` the
    members that every server refuses (links, devices, pax headers, names outside); both empty as a rule.
    `point_slots` is how many points the segments have room for, deleted ones included: 0 when there never was one.
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

    @property
    def may_be_empty(self) -> bool:
        """Tell whether no points at all are what this archive promises."""
        return self.point_slots == 0

    @property
    def shard_number(self) -> int:
        """Give how many shards the collection has, by its configuration or by what is there."""
        number = self.config.get("params", {}).get("shard_number")
        return max(number if isinstance(number, int) else 0, len(self.shards))

    @property
    def missing_shards(self) -> tuple[int, ...]:
        """Give the shards whose data is not in here: they lay on other nodes."""
        there = {shard.number for shard in self.shards if shard.is_whole}
        numbers = {shard.number for shard in self.shards}
        # Shards of custom keys are counted from 1 and named by the directories; others from 0.
        if not self.custom_sharding:
            numbers |= set(range(self.shard_number))
        return tuple(sorted(numbers - there))


def refuse_kind(archive: Archive, *, file: str) -> None:
    """Raise for an archive that is no collection snapshot, or that every server refuses."""
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
    """Say why this archive alone does not make the collection whole; empty when it does."""
    if archive.custom_sharding:
        return "is of a collection with custom shard keys, which a restore does not bring back"
    if missing := archive.missing_shards:
        numbers = ", ".join(str(number) for number in missing)
        return f"lacks the data of shard {numbers} of {archive.shard_number}: it was taken on one node of several"
    return ""
