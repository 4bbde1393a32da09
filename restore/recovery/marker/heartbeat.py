"""The heartbeat of a marker: a counter in its metadata that the living holder raises every two seconds."""

import threading

from restore.errors import RestoreError
from restore.qdrant.client import Qdrant
from restore.recovery.marker.model import BEAT_PREFIX

_HEARTBEAT_SECONDS = 2.0


class Heartbeat:
    """A thread that raises the counter until `stop`. The client is its own, and closed at its end."""

    def __init__(self, qdrant: Qdrant, marker_name: str, token: str) -> None:
        self._qdrant = qdrant
        self._marker_name = marker_name
        self._key = BEAT_PREFIX + token
        self._ended = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        """End it; the marker stays. Idempotent."""
        self._ended.set()

    def _run(self) -> None:
        count = 0
        while not self._ended.wait(_HEARTBEAT_SECONDS):
            count += 1
            try:
                self._qdrant.patch_metadata(self._marker_name, {self._key: count})
            except RestoreError:
                # The restore goes on without one heartbeat: after ten seconds without any, its holder looks dead.
                continue
        self._qdrant.close()
