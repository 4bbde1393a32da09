"""Hold a mark, and leave the right things behind on every way out."""

from __future__ import annotations

from types import TracebackType

from restore.errors import Interrupted, RestoreError
from restore.steps.mark import HeldMark
from restore.words.mark import Phase


class Holding:
    """A context in which a mark is held. Leaving it with an error drops a mark under which nothing was sent.

    After something was sent the mark stays, the error names it, and the next run finishes.
    """

    def __init__(self, held: HeldMark) -> None:
        self._held = held

    def __enter__(self) -> HeldMark:
        return self._held

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        held = self._held
        if error is None or held.dropped:
            held.stop()
            return
        if held.phase is Phase.MARKED:
            held.drop_on_the_way_out()
            left = "nothing was sent and nothing is left behind"
        else:
            held.stop()
            left = f"its mark '{held.name}' stays, and the next run finishes it"
        if isinstance(error, RestoreError | Interrupted) and not error.left:
            error.left = left
