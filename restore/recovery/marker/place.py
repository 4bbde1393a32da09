"""Place a marker on the target's server: the sign of a restore in progress, and the lock that only one run gets.

Creating a collection is atomic (eight at once: one 200, seven 409), so the run that creates the marker holds the
target. `heartbeat` shows that the run is alive; `watch` looks at it.
"""

import msgspec

from restore.errors import Interrupted, LockedError, QdrantError, RefusedError, RestoreError
from restore.qdrant.client import Qdrant
from restore.qdrant.collection_names import find_attempts, name_marker
from restore.qdrant.model import UnreadableCollection
from restore.qdrant.transport.exchange import READ_SECONDS
from restore.recovery.marker.heartbeat import Heartbeat
from restore.recovery.marker.model import (
    Marker,
    Phase,
    SentTransfer,
    TargetBefore,
    describe_marker,
    parse_marker,
)
from restore.recovery.request import SnapshotCandidate
from restore.recovery.session import RecoverySession
from restore.system.text import format_count

# Two requests before a signal ends the process: read whose the marker is, and delete it.
_LAST_REQUEST_SECONDS = 0.75


class OwnMarker:
    """A marker that this run holds. Its heartbeat goes on until `stop`.

    `supersedes` names an older marker that still stands for the same work, so that ours may be deleted on every way
    out. `deleted`: there is nothing of ours to delete any more.
    """

    def __init__(self, qdrant: Qdrant, name: str, attempt: int, marker: Marker, *, supersedes: str = "") -> None:
        self._qdrant = qdrant
        self.supersedes = supersedes
        self.name = name
        self.attempt = attempt
        self.marker = marker
        self.deleted = False
        self._heartbeat = Heartbeat(qdrant.clone(), name, marker.token)

    @property
    def phase(self) -> Phase:
        """The phase that the server was told last."""
        return self.marker.phase

    def set_snapshot(self, *, snapshot: str, sha256: str, size: int) -> None:
        """Note which snapshot is sent under this marker: the look after it was placed may have found another one.

        `record_sent` writes it to the server.
        """
        self.marker = msgspec.structs.replace(self.marker, snapshot=snapshot, sha256=sha256, size=size)

    def record_sent(self, sent: SentTransfer, was: TargetBefore, aliases: tuple[str, ...]) -> None:
        """Write what is about to be sent, and onto what. After an error the marker may say either: both are safe."""
        # Noted here first: after a lost answer we must not believe that nothing was sent.
        self.marker = msgspec.structs.replace(self.marker, phase=Phase.SENT, sent=sent, was=was, aliases=aliases)
        changed = ("phase", "sent", "was", "aliases", "snapshot", "sha256", "size")
        fields = msgspec.to_builtins(self.marker)
        self._qdrant.patch_metadata(self.name, {key: fields[key] for key in changed})

    def record_verified(self) -> None:
        """Write that the data was compared and is whole."""
        self._qdrant.patch_metadata(self.name, {"phase": str(Phase.VERIFIED)})
        self.marker = msgspec.structs.replace(self.marker, phase=Phase.VERIFIED)

    def check(self) -> None:
        """Raise `LockedError` when another run took over while this one was asleep.

        Called before each destructive request: the marker must be ours, and no higher attempt there.
        """
        found = self._qdrant.get_collection(self.name)
        marker = None if found is None or isinstance(found, UnreadableCollection) else parse_marker(found.metadata)
        attempts = find_attempts(self.marker.collection, self._qdrant.list_collections())
        if marker is None or marker.token != self.marker.token or attempts[-1:] != [self.attempt]:
            self.stop()
            # A marker of this name may be another run's by now.
            self.deleted = marker is None or marker.token != self.marker.token
            raise LockedError(
                f"collection '{self.marker.collection}': another run took over this restore",
                left="it is left to that run",
                hint="was this machine or container suspended? Run it again to see how the other run ended",
            )

    def stop(self) -> None:
        """End the heartbeat; the marker stays."""
        self._heartbeat.stop()

    def drop(self, *, seconds: float = 30.0) -> None:
        """End the heartbeat and delete the marker, unless another run has done it. Idempotent."""
        self.stop()
        for last in (False, True):
            try:
                # Read each time: after a lost answer, or a long sleep, the name may be another run's.
                if _is_ours(self._qdrant, self.name, self.marker.token):
                    self._qdrant.delete_collection(self.name, seconds=seconds)
            except QdrantError as error:
                if error.http_status is not None or last:
                    raise
                continue
            break
        self.deleted = True

    def drop_on_the_way_out(self) -> bool:
        """Delete the marker after a failure. False when that failed too: then the next run does it."""
        self.stop()
        self.deleted = _withdraw(self._qdrant, self.name, self.marker.token)
        return self.deleted


class MarkerTaken(msgspec.Struct, frozen=True):
    """Another run has placed the marker of this attempt."""


def make_marker(session: RecoverySession, candidate: SnapshotCandidate, target: str, was: TargetBefore) -> Marker:
    """Return the marker of a restore of this snapshot, before anything is sent. `was`: what the target is now."""
    return Marker(
        collection=target,
        token=session.token,
        holder=session.holder,
        since=session.clock.now().isoformat(timespec="seconds"),
        snapshot=candidate.name,
        sha256=candidate.manifest.sha256 if candidate.manifest else "",
        size=candidate.size,
        was=was,
        phase=Phase.MARKED,
    )


def place_marker(
    qdrant: Qdrant, marker: Marker, attempt: int, *, makes: int, supersedes: str = ""
) -> OwnMarker | MarkerTaken:
    """Create a marker's collection on the server, and start its heartbeat.

    `makes` is how many collections the restore itself adds. `supersedes` names the older marker of the work that is
    taken over. Raise `RefusedError` when the server has no room for the marker and its target.
    """
    needed = 1 + makes
    room = qdrant.read_room()
    if room.limit is not None and room.limit - room.collections < needed:
        raise RefusedError(
            f"collection '{marker.collection}': Qdrant holds {room.collections} of at most "
            f"{format_count(room.limit, 'collection')}, "
            f"this restore needs {needed} free (one for its marker)",
            left="nothing was changed",
            hint="raise max_collections on the server (QDRANT__STORAGE__MAX_COLLECTIONS), or remove a collection",
        )
    name = name_marker(marker.collection, attempt)
    try:
        created = _create(qdrant, name, marker)
    except Interrupted:
        _withdraw(qdrant, name, marker.token)
        raise
    return OwnMarker(qdrant, name, attempt, marker, supersedes=supersedes) if created else MarkerTaken()


def _withdraw(qdrant: Qdrant, name: str, token: str) -> bool:
    """Delete a marker within the last second of a run, unless it is another run's. False: the next run does it."""
    last = qdrant.clone()
    try:
        if _is_ours(last, name, token, seconds=_LAST_REQUEST_SECONDS, retry=False):
            last.delete_collection(name, seconds=_LAST_REQUEST_SECONDS)
    except RestoreError:
        return False
    finally:
        last.close()
    return True


def _create(qdrant: Qdrant, name: str, marker: Marker) -> bool:
    """Create the marker's collection. Return whether it is ours: after a lost answer, its token shows that."""
    for last in (False, False, True):
        try:
            if qdrant.create_collection(name, describe_marker(marker)):
                return True
        except QdrantError as error:
            if error.http_status is not None or last:
                raise
            continue
        return _is_ours(qdrant, name, marker.token)
    raise AssertionError("unreachable: the last try returns or raises")


def _is_ours(qdrant: Qdrant, name: str, token: str, *, seconds: float = READ_SECONDS, retry: bool = True) -> bool:
    found = qdrant.get_collection(name, seconds=seconds, retry=retry)
    if found is None or isinstance(found, UnreadableCollection):
        return False
    marker = parse_marker(found.metadata)
    return marker is not None and marker.token == token
