"""What one look at a server showed: a target, its aliases and the marks for it."""

from __future__ import annotations

import msgspec

from restore.qdrant.model import CollectionInfo, UnreadableCollection
from restore.recovery.marker.model import Marker


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
    """A mark as it was read. `mark` is None when its metadata is not ours; `beat` when nobody raised it."""

    name: str
    attempt: int
    marker: Marker | None
    beat: int | None


class TargetState(msgspec.Struct, frozen=True, kw_only=True):
    """One target at one moment. `marks` ascend by attempt; `hidden` says a scoped key could not see marks."""

    target: Target
    markers: tuple[ObservedMarker, ...] = ()
    aliases: tuple[str, ...] = ()
    hidden: bool = False
