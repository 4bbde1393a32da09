"""Retries while an error may be transient: stamina's backoff, without its own log.

By itself stamina logs every retry through structlog, which prints on stdout among the result, or through the standard
library's logging, with the error's text unmasked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stamina import Attempt


def retry_attempts(
    on: Callable[[Exception], bool | float], *, timeout_seconds: float, longest_pause_seconds: float
) -> Iterable[Attempt]:
    """Return attempts with jittered, growing pauses, until one raises nothing or the time is over.

    `on` says whether an error may be transient, or how many seconds to wait. The last error is raised. Use as
    ``for attempt in retry_attempts(...): with attempt: ...``.
    """
    import stamina  # noqa: PLC0415 - boot: 11 ms, paid by a request that failed
    from stamina.instrumentation import set_on_retry_hooks  # noqa: PLC0415 - as above

    set_on_retry_hooks(())
    return stamina.retry_context(
        on=on, attempts=None, timeout=timeout_seconds, wait_initial=0.1, wait_max=longest_pause_seconds
    )
