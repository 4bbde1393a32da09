"""Ask another thread to end: a request that the thread meets at its next look."""

import threading
from collections.abc import Callable

from restore.errors import Interrupted


class StopRequest:
    """A request to end, made by one thread and met once by the other.

    The thread calls `check` before it waits and with every block that it moves. Only the first call after the request
    raises: what the thread does on its way out waits, reads and deletes as always.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._error: Interrupted | None = None

    def request(self, error: Interrupted, shut: Callable[[], None]) -> None:
        """Let the thread's next look raise `error`. `shut` ends what the thread may be waiting for.

        The look waits for the end of `shut`, so that no connection of the way out is shut.
        """
        with self._lock:
            self._error = error
            shut()

    def check(self) -> None:
        """Raise the error of a request that was not met yet."""
        if self._error is None:
            return
        with self._lock:
            error, self._error = self._error, None
        if error is not None:
            raise error
