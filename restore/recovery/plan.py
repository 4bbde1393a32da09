"""Decide what a restore does with one collection. Every rule about skipping and refusing stands here.

It is decided twice: after the first look, and again when our marker is there. Only the second decision writes: a slow
second run that trusted its first look overwrote a live collection.
"""

from enum import StrEnum

import msgspec

from restore.errors import IncompatibleError, RefusedError, RestoreError
from restore.qdrant.model import UnreadableCollection
from restore.recovery.comparison import find_shape_differences
from restore.recovery.marker.model import TargetBefore
from restore.recovery.policy_choices import OnEmpty, OnExisting, OnMissing
from restore.recovery.request import MissingSnapshot, RestoreRequest, SnapshotCandidate, SnapshotChoice
from restore.recovery.target_state import Absent, AliasOf, ObservedMarker, Present, TargetState
from restore.system.text import format_count, format_time

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
    PRESENT_MARKS_HIDDEN = "present, markers could not be checked"
    EMPTY = "empty"
    NO_SNAPSHOT = "no snapshot"


class Skip(msgspec.Struct, frozen=True):
    """Nothing is written. `points` is what the collection holds, None when it is not there.

    It is an estimate when not `exact`.
    """

    reason: SkipReason
    points: int | None = None
    exact: bool = True


class Refuse(msgspec.Struct, frozen=True):
    """Nothing is written, and the collection fails with this error."""

    error: RestoreError


class Restore(msgspec.Struct, frozen=True, kw_only=True):
    """The snapshot is sent. `was` and `points` say what the target is before.

    `delete_first` when the configuration differs: a recovery onto a collection keeps the collection's own. `aliases`
    are those to put back afterwards.
    """

    was: TargetBefore
    points: int = 0
    delete_first: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def loses_points(self) -> bool:
        """True if existing points are removed before the snapshot is there."""
        return self.delete_first and self.was is TargetBefore.PRESENT


class WaitForOther(msgspec.Struct, frozen=True):
    """Another run's marker is there: watch it, wait for its holder or finish its work."""

    seen: ObservedMarker


class PlanAgain(msgspec.Struct, frozen=True):
    """The plan cannot be carried out: what it was made for has changed. Look at the target and plan again."""


Plan = Skip | Refuse | Restore | WaitForOther


class ReadDepth(StrEnum):
    """How much of a snapshot a decision needs."""

    NOTHING = "nothing"
    MANIFEST = "manifest"
    ARCHIVE = "archive"


def required_read_depth(request: RestoreRequest, state: TargetState, *, own: str = "") -> ReadDepth:
    """Return how much has to be read from the store before `plan_collection` can decide.

    A snapshot that was asked for by name is looked into whatever stands on the server.
    """
    if request.choice is not SnapshotChoice.LATEST:
        return ReadDepth.ARCHIVE
    if _find_foreign(state, own):
        return ReadDepth.NOTHING
    match state.target:
        case AliasOf():
            return ReadDepth.NOTHING
        case UnreadableCollection():
            return ReadDepth.ARCHIVE if _may_replace(request) else ReadDepth.NOTHING
        case Present(points=points) if points and not _may_replace(request):
            return ReadDepth.MANIFEST
        case Present(points=0) if request.policies.on_empty is OnEmpty.SKIP:
            return ReadDepth.NOTHING
        case _:
            return ReadDepth.ARCHIVE


def plan_collection(
    request: RestoreRequest,
    state: TargetState,
    candidate: SnapshotCandidate | MissingSnapshot,
    *,
    own: str = "",
) -> Plan:
    """Return what a restore does. `own` is the name of our own marker, empty before it is placed."""
    plan = _plan(request, state, candidate, own=own)
    if (
        isinstance(plan, Restore)
        and plan.was is TargetBefore.PRESENT
        and isinstance(candidate, SnapshotCandidate)
        and (refusal := refuse_gap(request, candidate))
    ):
        return Refuse(refusal)
    return plan


def refuse_gap(request: RestoreRequest, candidate: SnapshotCandidate) -> IncompatibleError | None:
    """Return the refusal to replace data with a snapshot that this server's version may not load; None if it may."""
    if not candidate.gap or request.policies.allow_version_gap:
        return None
    return IncompatibleError(
        f"collection '{request.target}': {candidate.gap}",
        left="left as it is",
        hint="another version's snapshot is unsupported upstream and would replace data: "
        "restore it under another name first (--to), or say --allow-version-gap",
    )


def _plan(
    request: RestoreRequest, state: TargetState, candidate: SnapshotCandidate | MissingSnapshot, *, own: str
) -> Plan:
    if (
        request.choice is not SnapshotChoice.LATEST
        and request.policies.on_missing is OnMissing.REFUSE
        and isinstance(candidate, MissingSnapshot)
    ):
        return Refuse(candidate.error)
    if foreign := _find_foreign(state, own):
        return WaitForOther(foreign[-1])
    match state.target:
        case AliasOf(collection=behind):
            return Refuse(_refuse_alias(request.target, behind))
        case Absent() if isinstance(candidate, MissingSnapshot):
            return _plan_missing(request, candidate)
        case Absent():
            return Restore(was=TargetBefore.ABSENT)
        case UnreadableCollection(reason=reason):
            return _plan_broken(request, state, candidate, reason)
        case Present(points=0):
            return _plan_empty(request, state, candidate)
        case Present(points=points):
            return _plan_present(request, state, candidate, points)


def _find_foreign(state: TargetState, own: str) -> list[ObservedMarker]:
    return [seen for seen in state.markers if seen.name != own]


def _may_replace(request: RestoreRequest) -> bool:
    return request.policies.on_existing is OnExisting.REPLACE and request.named


def _plan_missing(request: RestoreRequest, missing: MissingSnapshot) -> Plan:
    if request.policies.on_missing is OnMissing.SKIP:
        return Skip(SkipReason.NO_SNAPSHOT)
    return Refuse(missing.error)


def _plan_broken(
    request: RestoreRequest, state: TargetState, candidate: SnapshotCandidate | MissingSnapshot, reason: str
) -> Plan:
    if isinstance(candidate, SnapshotCandidate) and _may_replace(request):
        return Restore(was=TargetBefore.PRESENT, delete_first=True, aliases=state.aliases)
    return _refuse(
        f"collection '{request.target}' is there and does not answer ({reason})",
        hint=f"to put the snapshot in its place: {request.replace_command(candidate)}",
    )


def _plan_empty(request: RestoreRequest, state: TargetState, candidate: SnapshotCandidate | MissingSnapshot) -> Plan:
    if (
        isinstance(candidate, MissingSnapshot)
        or request.policies.on_empty is OnEmpty.SKIP
        or _promises_nothing(candidate)
    ):
        return Skip(SkipReason.EMPTY, 0)
    if request.policies.on_empty is OnEmpty.REFUSE:
        return _refuse(
            f"collection '{request.target}' is there with no points, and on_empty is refuse",
            hint="allow it with --on-empty restore, or remove the empty collection",
        )
    found = state.target.info.config if isinstance(state.target, Present) else candidate.config
    if not (differences := find_shape_differences(candidate.config, found)):
        return Restore(was=TargetBefore.EMPTY)
    if _may_replace(request):
        return Restore(was=TargetBefore.PRESENT, delete_first=True, aliases=state.aliases)
    return _refuse(
        f"collection '{request.target}' is there, empty, and not like the snapshot: {'; '.join(differences)}",
        hint="the application that created it and the snapshot disagree: remove one of them, or name the "
        f"collection and replace it: {request.replace_command(candidate)}",
    )


def _promises_nothing(candidate: SnapshotCandidate) -> bool:
    if candidate.manifest:
        return candidate.manifest.points == 0
    return candidate.archive is not None and candidate.archive.may_be_empty


def _plan_present(
    request: RestoreRequest, state: TargetState, candidate: SnapshotCandidate | MissingSnapshot, points: int
) -> Plan:
    match request.policies.on_existing:
        case OnExisting.SKIP if request.choice is SnapshotChoice.REQUESTED and isinstance(
            candidate, SnapshotCandidate
        ):
            return Refuse(_refuse_present(request, candidate, points))
        case OnExisting.SKIP:
            hidden = state.hidden
            exact = isinstance(state.target, Present) and state.target.exact
            return Skip(SkipReason.PRESENT_MARKS_HIDDEN if hidden else SkipReason.PRESENT, points, exact)
        case OnExisting.REFUSE:
            return _refuse(
                f"collection '{request.target}' is there with {format_count(points, 'point')}, and "
                "on_existing is refuse",
                hint="leave it with --on-existing skip, or name it and use --on-existing replace",
            )
        case OnExisting.REPLACE if not request.named:
            return _refuse(
                f"collection '{request.target}' is there with {format_count(points, 'point')} and "
                "was not named by itself",
                hint=f"replace acts on named collections only: {request.replace_command(candidate)}",
            )
        case OnExisting.REPLACE:
            return _plan_replace(request, state, candidate, points)


def _refuse_present(request: RestoreRequest, candidate: SnapshotCandidate, points: int) -> RefusedError:
    manifest = candidate.manifest
    has = "has no manifest"
    if manifest:
        about = "" if manifest.points_exact else "about "
        has = f"of {format_time(manifest.created)} has {about}{manifest.points:,}"
    return RefusedError(
        f"collection '{request.target}' is there with {format_count(points, 'point')}; "
        f"snapshot '{candidate.name}', which was asked for, {has}",
        left="left as it is",
        hint=f"to take it: {request.replace_command(candidate)}; to keep what is there: --on-existing skip",
    )


def _plan_replace(
    request: RestoreRequest, state: TargetState, candidate: SnapshotCandidate | MissingSnapshot, points: int
) -> Plan:
    if isinstance(candidate, MissingSnapshot) or not isinstance(state.target, Present):
        return _refuse(
            f"collection '{request.target}' holds {format_count(points, 'point')} and there is no "
            "snapshot to replace it with",
            hint=f"look what is there: qdrant-restore list {request.collection}",
        )
    same = has_same_configuration(candidate, state.target)
    return Restore(was=TargetBefore.PRESENT, points=points, delete_first=not same, aliases=state.aliases)


def has_same_configuration(candidate: SnapshotCandidate, target: Present) -> bool:
    """Return whether the target, which keeps its configuration in a recovery, has the snapshot's."""
    request, found = candidate.config, target.info.config
    return all(_normalise(request.get(key)) == _normalise(found.get(key)) for key in _CONFIGURATION)


def _normalise(value: object) -> object:
    """Return the value without what is not set: the server leaves such keys out, an archive writes null."""
    if isinstance(value, dict):
        inner = {key: _normalise(item) for key, item in value.items()}
        return {key: item for key, item in inner.items() if item not in (None, {}, [])} or None
    return value


def _refuse(message: str, *, hint: str) -> Refuse:
    return Refuse(RefusedError(message, left="left as it is", hint=hint))


def _refuse_alias(target: str, behind: str) -> RefusedError:
    return RefusedError(
        f"'{target}' is an alias of collection '{behind}': a restore onto it would overwrite '{behind}'",
        left="nothing was changed",
        hint=f"restore the collection itself ({behind}), or remove the alias first",
    )
