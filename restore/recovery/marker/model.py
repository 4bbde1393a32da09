"""What a marker says: a vector-less collection on the server that shows a restore in progress.

The body is measured on a real server (13 ms to create, 2 ms to drop); metadata in create and patch exists since
1.16. A patch merges top-level keys, so a heartbeat never overwrites a phase.
"""

from enum import StrEnum
from typing import Any

import msgspec

BEAT_PREFIX = "beat-"


class Phase(StrEnum):
    """How far the restore behind a marker has come."""

    MARKED = "marked"
    SENT = "sent"
    VERIFIED = "verified"


class TargetBefore(StrEnum):
    """What the target was when it was marked."""

    ABSENT = "absent"
    EMPTY = "empty"
    PRESENT = "present"


class SentTransfer(msgspec.Struct, frozen=True):
    """What was sent: `kind` is `upload` or `server-file`, `size` in bytes, `at` in seconds since the epoch.

    `file` is the uploaded file's name on the server, empty for a server file.
    """

    kind: str
    size: int
    at: float
    file: str = ""


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """A marker's metadata. The attempt is in its name, the heartbeat under its holder's own key."""

    collection: str
    token: str
    holder: str
    since: str
    snapshot: str
    sha256: str
    size: int
    was: TargetBefore
    phase: Phase
    aliases: tuple[str, ...] = ()
    sent: SentTransfer | None = None


def describe_marker(marker: Marker) -> dict[str, Any]:
    """Return the body that creates this marker."""
    metadata: dict[str, Any] = msgspec.to_builtins(marker)
    metadata[BEAT_PREFIX + marker.token] = 0
    return {
        "vectors": {},
        "shard_number": 1,
        "wal_config": {"wal_capacity_mb": 1, "wal_segments_ahead": 0},
        "optimizers_config": {"default_segment_number": 1},
        "metadata": metadata,
    }


def parse_marker(metadata: dict[str, Any] | None) -> Marker | None:
    """Return the marker that this metadata describes; None when it is not one of ours, or half-made."""
    try:
        return msgspec.convert(metadata, Marker)
    except msgspec.ValidationError:
        return None


def parse_beat(metadata: dict[str, Any] | None, token: str) -> int | None:
    """Return the holder's heartbeat; None before the first."""
    beat = (metadata or {}).get(BEAT_PREFIX + token)
    return beat if isinstance(beat, int) else None
