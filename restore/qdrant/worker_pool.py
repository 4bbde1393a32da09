"""Several collections at once: a few threads with a connection each, and their end when a signal comes.

A signal reaches the main thread only. What it raises there is handed on to every worker at the line where it stands,
and its connections are shut, so that none of them goes on waiting for a byte; each then tidies as it does alone.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from restore.errors import Interrupted
from restore.qdrant.client import Qdrant

Item = TypeVar("Item")
Result = TypeVar("Result")
# The process is gone 1.8 s after a signal, tidied or not.
_LAST_SECONDS = 1.6


def map_concurrently(
    work: Callable[[Item, Qdrant], Result], items: Sequence[Item], qdrant: Qdrant, *, width: int
) -> list[Result]:
    """Do the work for every item, `width` of them at a time; give the results in the items' order.

    What `work` raises ends all of it. With nothing to overlap it runs here, over the connection given.
    """
    if width < 2 or len(items) < 2:  # noqa: PLR2004 - one is no crew
        return [work(item, qdrant) for item in items]
    crew = _WorkerPool(qdrant)
    pool = ThreadPoolExecutor(min(width, len(items)), thread_name_prefix="collection")
    running: list[Future[Result]] = [pool.submit(crew.run, work, item) for item in items]
    try:
        for one in wait(running, return_when=FIRST_EXCEPTION).done:
            # Whoever failed first, not whoever stands first.
            one.result()
        return [one.result() for one in running]
    except BaseException as error:
        pool.shutdown(wait=False, cancel_futures=True)
        crew.end(error)
        wait(running, timeout=_LAST_SECONDS)
        if isinstance(error, Interrupted):
            error.left = "; ".join(dict.fromkeys([*([error.left] if error.left else []), *_list_left(running)]))
        raise
    finally:
        pool.shutdown(wait=False)


def _list_left(running: Sequence[Future[Result]]) -> list[str]:
    """Say what the workers had to leave behind."""
    ended = [one.exception() for one in running if one.done() and not one.cancelled()]
    return [error.left for error in ended if isinstance(error, Interrupted) and error.left]


class _WorkerPool:
    """The workers that are at it, each with its connection."""

    def __init__(self, qdrant: Qdrant) -> None:
        self._qdrant = qdrant
        self._lock = threading.Lock()
        self._working: dict[int, Qdrant] = {}
        self._ended = False

    def run(self, work: Callable[[Item, Qdrant], Result], item: Item) -> Result:
        """Do the work for one item on a connection of its own."""
        own = self._qdrant.clone()
        place = threading.get_ident()
        with self._lock:
            if self._ended:
                raise Interrupted(0, "ended before it began")
            self._working[place] = own
        try:
            return work(item, own)
        finally:
            # Nobody is interrupted any more once he has left.
            with self._lock:
                del self._working[place]
            own.close()

    def end(self, error: BaseException) -> None:
        """Raise in every worker what ended the run, and let none of them wait for its connection."""
        kind = _make_kind(error)
        with self._lock:
            self._ended = True
            for place, qdrant in self._working.items():
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(place), ctypes.py_object(kind))
                qdrant.interrupt()


def _make_kind(error: BaseException) -> type[Interrupted]:
    """Make a class of what ended the run: a thread can only be given a class, which is called without arguments."""
    reason = error.reason if isinstance(error, Interrupted) else "another collection's work failed unexpectedly"
    status = error.status if isinstance(error, Interrupted) else 1

    class Ended(Interrupted):
        """The run was ended."""

        def __init__(self) -> None:
            super().__init__(0, reason)
            self.status = status

    return Ended
