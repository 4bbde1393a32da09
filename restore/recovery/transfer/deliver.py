"""Bring a snapshot into a server under a marker: choose routes, send, find out what became of it.

docs/protocol.md, Restore, rules 5, 10 and 11. Every command that sends a snapshot does it here.
"""

import msgspec

from restore.errors import IntegrityError, QdrantError, RestoreError
from restore.qdrant.model import UnreadableCollection
from restore.recovery.comparison import Comparison
from restore.recovery.finish import delete_upload
from restore.recovery.marker.model import Phase, SentTransfer
from restore.recovery.marker.place import OwnMarker
from restore.recovery.plan import Restore
from restore.recovery.policy_choices import Transfer
from restore.recovery.read_target import read_state
from restore.recovery.request import TransferSource
from restore.recovery.session import RecoverySession
from restore.recovery.takeover import Accept, SendAgain, Unclear, decide_takeover
from restore.recovery.target_state import Absent, Present, Target
from restore.recovery.transfer.clean_up import clean_up
from restore.recovery.transfer.routes import choose_routes, is_unchanged, was_created_by_others
from restore.recovery.transfer.send import Accepted, Lost, Rejected, SnapshotContent, SnapshotSender
from restore.recovery.transfer.wait_idle import wait_idle, wait_settled
from restore.system.events import Progress


class Delivered(msgspec.Struct, frozen=True):
    """The snapshot is on the server. Not `answered`: no answer came, and the target looks as if it had arrived."""

    answered: bool


class Undelivered(msgspec.Struct, frozen=True):
    """The server refused the snapshot by every route that was tried.

    `left` says what stays behind. It is empty for a temporary collection, which is not cleaned up here.
    """

    error: RestoreError
    left: str = ""


class TargetChanged(msgspec.Struct, frozen=True):
    """The server took nothing, and an application has created the missing target meanwhile."""


class _NothingArrived(msgspec.Struct, frozen=True):
    """The snapshot may be sent once more."""


DeliveryResult = Delivered | Undelivered | TargetChanged


class SnapshotDelivery:
    """Delivers one snapshot to the target of one marker.

    `temporary`: the target is a collection that only this run knows, so whatever a failed attempt left of it is
    removed. Everywhere else only what this delivery made is removed.
    """

    def __init__(
        self,
        session: RecoverySession,
        own_marker: OwnMarker,
        plan: Restore,
        source: TransferSource,
        *,
        temporary: bool = False,
    ) -> None:
        self._session = session
        self._own_marker = own_marker
        self._plan = plan
        self._source = source
        self._target = source.target
        self._temporary = temporary
        # A dead run may have sent something under the marker that was taken over.
        self._inherited = own_marker.phase is not Phase.MARKED
        self._progress = _WatchedProgress(session.progress)
        self._sender = SnapshotSender(msgspec.structs.replace(session, progress=self._progress))

    @property
    def may_arrive(self) -> bool:
        """True while the server has everything and has not answered: it may work on without us."""
        return self._progress.all_sent

    def deliver(self, content: SnapshotContent, transfer: Transfer, before: Target) -> DeliveryResult:
        """Send by the first route that the server takes. `before` is the target as it was read just now.

        A rejection leads to the next route, except a wrong checksum. After a lost connection the snapshot is sent
        again once, when nothing of it arrived. Raise `QdrantError` when it is lost twice, or when it is not clear
        what became of it, and `LockedError` when another run took over.
        """
        if self._plan.delete_first:
            before = self._delete_target_first(transfer, before)
        routes = list(choose_routes(transfer, self._plan, self._source))
        sent_again = False
        while True:
            route = routes.pop(0)
            self._record_sent(route)
            self._own_marker.check()
            self._session.log("snapshot.sending", collection=self._target, snapshot=self._source.path, transfer=route)
            result: DeliveryResult | _NothingArrived
            match self._sender.send(route, self._source, content):
                case Accepted():
                    self._progress.all_sent = False
                    result = Delivered(answered=True)
                case Rejected(error=error):
                    result = self._judge_rejection(error, before, last=not routes)
                case Lost() as lost:
                    result = self._judge_loss(lost)
                    if sent_again and isinstance(result, _NothingArrived):
                        raise QdrantError(
                            f"collection '{self._target}': the connection was lost twice: {lost.reason}"
                        )
                    sent_again = True
                    routes.insert(0, route)
            if not isinstance(result, _NothingArrived):
                return result

    def _delete_target_first(self, transfer: Transfer, before: Target) -> Absent:
        """Remove what is there, once the marker says what is about to be sent and which aliases to put back."""
        if self._plan.loses_points and transfer is Transfer.SERVER_FILE:
            raise QdrantError(
                f"collection '{self._target}': its configuration differs, so it is removed before the snapshot "
                "is sent, and nothing proves beforehand that the server can read its file",
                left="left as it is",
                hint="let it be uploaded: --transfer upload",
            )
        self._record_sent(Transfer.UPLOAD)
        self._own_marker.check()
        if isinstance(before, Present | UnreadableCollection):
            if isinstance(before, Present):
                delete_upload(self._session.qdrant, self._target, self._own_marker.marker.sent)
            self._session.qdrant.delete_collection(self._target)
            self._session.log("collection.removed", collection=self._target, reason="to restore it anew")
        return Absent()

    def _record_sent(self, route: Transfer) -> None:
        """Write into the marker what is about to be sent, before the first byte of it."""
        # A file that an upload left on the server is to be deleted, whichever route succeeds in the end.
        known = self._own_marker.marker.sent.file if self._own_marker.marker.sent else ""
        file = self._source.upload_name if route is Transfer.UPLOAD else known
        at = self._session.clock.now().timestamp()
        sent = SentTransfer(str(route), self._source.size, at, file)
        self._own_marker.record_sent(sent, self._plan.was, self._plan.aliases)
        self._progress.all_sent = False

    def _judge_rejection(
        self, error: RestoreError, before: Target, *, last: bool
    ) -> Undelivered | TargetChanged | _NothingArrived:
        """Find out whether the next route may be tried; clean up when it may not."""
        wait_idle(self._session, self._target)
        self._progress.all_sent = False
        final = last or isinstance(error, IntegrityError)
        if not self._temporary:
            after = read_state(self._session, self._target).target
            if final or not is_unchanged(self._plan, before, after):
                return self._end_rejected(error, before, after)
        elif final:
            return Undelivered(error)
        elif self._session.qdrant.get_collection(self._target) is not None:
            self._delete_target()
        self._session.log("snapshot.sending_otherwise", collection=self._target, reason=error.message)
        return _NothingArrived()

    def _end_rejected(self, error: RestoreError, before: Target, after: Target) -> Undelivered | TargetChanged:
        qdrant, own_marker = self._session.qdrant, self._own_marker
        if not self._plan.delete_first and was_created_by_others(error, before, after):
            delete_upload(qdrant, self._target, own_marker.marker.sent)
            return TargetChanged()
        left = error.left or clean_up(qdrant, own_marker, self._plan, after, inherited=self._inherited)
        return Undelivered(error, left)

    def _judge_loss(self, lost: Lost) -> Delivered | _NothingArrived:
        """Find out, once nothing is coming any more, whether the snapshot arrived; remove what is half-made."""
        session, marker = self._session, self._own_marker.marker
        session.log("qdrant.connection_lost", level="warning", collection=self._target, reason=lost.reason)
        wait_settled(session, self._target, marker.sent, was_loading=lost.was_loading)
        self._progress.all_sent = False
        state = read_state(session, self._target)
        # It is compared with its manifest later. Here a filled collection is told from a half-made one.
        arrived = isinstance(state.target, Present) and state.target.points > 0
        match decide_takeover(marker, state, Comparison() if arrived else Comparison(("it is not whole",))):
            case Accept():
                return Delivered(answered=False)
            case SendAgain(delete_first=delete_first):
                if delete_first and not isinstance(state.target, Absent):
                    self._delete_target()
                return _NothingArrived()
            case Unclear() if self._temporary:
                self._delete_target()
                return _NothingArrived()
            case other:
                raise QdrantError(
                    f"collection '{self._target}': the connection was lost while it was restored ({lost.reason}), "
                    f"and it is not clear what became of it ({type(other).__name__}, {self._plan.was})"
                )

    def _delete_target(self) -> None:
        self._own_marker.check()
        self._session.qdrant.delete_collection(self._target)


class _WatchedProgress:
    """Passes progress on, and notes whether everything was sent."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.all_sent = False

    def __call__(self, collection: str, sent_bytes: int, total_bytes: int | None = None) -> None:
        """Show that this many bytes were sent."""
        self.all_sent = total_bytes is not None and sent_bytes >= total_bytes
        self._progress(collection, sent_bytes, total_bytes)

    def wait(self, what: str, collection: str = "") -> None:
        """Show what is waited for: the server has everything now."""
        self.all_sent = True
        self._progress.wait(what, collection)

    def close(self) -> None:
        """End the display."""
        self._progress.close()
