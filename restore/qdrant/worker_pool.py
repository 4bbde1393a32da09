"""Several collections at once: a few threads with a connection each, and their end when a signal comes.

A signal reaches the main thread only. The main thread then asks each worker to end and shuts its connection, so that
no worker goes on waiting for a byte. Each worker meets the request at its next look and tidies as it does alone.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from restore.errors import Interrupted, add_facts
from restore.qdrant.client import Qdrant
from restore.system.stop_request import StopRequest

Item = TypeVar("Item")
Result = TypeVar("Result")
# The process is gone 1.8 s after a signal, whether everything was tidied or not.
_LAST_SECONDS = 1.6


def map_concurrently(
    work: Callable[[Item, Qdrant], Result], items: Sequence[Item], qdrant: Qdrant, *, width: int
) -> list[Result]:
    """Do the work for every item, `width` of them at a time. Return the results in the items' order.

    What `work` raises ends all of it. `work` is handed the worker's own client, and calls `check_stop` of it where it
    waits for anything but that client. With nothing to overlap it runs in this thread, with the client given.

    Raise the first failure; an `Interrupted` also says what the workers had to leave behind.
    """
    if min(width, len(items)) <= 1:
        return [work(item, qdrant) for item in items]
    workers = _Workers(qdrant)
    executor = ThreadPoolExecutor(min(width, len(items)), thread_name_prefix="collection")
    running: list[Future[Result]] = []
    try:
        running.extend(executor.submit(workers.run, work, item) for item in items)
        for done in wait(running, return_when=FIRST_EXCEPTION).done:
            # The first one that failed, not the first in the items' order.
            done.result()
        return [done.result() for done in running]
    except BaseException as error:
        executor.shutdown(wait=False, cancel_futures=True)
        workers.stop(
            error.reason if isinstance(error, Interrupted) else "another collection's work failed unexpectedly"
        )
        wait(running, timeout=_LAST_SECONDS)
        left = _list_left(running)
        if isinstance(error, Interrupted) and left:
            told = "; ".join(dict.fromkeys([error.left, *left] if error.left else left))
            raise add_facts(error, left=told) from error
        raise
    finally:
        executor.shutdown(wait=False)


def _list_left(running: Sequence[Future[Result]]) -> list[str]:
    """Return what the workers had to leave behind."""
    ended = [done.exception() for done in running if done.done() and not done.cancelled()]
    return [error.left for error in ended if isinstance(error, Interrupted) and error.left]


class _Workers:
    """The workers that are running, each with its client and what asks it to end."""

    def __init__(self, qdrant: Qdrant) -> None:
        self._qdrant = qdrant
        self._lock = threading.Lock()
        self._running: dict[StopRequest, Qdrant] = {}
        self._stopped = ""

    def run(self, work: Callable[[Item, Qdrant], Result], item: Item) -> Result:
        """Do the work for one item with a client of its own."""
        stop = StopRequest()
        own = self._qdrant.clone(check_stop=stop.check)
        with self._lock:
            if self._stopped:
                raise Interrupted(0, self._stopped)
            self._running[stop] = own
        try:
            return work(item, own)
        finally:
            with self._lock:
                del self._running[stop]
            own.close()

    def stop(self, reason: str) -> None:
        """Ask every worker to end, and let none of them wait for its connection."""
        with self._lock:
            self._stopped = reason
            for stop, qdrant in self._running.items():
                stop.request(Interrupted(0, reason), qdrant.interrupt)
