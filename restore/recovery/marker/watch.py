"""Watch another run's marker, to see whether its holder is alive."""

from typing import Any

import msgspec

from restore.errors import LockedError, QdrantError
from restore.qdrant.model import UnreadableCollection
from restore.recovery.session import RecoverySession
from restore.recovery.target_state import ObservedMarker, observe_marker

_PAUSE_SECONDS = 1.0
_STALE_SECONDS = 10.0
_STALE_READS = 3
_LOG_SECONDS = 10.0


class MarkerGone(msgspec.Struct, frozen=True):
    """The marker was deleted: its holder has finished, or another run has taken over."""


def watch_marker(
    session: RecoverySession, seen: ObservedMarker, *, target: str, timeout_seconds: float | None
) -> ObservedMarker | MarkerGone:
    """Watch until the marker is gone, or until nothing of it changed for 10 s over at least three reads.

    Then it is stale, and is returned as it was read last. A read that fails does not count: a restarting server makes
    no holder look dead. Raise `LockedError` when a living holder needs longer than `timeout_seconds` (None: wait as
    long as it lives), and `QdrantError` when the server has not answered for `stall_seconds`.
    """
    clock = session.clock
    begin = said = answered = clock.read_seconds()
    still_since, reads = begin, 0
    last: dict[str, Any] | None = None
    session.log("restore.waiting_for_another", collection=target, marker=seen.name, holder=_describe_holder(seen))
    while True:
        now = clock.read_seconds()
        try:
            info = session.qdrant.get_collection(seen.name)
        except QdrantError:
            if now - answered > session.stall_seconds:
                raise
            still_since, reads = now, 0
        else:
            answered = now
            if info is None:
                return MarkerGone()
            # All of it, not only what this version understands: a newer version's marker has a heartbeat too.
            state = {} if isinstance(info, UnreadableCollection) else info.metadata
            if state != last:
                last, still_since, reads = state, now, 0
            reads += 1
            if now - still_since >= _STALE_SECONDS and reads >= _STALE_READS:
                return observe_marker(seen.name, seen.attempt, state)
        if timeout_seconds is not None and now - begin > timeout_seconds + _STALE_SECONDS:
            raise LockedError(
                f"collection '{target}' is being restored by {_describe_holder(seen)} (marker '{seen.name}')",
                left="left to it",
                hint="wait for it, or give it longer with --lock-timeout",
                waited_seconds=now - begin,
            )
        if now - said >= _LOG_SECONDS:
            session.log(
                "restore.waiting_for_another", collection=target, marker=seen.name, waited_seconds=round(now - begin)
            )
            said = now
        clock.sleep(_PAUSE_SECONDS)


def _describe_holder(seen: ObservedMarker) -> str:
    return seen.marker.holder if seen.marker else "an unknown holder"
