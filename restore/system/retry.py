"""Trying again while trouble may pass: stamina's backoff, without the words that it would say by itself.

Of its own accord it announces every retry through structlog, which prints on stdout where our result stands, or
through the standard library's logging, with the error's text unmasked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stamina import Attempt


def retry_attempts(
    on: Callable[[Exception], bool | float], *, timeout_seconds: float, longest_pause_seconds: float
) -> Iterable[Attempt]:
    """Give attempts with jittered, growing pauses between them, until one raises nothing or patience is over.

    `on` says whether an error may pass, or how many seconds to wait. The last error is raised. Use as
    ``for attempt in try_again(...): with attempt: ...``.
    """
    import stamina  # noqa: PLC0415 - 45 ms that only a request in trouble pays
    from stamina.instrumentation import set_on_retry_hooks  # noqa: PLC0415 - as above

    set_on_retry_hooks(())
    return stamina.retry_context(
        on=on, attempts=None, timeout=timeout_seconds, wait_initial=0.1, wait_max=longest_pause_seconds
    )
