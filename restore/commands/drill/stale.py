"""Remove what killed drills left: only temporary collections that the marker of a dead drill names."""

from restore.commands.drill.session import DrillSession
from restore.commands.drill.temporary_collection import remove_temporary_collection
from restore.errors import LockedError, RestoreError
from restore.qdrant.collection_names import find_attempts, is_marker, is_temporary
from restore.qdrant.model import UnreadableCollection
from restore.recovery.marker.model import Marker, Phase, TargetBefore, parse_marker
from restore.recovery.marker.watch import MarkerGone, watch_marker
from restore.recovery.target_state import ObservedMarker, observe_marker
from restore.recovery.transfer.wait_idle import wait_settled


def remove_stale_drills(session: DrillSession) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Remove them. Return the temporary collections removed, and sentences about those that could not be.

    A living drill's are left to it: that costs ten seconds of watching.
    """
    removed: list[str] = []
    warnings: list[str] = []
    for seen, marker in _find_markers(session):
        try:
            removed += _remove(session, seen, marker.collection)
        except LockedError:
            session.log("drill.another_runs", marker=seen.name)
        except RestoreError as error:
            warnings.append(f"what a dead drill left (marker '{seen.name}') could not be removed: {error}")
    return tuple(removed), tuple(warnings)


def _find_markers(session: DrillSession) -> list[tuple[ObservedMarker, Marker]]:
    """Return the markers of drills. A restore's marker names a collection that is no temporary collection."""
    found: list[tuple[ObservedMarker, Marker]] = []
    for name in filter(is_marker, session.qdrant.list_collections()):
        info = session.qdrant.get_collection(name)
        if info is None or isinstance(info, UnreadableCollection):
            continue
        marker = parse_marker(info.metadata)
        if marker is None or not is_temporary(marker.collection) or marker.was is not TargetBefore.ABSENT:
            continue
        attempts = find_attempts(marker.collection, [name])
        found += [(observe_marker(name, attempt, info.metadata), marker) for attempt in attempts]
    return found


def _remove(session: DrillSession, seen: ObservedMarker, target: str) -> list[str]:
    """Return the names of what was removed, none when another run did it. Raise `LockedError` while it lives."""
    stale = watch_marker(session, seen, target=target, timeout_seconds=0.0)
    if isinstance(stale, MarkerGone) or stale.marker is None or stale.marker.collection != target:
        return []
    if stale.marker.phase is not Phase.MARKED:
        wait_settled(session, target, stale.marker.sent)
        remove_temporary_collection(session.qdrant, target, stale.marker.sent)
    session.qdrant.delete_collection(stale.name)
    session.log("drill.leftover_removed", collection=target, holder=stale.marker.holder)
    return [target]
