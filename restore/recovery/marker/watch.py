"""Watch somebody else's mark, to see whether its holder is alive."""

from __future__ import annotations

from typing import Any

from restore.errors import LockedError, QdrantError
from restore.qdrant.client import Qdrant
from restore.qdrant.model import UnreadableCollection
from restore.recovery.marker.model import parse_beat, parse_marker
from restore.recovery.target_state import ObservedMarker
from restore.system.clock import Clock
from restore.system.events import Log

_PAUSE_SECONDS = 1.0
_STALE_SECONDS = 10.0
_STALE_READS = 3
_SAY_SECONDS = 10.0


def watch_marker(
    qdrant: Qdrant,
    clock: Clock,
    log: Log,
    seen: ObservedMarker,
    *,
    target: str,
    timeout_seconds: float | None,
    stall_seconds: float,
) -> ObservedMarker | None:
    """Watch until the mark is gone (None), or nothing of it changed for 10 s over at least three reads.

    Then it is stale, and given as it was read last. A read that fails is no read: a server that restarts makes
    nobody look dead. Raises `LockedError` when a living holder needs longer than `patience_seconds` (None: wait as
    long as it lives), and `QdrantError` when the server itself has not answered for `stall_seconds`.
    """
    begin = said = answered = clock.read_seconds()
    still_since, reads = begin, 0
    last: dict[str, Any] | None = None
    log("restore.waiting_for_another", collection=target, marker=seen.name, holder=_name_holder(seen))
    while True:
        now = clock.read_seconds()
        try:
            info = qdrant.get_collection(seen.name)
        except QdrantError:
            if now - answered > stall_seconds:
                raise
            still_since, reads = now, 0
        else:
            answered = now
            if info is None:
                return None
            # All of it, not only what we understand: a newer program's mark beats too.
            state = {} if isinstance(info, UnreadableCollection) else info.metadata
            if state != last:
                last, still_since, reads = state, now, 0
            reads += 1
            if now - still_since >= _STALE_SECONDS and reads >= _STALE_READS:
                marker = parse_marker(state)
                return ObservedMarker(
                    seen.name, seen.attempt, marker, parse_beat(state, marker.token) if marker else None
                )
        if timeout_seconds is not None and now - begin > timeout_seconds + _STALE_SECONDS:
            raise LockedError(
                f"collection '{target}' is being restored by {_name_holder(seen)} (mark '{seen.name}')",
                left="left to it",
                hint="wait for it, or give it longer with --lock-timeout",
                waited_seconds=now - begin,
            )
        if now - said >= _SAY_SECONDS:
            log("restore.waiting_for_another", collection=target, marker=seen.name, waited_seconds=round(now - begin))
            said = now
        clock.sleep(_PAUSE_SECONDS)


def _name_holder(seen: ObservedMarker) -> str:
    return seen.marker.holder if seen.marker else "somebody"
