"""Decide, for one wanted collection, what a restore does. Every rule about skipping and refusing stands here.

Decided twice: after the first look, and again after our mark is there; only the second decides anything that
writes (a slow second runner that trusted its first look overwrote a live collection).
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from restore.errors import IncompatibleError, RefusedError, RestoreError
from restore.qdrant.model import UnreadableCollection
from restore.recovery.comparison import find_shape_differences
from restore.recovery.marker.model import TargetBefore
from restore.recovery.policy import OnEmpty, OnExisting, OnMissing
from restore.recovery.request import RestoreRequest, SnapshotCandidate
from restore.recovery.target_state import Absent, AliasOf, ObservedMarker, Present, TargetState
from restore.system.text import format_count

_CONFIGURATION = (
    "params",
    "hnsw_config",
    "optimizer_config",
    "wal_config",
    "quantization_config",
    "strict_mode_config",
    "metadata",
)


class SkipReason(StrEnum):
    """Why a collection is skipped."""

    PRESENT = "present"
    PRESENT_MARKS_HIDDEN = "present, marks could not be checked"
    EMPTY = "empty"
    NO_SNAPSHOT = "no snapshot"


class Skip(msgspec.Struct, frozen=True):
    """Nothing is written. `points` is what the collection holds, None when it is not there."""

    reason: SkipReason
    points: int | None = None
    exact: bool = True


class Refuse(msgspec.Struct, frozen=True):
    """Nothing is written, and that is an error."""

    error: RestoreError


class Restore(msgspec.Struct, frozen=True, kw_only=True):
    """The snapshot is sent. `points` is what the target held.

    `delete_first` when the configuration differs: a recover onto a collection keeps the collection's own.
    """

    was: TargetBefore
    points: int = 0
    delete_first: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def loses_points(self) -> bool:
        """Tell whether points of others are removed before the snapshot is there."""
        return self.delete_first and self.was is TargetBefore.PRESENT


class WaitForOther(msgspec.Struct, frozen=True):
    """Somebody's mark is there: watch it, wait for its holder or finish its work."""

    seen: ObservedMarker


Plan = Skip | Refuse | Restore | WaitForOther


class ReadDepth(StrEnum):
    """How much of the store a decision needs."""

    NOTHING = "nothing"
    MANIFEST = "manifest"
    ARCHIVE = "archive"


def required_read_depth(wanted: RestoreRequest, look: TargetState, *, own: str = "") -> ReadDepth:
    """Say how much has to be read from the store before `plan_collection` can decide."""
    if _find_foreign(look, own):
        return ReadDepth.NOTHING
    match look.target:
        case AliasOf():
            return ReadDepth.NOTHING
        case UnreadableCollection():
            return ReadDepth.ARCHIVE if _may_replace(wanted) else ReadDepth.NOTHING
        case Present(points=points) if points and not _may_replace(wanted):
            return ReadDepth.MANIFEST
        case Present(points=0) if wanted.policies.on_empty is OnEmpty.SKIP:
            return ReadDepth.NOTHING
        case _:
            return ReadDepth.ARCHIVE


def plan_collection(
    wanted: RestoreRequest,
    look: TargetState,
    offer: SnapshotCandidate | None,
    missing: RestoreError | None = None,
    *,
    own: str = "",
) -> Plan:
    """Decide. `offer` is None when the store has no snapshot of it; `missing` is the error that says so.

    `own` is the name of our own mark, which is not somebody else's.
    """
    plan = _plan(wanted, look, offer, missing, own=own)
    if (
        isinstance(plan, Restore)
        and plan.was is TargetBefore.PRESENT
        and offer
        and (refusal := refuse_gap(wanted, offer))
    ):
        return Refuse(refusal)
    return plan


def refuse_gap(wanted: RestoreRequest, offer: SnapshotCandidate) -> IncompatibleError | None:
    """Give the refusal to replace data with a snapshot that this version may not be able to load."""
    if not offer.gap or wanted.policies.allow_version_gap:
        return None
    return IncompatibleError(
        f"collection '{wanted.target}': {offer.gap}",
        left="left as it is",
        hint="another version's snapshot is unsupported upstream and would replace data: "
        "restore it under another name first (--to), or say --allow-version-gap",
    )


def _plan(
    wanted: RestoreRequest,
    look: TargetState,
    offer: SnapshotCandidate | None,
    missing: RestoreError | None,
    *,
    own: str,
) -> Plan:
    if foreign := _find_foreign(look, own):
        return WaitForOther(foreign[-1])
    match look.target:
        case AliasOf(collection=behind):
            return Refuse(_refuse_alias(wanted.target, behind))
        case Absent() if offer is None:
            return _plan_missing(wanted, missing)
        case Absent():
            return Restore(was=TargetBefore.ABSENT)
        case UnreadableCollection(reason=reason):
            return _plan_broken(wanted, look, offer, reason)
        case Present(points=0):
            return _plan_empty(wanted, look, offer)
        case Present(points=points):
            return _plan_present(wanted, look, offer, points)


def _find_foreign(look: TargetState, own: str) -> list[ObservedMarker]:
    return [seen for seen in look.marks if seen.name != own]


def _may_replace(wanted: RestoreRequest) -> bool:
    return wanted.policies.on_existing is OnExisting.REPLACE and wanted.named


def _plan_missing(wanted: RestoreRequest, missing: RestoreError | None) -> Plan:
    if missing is None or wanted.policies.on_missing is OnMissing.SKIP:
        return Skip(SkipReason.NO_SNAPSHOT)
    return Refuse(missing)


def _plan_broken(wanted: RestoreRequest, look: TargetState, offer: SnapshotCandidate | None, reason: str) -> Plan:
    if offer and _may_replace(wanted):
        return Restore(was=TargetBefore.PRESENT, delete_first=True, aliases=look.aliases)
    return Refuse(
        RefusedError(
            f"collection '{wanted.target}' is there and does not answer ({reason})",
            left="left as it is",
            hint=f"to put the snapshot in its place: qdrant-restore restore {wanted.target} --on-existing replace",
        )
    )


def _plan_empty(wanted: RestoreRequest, look: TargetState, offer: SnapshotCandidate | None) -> Plan:
    if offer is None or wanted.policies.on_empty is OnEmpty.SKIP or _promises_nothing(offer):
        return Skip(SkipReason.EMPTY, 0)
    if wanted.policies.on_empty is OnEmpty.REFUSE:
        return Refuse(
            RefusedError(
                f"collection '{wanted.target}' is there with no points, and on_empty is refuse",
                left="left as it is",
                hint="allow it with --on-empty restore, or remove the empty collection",
            )
        )
    found = look.target.info.config if isinstance(look.target, Present) else offer.config
    if not (differences := find_shape_differences(offer.config, found)):
        return Restore(was=TargetBefore.EMPTY)
    if _may_replace(wanted):
        return Restore(was=TargetBefore.PRESENT, delete_first=True, aliases=look.aliases)
    return Refuse(
        RefusedError(
            f"collection '{wanted.target}' is there, empty, and not like the snapshot: {'; '.join(differences)}",
            left="left as it is",
            hint="the application that created it and the snapshot disagree: remove one of them, or name the "
            f"collection and replace it: qdrant-restore restore {wanted.target} --on-existing replace",
        )
    )


def _promises_nothing(offer: SnapshotCandidate) -> bool:
    if offer.manifest:
        return offer.manifest.points == 0
    return offer.archive is not None and offer.archive.may_be_empty


def _plan_present(wanted: RestoreRequest, look: TargetState, offer: SnapshotCandidate | None, points: int) -> Plan:
    match wanted.policies.on_existing:
        case OnExisting.SKIP:
            hidden = look.hidden
            exact = isinstance(look.target, Present) and look.target.exact
            return Skip(SkipReason.PRESENT_MARKS_HIDDEN if hidden else SkipReason.PRESENT, points, exact)
        case OnExisting.REFUSE:
            return Refuse(
                RefusedError(
                    f"collection '{wanted.target}' is there with {format_count(points, 'point')}, and "
                    "on_existing is refuse",
                    left="left as it is",
                    hint="leave it with --on-existing skip, or name it and use --on-existing replace",
                )
            )
        case OnExisting.REPLACE if not wanted.named:
            return Refuse(
                RefusedError(
                    f"collection '{wanted.target}' is there with {format_count(points, 'point')} and "
                    "was not named by itself",
                    left="left as it is",
                    hint=f"replace acts on named collections only: qdrant-restore restore {wanted.collection} "
                    "--on-existing replace",
                )
            )
        case OnExisting.REPLACE:
            return _plan_replace(wanted, look, offer, points)


def _plan_replace(wanted: RestoreRequest, look: TargetState, offer: SnapshotCandidate | None, points: int) -> Plan:
    if offer is None or not isinstance(look.target, Present):
        return Refuse(
            RefusedError(
                f"collection '{wanted.target}' holds {format_count(points, 'point')} and there is no "
                "snapshot to replace it with",
                left="left as it is",
                hint=f"look what is there: qdrant-restore list {wanted.collection}",
            )
        )
    same = has_same_configuration(offer, look.target)
    return Restore(was=TargetBefore.PRESENT, points=points, delete_first=not same, aliases=look.aliases)


def has_same_configuration(offer: SnapshotCandidate, target: Present) -> bool:
    """Tell whether a recover onto the target would give the snapshot's configuration: it keeps the target's own."""
    wanted, found = offer.config, target.info.config
    return all(_normalise(wanted.get(key)) == _normalise(found.get(key)) for key in _CONFIGURATION)


def _normalise(value: object) -> object:
    """Drop what is not set: the server leaves such keys out, an archive writes them as null."""
    if isinstance(value, dict):
        inner = {key: _normalise(item) for key, item in value.items()}
        return {key: item for key, item in inner.items() if item not in (None, {}, [])} or None
    return value


def _refuse_alias(target: str, behind: str) -> RefusedError:
    return RefusedError(
        f"'{target}' is an alias of collection '{behind}': a restore onto it would overwrite '{behind}'",
        left="nothing was changed",
        hint=f"restore the collection itself ({behind}), or remove the alias first",
    )
