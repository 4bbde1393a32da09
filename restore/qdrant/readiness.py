"""Wait until Qdrant answers and says its version."""

from restore.errors import DeadlineError, IncompatibleError, QdrantError
from restore.qdrant.client import Qdrant
from restore.qdrant.version import OLDEST_SUPPORTED, Version
from restore.system.clock import Clock
from restore.system.events import Log

_HINT = (
    "give it longer with --wait-timeout, or look into Qdrant's own log; is this its HTTP port (usually 6333), and "
    "http:// what it speaks there?"
)
_PAUSE_SECONDS = 0.5
_LOG_SECONDS = 10.0
_SHORTEST_SECONDS = 1.0
_LONGEST_SECONDS = 5.0


def wait_ready(qdrant: Qdrant, clock: Clock, log: Log, *, timeout_seconds: float) -> Version:
    """Ask `/readyz` until it answers 200, then return the server's version.

    Raise `DeadlineError` with the last error when the time is over, `IncompatibleError` for a server that is too old,
    and at once what waiting cannot cure: a refused certificate, a server that is not Qdrant.
    """
    begin = logged = clock.read_seconds()
    while error := _ask(qdrant, timeout_seconds - (clock.read_seconds() - begin)):
        now = clock.read_seconds()
        reason = _shorten(error.message, qdrant.url)
        if now - begin + _PAUSE_SECONDS > timeout_seconds:
            raise DeadlineError(
                f"Qdrant at {qdrant.url} was not ready within {timeout_seconds:g} s: {reason}",
                hint=error.hint or _HINT,
            )
        if now - logged >= _LOG_SECONDS or logged == begin:
            log("qdrant.not_ready", url=qdrant.url, waited_seconds=round(now - begin, 1), reason=reason)
            logged = now + 0.001
        clock.sleep(_PAUSE_SECONDS)
    version = qdrant.get_version()
    if version < OLDEST_SUPPORTED:
        raise IncompatibleError(
            f"Qdrant at {qdrant.url} is version {version}, the oldest supported is {OLDEST_SUPPORTED}",
            hint=f"upgrade the server one minor version at a time up to {OLDEST_SUPPORTED.major}."
            f"{OLDEST_SUPPORTED.minor}",
        )
    log("qdrant.ready", url=qdrant.url, version=str(version))
    return version


def _ask(qdrant: Qdrant, left_seconds: float) -> QdrantError | None:
    """Return an error that waiting may cure; None when Qdrant is ready."""
    try:
        qdrant.require_ready(seconds=min(max(left_seconds, _SHORTEST_SECONDS), _LONGEST_SECONDS))
    except QdrantError as error:
        if error.permanent:
            raise
        return error
    return None


def _shorten(message: str, url: str) -> str:
    """Return an error's sentence without what the sentence around it says already."""
    reason = message.removeprefix(f"Qdrant at {url} ")
    return reason.removeprefix("cannot be reached: ").removeprefix("is not ready: ")
