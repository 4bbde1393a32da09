"""Hold a store's lock, and tell those who watch that, and how long, another run has to be waited for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from restore.edges.clock import Clock
from restore.words.log import Log
from restore.words.store import WritableStore

_SAY_SECONDS = 10.0


@contextlib.contextmanager
def hold_store(store: WritableStore, clock: Clock, log: Log, *, timeout_seconds: float | None) -> Iterator[float]:
    """Hold the lock, which vanishes with its holder; gives how many seconds another run was waited for.

    None waits as long as that one lives. Raises `LockedError` when it stays taken.
    """
    begin = clock.read_seconds()
    said: float | None = None

    def tell() -> None:
        nonlocal said
        now = clock.read_seconds()
        if said is None or now - said >= _SAY_SECONDS:
            log("store.waiting_for_another", store=store.name, waited_seconds=round(now - begin))
            said = now

    with store.lock(timeout_seconds, on_wait=tell):
        yield 0.0 if said is None else round(clock.read_seconds() - begin, 3)
