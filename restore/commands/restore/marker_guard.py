"""Hold a marker, and leave the right things behind on every way out."""

from types import TracebackType

from restore.errors import Interrupted, RestoreError, add_facts
from restore.recovery.marker.model import Phase
from restore.recovery.marker.place import OwnMarker


class MarkerGuard:
    """A context in which a marker is held. Leaving it with an error deletes a marker under which nothing was sent.

    After something was sent the marker stays, and the next run finishes. A marker that only supersedes an older one
    is deleted too: ten failing runs leave no more markers than one. An error that does not say what is left is raised
    anew, from the original, with that added.
    """

    def __init__(self, own_marker: OwnMarker) -> None:
        self._own_marker = own_marker

    def __enter__(self) -> OwnMarker:
        return self._own_marker

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._own_marker.stop()
        if error is None or self._own_marker.deleted:
            return
        left = self._leave()
        if isinstance(error, RestoreError | Interrupted) and not error.left:
            raise add_facts(error, left=left) from error

    def _leave(self) -> str:
        """Delete the marker where it may go. Return what is left, in words."""
        own_marker = self._own_marker
        if own_marker.supersedes:
            own_marker.drop_on_the_way_out()
            return (
                f"the marker '{own_marker.supersedes}' of the interrupted restore stays, and the next run finishes it"
            )
        stays = f"its marker '{own_marker.name}' stays, and the next run "
        if own_marker.phase is not Phase.MARKED:
            return stays + "finishes it"
        if own_marker.drop_on_the_way_out():
            return "nothing was sent and nothing is left behind"
        return "nothing was sent; " + stays + "drops it"
