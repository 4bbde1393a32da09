"""What one look at a server showed: a target, its aliases and the markers for it."""

from typing import Any

import msgspec

from restore.qdrant.model import CollectionInfo, UnreadableCollection
from restore.recovery.marker.model import Marker, parse_beat, parse_marker


class Absent(msgspec.Struct, frozen=True):
    """There is no collection of this name."""


class AliasOf(msgspec.Struct, frozen=True):
    """The name is an alias of `collection`; an upload onto it would overwrite that collection."""

    collection: str


class Present(msgspec.Struct, frozen=True):
    """The collection is there and answers. `points` includes deferred ones; an estimate when not `exact`."""

    points: int
    info: CollectionInfo
    exact: bool = True


Target = Absent | AliasOf | UnreadableCollection | Present


class ObservedMarker(msgspec.Struct, frozen=True):
    """A marker as it was read. `marker` is None when its metadata is not ours.

    `beat` is its holder's heartbeat, None before the first.
    """

    name: str
    attempt: int
    marker: Marker | None
    beat: int | None


class TargetState(msgspec.Struct, frozen=True, kw_only=True):
    """One target at one moment. `markers` ascend by attempt; `hidden`: a scoped key could not see markers."""

    target: Target
    markers: tuple[ObservedMarker, ...] = ()
    aliases: tuple[str, ...] = ()
    hidden: bool = False


def observe_marker(name: str, attempt: int, metadata: dict[str, Any] | None) -> ObservedMarker:
    """Return the marker that this metadata describes."""
    marker = parse_marker(metadata)
    return ObservedMarker(name, attempt, marker, parse_beat(metadata, marker.token) if marker else None)
