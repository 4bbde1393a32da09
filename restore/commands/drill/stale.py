"""Remove what killed drills left: only a scratch collection that the mark of a dead drill names."""

from __future__ import annotations

from restore.commands.drill.session import DrillSession
from restore.commands.drill.temporary_collection import remove_temporary_collection
from restore.errors import LockedError, RestoreError
from restore.qdrant.collection_names import find_attempts, is_marker, is_temporary
from restore.qdrant.model import UnreadableCollection
from restore.recovery.marker.model import Phase, TargetBefore, parse_beat, parse_marker
from restore.recovery.marker.watch import watch_marker
from restore.recovery.target_state import ObservedMarker
from restore.recovery.transfer.wait_idle import wait_settled


def remove_stale_drills(session: DrillSession, *, stall_seconds: float) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Remove them; gives the scratch collections removed, and sentences about those that could not be.

    A living drill's are left to it: that costs ten seconds of watching.
    """
    removed: list[str] = []
    warnings: list[str] = []
    for seen in _find_marks(session):
        try:
            if name := _remove(session, seen, stall_seconds=stall_seconds):
                removed.append(name)
        except LockedError:
            session.log("drill.another_runs", marker=seen.name)
        except RestoreError as error:
            warnings.append(f"what a dead drill left (mark '{seen.name}') could not be removed: {error}")
    return tuple(removed), tuple(warnings)


def _find_marks(session: DrillSession) -> list[ObservedMarker]:
    """Give the marks of drills. A mark of a restore names a collection that is no scratch collection."""
    found: list[ObservedMarker] = []
    for name in filter(is_marker, session.qdrant.list_collections()):
        info = session.qdrant.get_collection(name)
        if info is None or isinstance(info, UnreadableCollection):
            continue
        marker = parse_marker(info.metadata)
        if marker is None or not is_temporary(marker.collection) or marker.was is not TargetBefore.ABSENT:
            continue
        attempts = find_attempts(marker.collection, [name])
        found += [
            ObservedMarker(name, attempt, marker, parse_beat(info.metadata, marker.token)) for attempt in attempts
        ]
    return found


def _remove(session: DrillSession, seen: ObservedMarker, *, stall_seconds: float) -> str:
    """Give the name of what was removed; empty when somebody else did it. Raises `LockedError` while it lives."""
    target = seen.marker.collection if seen.marker else seen.name
    stale = watch_marker(
        session.qdrant,
        session.clock,
        session.log,
        seen,
        target=target,
        timeout_seconds=0.0,
        stall_seconds=stall_seconds,
    )
    if stale is None or stale.marker is None or stale.marker.collection != target:
        return ""
    if stale.marker.phase is not Phase.MARKED:
        wait_settled(
            session.qdrant,
            session.clock,
            session.log,
            target=target,
            sent=stale.marker.sent,
            stall_seconds=stall_seconds,
        )
        remove_temporary_collection(session.qdrant, target, stale.marker.sent)
    session.qdrant.delete_collection(stale.name)
    session.log("drill.leftover_removed", collection=target, holder=stale.marker.holder)
    return target
