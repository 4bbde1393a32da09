"""Hold a mark, and leave the right things behind on every way out."""

from __future__ import annotations

from types import TracebackType

from restore.errors import Interrupted, RestoreError
from restore.recovery.marker.model import Phase
from restore.recovery.marker.place import OwnMarker


class MarkerGuard:
    """A context in which a mark is held. Leaving it with an error drops a mark under which nothing was sent.

    After something was sent the mark stays, the error names it, and the next run finishes. A mark that only relieves
    an older one goes too: ten failing runs leave no more marks than one.
    """

    def __init__(self, own_marker: OwnMarker) -> None:
        self._own_marker = own_marker

    def __enter__(self) -> OwnMarker:
        return self._own_marker

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        own_marker = self._own_marker
        own_marker.stop()
        if error is None or own_marker.gone:
            return
        left = self._leave()
        if isinstance(error, RestoreError | Interrupted) and not error.left:
            error.left = left

    def _leave(self) -> str:
        """Drop the mark where it may go; say what is left."""
        own_marker = self._own_marker
        if own_marker.supersedes:
            own_marker.drop_on_the_way_out()
            return (
                f"the mark '{own_marker.supersedes}' of the interrupted restore stays, and the next run finishes it"
            )
        stays = f"its mark '{own_marker.name}' stays, and the next run "
        if own_marker.phase is not Phase.MARKED:
            return stays + "finishes it"
        if own_marker.drop_on_the_way_out():
            return "nothing was sent and nothing is left behind"
        return "nothing was sent; " + stays + "drops it"
