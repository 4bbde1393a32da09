"""Wait until nothing is coming any more: no recovery runs under a name, and none is about to begin.

An upload is received and hashed before the number of running recoveries rises: 0.7 s were seen. A run that trusted a
bare 0 had its restored collection overwritten 2.4 s later. So a 0 counts only after it rose and fell, or after it
stayed long enough.
"""

from restore.errors import QdrantError
from restore.recovery.marker.model import SentTransfer
from restore.recovery.session import RecoverySession

_PAUSE_SECONDS = 0.25
_SAY_SECONDS = 10.0
_HASHED_BYTES_A_SECOND = 100e6
_QUIET_SECONDS = 2.0


def quiet_seconds(sent: SentTransfer | None) -> float:
    """Return for how long no recovery must be seen before one of what was sent cannot begin any more."""
    return _QUIET_SECONDS + (sent.size / _HASHED_BYTES_A_SECOND if sent else 0.0)


def wait_settled(
    session: RecoverySession, target: str, sent: SentTransfer | None, *, was_loading: bool = False
) -> None:
    """Return when nothing is coming for `target`. `was_loading`: a running recovery was already seen.

    Raise `QdrantError` when the server does not answer for `stall_seconds`.
    """
    quiet = quiet_seconds(sent if sent and sent.kind == "upload" else None)
    clock = session.clock
    answered = quiet_since = said = clock.read_seconds()
    while True:
        now = clock.read_seconds()
        try:
            running = session.qdrant.read_activity(target).recoveries
        except QdrantError as error:
            if now - answered > session.stall_seconds:
                raise
            quiet_since, was_loading = now, False
            session.log("qdrant.not_answering", level="debug", collection=target, reason=error.message)
        else:
            answered = now
            if running:
                was_loading, quiet_since = True, now
            elif was_loading or now - quiet_since >= quiet:
                return
        if now - said > _SAY_SECONDS:
            session.log("restore.settling", collection=target)
            said = now
        clock.sleep(_PAUSE_SECONDS)


def wait_idle(session: RecoverySession, target: str) -> None:
    """Return when no recovery runs for `target`, after a definite answer to what was sent."""
    while session.qdrant.read_activity(target).recoveries:
        session.clock.sleep(_PAUSE_SECONDS)


def wait_no_creations(session: RecoverySession, target: str) -> None:
    """Return when no snapshot of `target` is being created (8 of 50 recoveries beside one broke the collection).

    Raise `QdrantError` when one runs for longer than `stall_seconds`.
    """
    begin = session.clock.read_seconds()
    while session.qdrant.read_activity(target).creations:
        if session.clock.read_seconds() - begin > session.stall_seconds:
            raise QdrantError(
                f"collection '{target}': a snapshot of it has been in the making for {session.stall_seconds:g} s",
                left="nothing was sent",
                hint="wait for it, or give it longer with --stall-timeout",
            )
        session.log("restore.waiting_for_snapshot", level="debug", collection=target)
        session.clock.sleep(_PAUSE_SECONDS)
