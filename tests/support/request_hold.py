"""A fault's hook for the recording proxy that reports requests and holds them."""

from __future__ import annotations

import threading

from tests.support.recording_proxy import RecordedRequest

LIMIT_SECONDS = 30.0


class RequestHold:
    """Sets `reached` after so many requests; each waits until `release` is set, for `LIMIT_SECONDS` at most."""

    def __init__(self, count: int = 1) -> None:
        self.reached = threading.Event()
        self.release = threading.Event()
        self._missing = count
        self._lock = threading.Lock()

    def __call__(self, _request: RecordedRequest) -> None:
        """Hold the request until it is released."""
        with self._lock:
            self._missing -= 1
            if self._missing <= 0:
                self.reached.set()
        self.release.wait(LIMIT_SECONDS)
