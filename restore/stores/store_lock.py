"""The lock of a whole store, as commands take it. Each kind of store has its own: `local/lock`, `bucket/lease`."""

import contextlib
from collections.abc import Iterator
from typing import Protocol

from restore.stores.protocols import WritableStore
from restore.system.clock import Clock
from restore.system.events import Log

_LOG_SECONDS = 10.0


class HeldLock(Protocol):
    """A store's lock, held by this run: the kernel's, or a lease that this run renews."""

    def is_ours(self) -> bool:
        """Return True if no other run has taken it over. Only a lease can be lost: by a machine that was asleep."""
        ...

    def release(self) -> None:
        """Release it; idempotent. A lock that another run has taken over stays as it is."""
        ...


@contextlib.contextmanager
def store_lock(
    store: WritableStore, clock: Clock, log: Log, *, timeout_seconds: float | None, dry_run: bool = False
) -> Iterator[float]:
    """Hold a store's lock within a `with`; yield how many seconds another run was waited for.

    Without a timeout, wait as long as its holder lives. Raise `LockedError` when it stays taken. A dry run, which
    only reads, takes no lock.
    """
    if dry_run:
        yield 0.0
        return
    begin = clock.read_seconds()
    logged: float | None = None

    def log_waiting() -> None:
        nonlocal logged
        now = clock.read_seconds()
        if logged is None or now - logged >= _LOG_SECONDS:
            log("store.waiting_for_another", store=store.name, waited_seconds=round(now - begin))
            logged = now

    with store.lock(timeout_seconds, on_wait=log_waiting):
        yield 0.0 if logged is None else round(clock.read_seconds() - begin, 3)
