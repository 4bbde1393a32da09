"""The throw-away collection of one drill: made under a mark, and dropped on every way out.

The mark stands before anything is sent and goes last, so that whatever a killed drill leaves is known to be a
drill's: its mark names the scratch collection, and its beat stands still.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from restore.commands.drill.session import DrillSession
from restore.errors import Interrupted, RestoreError
from restore.qdrant.client import Qdrant
from restore.recovery.finish import delete_stranded_upload, delete_upload
from restore.recovery.marker.model import Phase, SentTransfer, TargetBefore
from restore.recovery.marker.place import OwnMarker
from restore.system.events import Progress

_PAUSE_SECONDS = 0.1
_PATIENCE_SECONDS = 120.0
# A signal must end us within 2 s.
_LAST_SECONDS = 1.4
_LAST_ASK_SECONDS = 1.0
_QUIET_SECONDS = 2.0
_HASHED_BYTES_A_SECOND = 100e6


class WatchedProgress:
    """Passes progress on, and notes whether all was sent: from then on the server may work without us."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.all_sent = False

    def __call__(self, collection: str, sent_bytes: int, total_bytes: int | None = None) -> None:
        """Show that this many bytes have gone."""
        self.all_sent = total_bytes is not None and sent_bytes >= total_bytes
        self._progress(collection, sent_bytes, total_bytes)

    def wait(self, what: str, collection: str = "") -> None:
        """Show that we wait: everything is with the server now."""
        self.all_sent = True
        self._progress.wait(what, collection)

    def close(self) -> None:
        """End the showing."""
        self._progress.close()


class TemporaryCollection:
    """A context in which a scratch collection is there, or may come to be there. `left`: what stayed, else empty."""

    def __init__(self, session: DrillSession, own_marker: OwnMarker) -> None:
        self._session = session
        self._own_marker = own_marker
        self.progress = WatchedProgress(session.progress)
        self.name = own_marker.marker.collection
        self.left = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Interrupted):
            self.left = self._drop_at_once()
        else:
            self.left = self._drop_patiently()
        if self.left and isinstance(error, RestoreError | Interrupted):
            error.left = self.left

    @property
    def transfer(self) -> str:
        """Give how the snapshot was sent last."""
        sent = self._own_marker.marker.sent
        return sent.kind if sent else ""

    def record_sent(self, sent: SentTransfer) -> None:
        """Write down what is about to be sent, once nobody else has taken this drill for dead."""
        self._own_marker.record_sent(sent, TargetBefore.ABSENT, ())
        self.progress.all_sent = False
        self._own_marker.check()

    def record_answered(self) -> None:
        """Note that the server has given its word: nothing comes any more."""
        self.progress.all_sent = False

    def clear(self) -> None:
        """Remove what a refused try left, so that the next one begins with nothing."""
        if self._session.qdrant.get_collection(self.name) is not None:
            self._session.qdrant.delete_collection(self.name)

    def _drop_patiently(self) -> str:
        try:
            return self._drop(self._session.qdrant, _PATIENCE_SECONDS)
        except Interrupted as signalled:
            signalled.left = self._drop_at_once()
            raise

    def _drop_at_once(self) -> str:
        """Drop it within the time that a signal leaves, over another connection: ours may be in the middle of one."""
        said = [self._say_left("no answer in time")]

        def work() -> None:
            last = self._session.qdrant.clone()
            try:
                said[:] = [self._drop(last, _LAST_ASK_SECONDS)]
            finally:
                last.close()

        worker = threading.Thread(target=work, name="drop", daemon=True)
        worker.start()
        worker.join(_LAST_SECONDS)
        return said[0]

    def _drop(self, qdrant: Qdrant, timeout_seconds: float) -> str:
        """Drop the file, the collection and the mark, in this order; gives what is left, empty for nothing."""
        try:
            if self._own_marker.phase is not Phase.MARKED:
                if not self._is_settled(qdrant, timeout_seconds):
                    return self._say_left("the server is still loading it")
                remove_temporary_collection(qdrant, self.name, self._own_marker.marker.sent)
        except RestoreError as error:
            return self._say_left(error.message)
        if not self._own_marker.drop_on_the_way_out():
            return f"the mark '{self._own_marker.name}' of the drill; the next drill removes it"
        return ""

    def _say_left(self, reason: str) -> str:
        self._own_marker.stop()
        return f"the scratch collection '{self.name}' and its mark ({reason}); the next drill removes them"

    def _is_settled(self, qdrant: Qdrant, timeout_seconds: float) -> bool:
        """Wait until nothing comes any more: at once when the server has answered, or did not get everything.

        The server raises its gauge before it makes the collection, and nobody else makes one of this name: a
        collection that is there beside a gauge of 0 is the end of it. An upload is hashed before the gauge rises.
        """
        if not self.progress.all_sent:
            return True
        clock, sent = self._session.clock, self._own_marker.marker.sent
        begin = quiet_since = clock.read_seconds()
        quiet = _QUIET_SECONDS + (sent.size / _HASHED_BYTES_A_SECOND if sent else 0.0)
        while True:
            running = qdrant.read_activity(self.name).recoveries
            now = clock.read_seconds()
            if not running and qdrant.get_collection(self.name) is not None:
                return True
            quiet_since = now if running else quiet_since
            if now - quiet_since >= quiet:
                return True
            if now - begin >= timeout_seconds:
                return False
            clock.sleep(_PAUSE_SECONDS)


def remove_temporary_collection(qdrant: Qdrant, name: str, sent: SentTransfer | None) -> None:
    """Delete a scratch collection and the file that an upload left on the server. Idempotent."""
    if qdrant.get_collection(name) is None:
        delete_stranded_upload(qdrant, name, sent)
    else:
        delete_upload(qdrant, name, sent)
    qdrant.delete_collection(name)
