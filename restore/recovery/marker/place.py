"""Mark a target on its own server: the proof that a restore is in progress, and the lock that only one gets.

Creating a collection is atomic (eight at once: one 200, seven 409), so whoever creates a mark holds the target. A
thread raises the mark's beat every two seconds; a mark whose beat stands still belongs to nobody any more.
"""

from __future__ import annotations

import threading

import msgspec

from restore.errors import Interrupted, LockedError, QdrantError, RefusedError, RestoreError
from restore.qdrant.client import Qdrant
from restore.qdrant.collection_names import find_attempts, name_marker
from restore.qdrant.model import UnreadableCollection
from restore.recovery.marker.model import (
    BEAT_PREFIX,
    Marker,
    Phase,
    SentTransfer,
    TargetBefore,
    describe_marker,
    parse_marker,
)
from restore.system.text import format_count

_BEAT_SECONDS = 2.0
_LAST_WORD_SECONDS = 1.5


class OwnMarker:
    """A mark of ours. Its beat goes on until `stop`; `phase` is what the server was told last.

    `relieves` names an older mark that still stands for the same work, so that ours may go on every way out; `gone`
    says that there is nothing of ours to delete any more.
    """

    def __init__(self, qdrant: Qdrant, name: str, attempt: int, marker: Marker, *, supersedes: str = "") -> None:
        self._qdrant = qdrant
        self.supersedes = supersedes
        self.name = name
        self.attempt = attempt
        self.marker = marker
        self.gone = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, args=(qdrant.clone(),), daemon=True)
        self._thread.start()

    @property
    def phase(self) -> Phase:
        """Give the phase that the server was told last."""
        return self.marker.phase

    def set_snapshot(self, *, snapshot: str, sha256: str, size: int) -> None:
        """Note which snapshot is sent under this mark: a later look, or a takeover, may have found another one.

        Told to the server with `tell_sent`.
        """
        self.marker = msgspec.structs.replace(self.marker, snapshot=snapshot, sha256=sha256, size=size)

    def record_sent(self, sent: SentTransfer, was: TargetBefore, aliases: tuple[str, ...]) -> None:
        """Write what is about to be sent, and onto what. An error may leave the mark saying either: both are safe."""
        # First here: an answer that is lost must not make us believe that nothing was sent.
        self.marker = msgspec.structs.replace(self.marker, phase=Phase.SENT, sent=sent, was=was, aliases=aliases)
        changed = ("phase", "sent", "was", "aliases", "snapshot", "sha256", "size")
        told = msgspec.to_builtins(self.marker)
        self._qdrant.patch_metadata(self.name, {key: told[key] for key in changed})

    def record_verified(self) -> None:
        """Write that the data was compared and is whole."""
        self._qdrant.patch_metadata(self.name, {"phase": str(Phase.VERIFIED)})
        self.marker = msgspec.structs.replace(self.marker, phase=Phase.VERIFIED)

    def check(self) -> None:
        """Make sure that the mark is still ours and nobody started a higher attempt; ask before destroying.

        Raises `LockedError`: another run took over while we were asleep.
        """
        found = self._qdrant.get_collection(self.name)
        marker = None if found is None or isinstance(found, UnreadableCollection) else parse_marker(found.metadata)
        attempts = find_attempts(self.marker.collection, self._qdrant.list_collections())
        if marker is None or marker.token != self.marker.token or attempts[-1:] != [self.attempt]:
            self.stop()
            # A mark of this name may be another run's by now.
            self.gone = marker is None or marker.token != self.marker.token
            raise LockedError(
                f"collection '{self.marker.collection}': another run took over this restore",
                left="it is left to that run",
                hint="was this machine or container suspended? Run it again to see how the other run ended",
            )

    def stop(self) -> None:
        """End the beat; the mark stays."""
        self._ended.set()

    def drop(self, *, seconds: float = 30.0) -> None:
        """End the beat and delete the mark, unless another run has done it. Idempotent."""
        self.stop()
        for last in (False, True):
            try:
                # Looked at each time: after a lost answer, or a long sleep, the name may be another run's.
                if _is_ours(self._qdrant, self.name, self.marker.token):
                    self._qdrant.delete_collection(self.name, seconds=seconds)
            except QdrantError as error:
                if error.http_status is not None or last:
                    raise
                continue
            break
        self.gone = True

    def drop_on_the_way_out(self) -> bool:
        """Delete the mark although something went wrong. False when that failed too: then the next run does it."""
        self.stop()
        last = self._qdrant.clone()
        try:
            last.delete_collection(self.name, seconds=_LAST_WORD_SECONDS)
        except RestoreError:
            return False
        finally:
            last.close()
        self.gone = True
        return True

    def _beat(self, qdrant: Qdrant) -> None:
        count = 0
        while not self._ended.wait(_BEAT_SECONDS):
            count += 1
            try:
                qdrant.patch_metadata(self.name, {BEAT_PREFIX + self.marker.token: count})
            except RestoreError:
                # A missed beat is no trouble of the restore: ten seconds of them are needed to look dead.
                continue
        qdrant.close()


def place_marker(
    qdrant: Qdrant, marker: Marker, attempt: int, *, makes: int, supersedes: str = ""
) -> OwnMarker | None:
    """Create a mark. None: somebody else's is there. `makes`: how many collections the restore adds itself.

    `relieves` names the older one whose work it is about to take over.

    Raises `RefusedError` when the server has no room for a mark and its target.
    """
    needed = 1 + makes
    room = qdrant.read_room()
    if room.limit is not None and room.limit - room.collections < needed:
        raise RefusedError(
            f"collection '{marker.collection}': Qdrant holds {room.collections} of at most "
            f"{format_count(room.limit, 'collection')}, "
            f"this restore needs {needed} free (one for its mark)",
            left="nothing was changed",
            hint="raise max_collections on the server (QDRANT__STORAGE__MAX_COLLECTIONS), or remove a collection",
        )
    name = name_marker(marker.collection, attempt)
    try:
        created = _create(qdrant, name, marker)
    except Interrupted:
        _withdraw(qdrant, name, marker.token)
        raise
    return OwnMarker(qdrant, name, attempt, marker, supersedes=supersedes) if created else None


def _withdraw(qdrant: Qdrant, name: str, token: str) -> None:
    """Delete a mark whose creation was interrupted, when it was made after all; else the next run does it."""
    last = qdrant.clone()
    try:
        if _is_ours(last, name, token):
            last.delete_collection(name, seconds=_LAST_WORD_SECONDS)
    except RestoreError:
        return
    finally:
        last.close()


def _create(qdrant: Qdrant, name: str, marker: Marker) -> bool:
    """Create the mark's collection; a lost answer is asked for again, and our own token says that it was done."""
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


def _is_ours(qdrant: Qdrant, name: str, token: str) -> bool:
    found = qdrant.get_collection(name)
    if found is None or isinstance(found, UnreadableCollection):
        return False
    marker = parse_marker(found.metadata)
    return marker is not None and marker.token == token
