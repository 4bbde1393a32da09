"""The temporary collection of one drill: filled under a marker, and dropped on every way out.

The marker is placed before anything is sent and dropped last. So whatever a killed drill leaves is known to be a
drill's: its marker names the temporary collection, and its heartbeat stands still.
"""

import contextlib
import threading
from types import TracebackType
from typing import Self

from restore.errors import Interrupted, RestoreError, add_facts
from restore.qdrant.client import Qdrant
from restore.recovery.finish import delete_stranded_upload, delete_upload
from restore.recovery.marker.model import Phase, SentTransfer
from restore.recovery.marker.place import OwnMarker
from restore.recovery.session import RecoverySession
from restore.recovery.transfer.deliver import SnapshotDelivery
from restore.recovery.transfer.wait_idle import quiet_seconds

_PAUSE_SECONDS = 0.1
_TIMEOUT_SECONDS = 120.0
# A signal must end us within 2 s.
_INTERRUPTED_SECONDS = 1.4
_INTERRUPTED_TIMEOUT_SECONDS = 1.0


class TemporaryCollection:
    """A context in which a temporary collection is there, or may come to be there. It is dropped on every way out.

    `left` says afterwards what stayed, empty when nothing did. An error is then raised anew, from the original, with
    that added.
    """

    def __init__(self, session: RecoverySession, own_marker: OwnMarker, delivery: SnapshotDelivery) -> None:
        self._session = session
        self._own_marker = own_marker
        self._delivery = delivery
        self._name = own_marker.marker.collection
        self.left = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.left = self._drop_at_once() if isinstance(error, Interrupted) else self._drop_patiently()
        if self.left and isinstance(error, RestoreError | Interrupted):
            raise add_facts(error, left=self.left) from error

    def _drop_patiently(self) -> str:
        try:
            return self._drop(self._session.qdrant, _TIMEOUT_SECONDS)
        except Interrupted as interrupted:
            raise add_facts(interrupted, left=self._drop_at_once()) from interrupted

    def _drop_at_once(self) -> str:
        """Drop it within the time that a signal leaves, over a connection of its own: ours may be in use."""
        left = [self._describe_left("no answer in time")]

        def work() -> None:
            with contextlib.closing(self._session.qdrant.clone()) as last:
                left[:] = [self._drop(last, _INTERRUPTED_TIMEOUT_SECONDS)]

        worker = threading.Thread(target=work, name="drop", daemon=True)
        worker.start()
        worker.join(_INTERRUPTED_SECONDS)
        return left[0]

    def _drop(self, qdrant: Qdrant, timeout_seconds: float) -> str:
        """Drop the file, the collection and the marker, in this order. Return what is left, empty for nothing."""
        try:
            if self._own_marker.phase is not Phase.MARKED:
                if not self._is_settled(qdrant, timeout_seconds):
                    return self._describe_left("the server is still loading it")
                remove_temporary_collection(qdrant, self._name, self._own_marker.marker.sent)
        except RestoreError as error:
            return self._describe_left(error.message)
        if not self._own_marker.drop_on_the_way_out():
            return f"the marker '{self._own_marker.name}' of the drill; the next drill removes it"
        return ""

    def _describe_left(self, reason: str) -> str:
        self._own_marker.stop()
        return f"the temporary collection '{self._name}' and its marker ({reason}); the next drill removes them"

    def _is_settled(self, qdrant: Qdrant, timeout_seconds: float) -> bool:
        """Wait until nothing is coming any more; False when it takes longer.

        The server counts a recovery before it makes the collection, and no other program makes one of this name. So a
        collection that is there without a running recovery is the end of it. An upload is hashed before it counts.
        """
        if not self._delivery.may_arrive:
            return True
        clock = self._session.clock
        begin = quiet_since = clock.read_seconds()
        quiet = quiet_seconds(self._own_marker.marker.sent)
        while True:
            running = qdrant.read_activity(self._name).recoveries
            now = clock.read_seconds()
            if not running and qdrant.get_collection(self._name) is not None:
                return True
            quiet_since = now if running else quiet_since
            if now - quiet_since >= quiet:
                return True
            if now - begin >= timeout_seconds:
                return False
            clock.sleep(_PAUSE_SECONDS)


def remove_temporary_collection(qdrant: Qdrant, name: str, sent: SentTransfer | None) -> None:
    """Delete a temporary collection and the file that an upload left on the server. Idempotent."""
    if qdrant.get_collection(name) is None:
        delete_stranded_upload(qdrant, name, sent)
    else:
        delete_upload(qdrant, name, sent)
    qdrant.delete_collection(name)
