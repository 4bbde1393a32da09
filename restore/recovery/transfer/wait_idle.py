"""Wait until nothing is coming any more: no recovery runs under a name, and none is about to begin.

An upload is received and hashed before the gauge rises (0.7 s seen; a run that trusted a bare 0 had its restored
collection overwritten 2.4 s later), so a 0 counts only after it rose and fell, or after it stayed long enough.
"""

from __future__ import annotations

from restore.errors import QdrantError
from restore.qdrant.client import Qdrant
from restore.recovery.marker.model import SentTransfer
from restore.system.clock import Clock
from restore.system.events import Log

_PAUSE_SECONDS = 0.25
_SAY_SECONDS = 10.0
_HASHED_BYTES_A_SECOND = 100e6
_QUIET_SECONDS = 2.0


def wait_settled(
    qdrant: Qdrant,
    clock: Clock,
    log: Log,
    *,
    target: str,
    sent: SentTransfer | None,
    stall_seconds: float,
    was_loading: bool = False,
) -> None:
    """Return when nothing is coming for `target`. `rose` says that the gauge was already seen above 0.

    Raises `QdrantError` when the server does not answer for `stall_seconds`.
    """
    quiet = _QUIET_SECONDS + (sent.size / _HASHED_BYTES_A_SECOND if sent and sent.kind == "upload" else 0.0)
    answered = quiet_since = said = clock.read_seconds()
    while True:
        now = clock.read_seconds()
        try:
            running = qdrant.read_activity(target).recoveries
        except QdrantError as error:
            if now - answered > stall_seconds:
                raise
            quiet_since, was_loading = now, False
            log("qdrant.not_answering", level="debug", collection=target, reason=error.message)
        else:
            answered = now
            if running:
                was_loading, quiet_since = True, now
            elif was_loading or now - quiet_since >= quiet:
                return
        if now - said > _SAY_SECONDS:
            log("restore.settling", collection=target)
            said = now
        clock.sleep(_PAUSE_SECONDS)


def wait_idle(qdrant: Qdrant, clock: Clock, *, target: str) -> None:
    """Return when no recovery runs for `target`, after a definite answer to what was sent."""
    while qdrant.read_activity(target).recoveries:
        clock.sleep(_PAUSE_SECONDS)


def wait_no_creations(qdrant: Qdrant, clock: Clock, log: Log, *, target: str, stall_seconds: float) -> None:
    """Return when no snapshot of `target` is being created (8 of 50 recovers beside one broke the collection).

    Raises `QdrantError` when one runs for longer than `stall_seconds` without an end.
    """
    begin = clock.read_seconds()
    while qdrant.read_activity(target).creations:
        if clock.read_seconds() - begin > stall_seconds:
            raise QdrantError(
                f"collection '{target}': a snapshot of it has been in the making for {stall_seconds:g} s",
                left="nothing was sent",
                hint="wait for it, or give it longer with --stall-timeout",
            )
        log("restore.waiting_for_snapshot", level="debug", collection=target)
        clock.sleep(_PAUSE_SECONDS)
