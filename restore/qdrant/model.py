"""What a Qdrant server says of itself and its collections, as values instead of raw JSON."""

from typing import Any

import msgspec


class CollectionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A collection that answers. `config` is as the server gave it; `payload_schema` has no counts.

    `points` is approximate; `deferred_points` are stored but hidden until optimised.
    """

    status: str
    optimizer_status: str
    points: int
    deferred_points: int
    config: dict[str, Any]
    payload_schema: dict[str, Any]
    metadata: dict[str, Any]


class UnreadableCollection(msgspec.Struct, frozen=True):
    """A collection that is listed and does not answer. `reason` is what the server says."""

    reason: str

    @property
    def is_half_made(self) -> bool:
        """True for what only a restore leaves that was killed while the data moved in."""
        return "dirty shard" in self.reason.lower()


class RunningOperations(msgspec.Struct, frozen=True):
    """The recoveries and snapshot creations that run under one collection name."""

    recoveries: int
    creations: int


class CollectionLimit(msgspec.Struct, frozen=True):
    """How many collections there are and how many there may be (None: no limit)."""

    collections: int
    limit: int | None


class ServerRoom(msgspec.Struct, frozen=True):
    """The disk below the server's storage, since 1.19: its size in bytes and its used part; None where not said.

    `over_quota`: the server refuses to write more (507), although a recovery is not refused.
    """

    disk_bytes: int | None
    used_percent: int | None
    over_quota: bool

    @property
    def free_bytes(self) -> int | None:
        """How much is free, to one percent of the disk; None where the server does not say."""
        if self.disk_bytes is None or self.used_percent is None:
            return None
        return self.disk_bytes * max(100 - self.used_percent, 0) // 100


class ShardUpdates(msgspec.Struct, frozen=True):
    """A shard's last operation number and the length of its update queue; None where the server says neither."""

    shard: int
    operation: int | None
    queue: int | None


class SnapshotDescription(msgspec.Struct, frozen=True):
    """A snapshot on the server. `checksum` is 64 hex digits or None; `created` as the server wrote it (UTC)."""

    name: str
    size: int
    checksum: str | None = None
    created: str | None = None


class Point(msgspec.Struct, frozen=True):
    """One point with its payload and vectors as Qdrant's JSON has them."""

    id: int | str
    payload: dict[str, Any] | None = None
    vector: Any = None


class SearchHit(msgspec.Struct, frozen=True):
    """One point that a search found, with its score: a similarity, or a distance."""

    id: int | str
    score: float
