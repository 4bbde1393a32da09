"""Deliver a snapshot under a held mark: send it, find out what became of it, verify, tidy, unmark."""

from __future__ import annotations

from enum import StrEnum

from restore.commands.restore.report import RestoreOutcome, RestoreResult
from restore.commands.restore.session import RestoreSession
from restore.errors import DeadlineError, IntegrityError, QdrantError, RestoreError, SpaceError
from restore.qdrant.model import UnreadableCollection
from restore.recovery.comparison import Comparison
from restore.recovery.find_snapshot import hash_snapshot
from restore.recovery.finish import delete_stranded_upload, delete_upload, restore_aliases, restore_indexes
from restore.recovery.marker.model import Phase, SentTransfer, TargetBefore
from restore.recovery.marker.place import OwnMarker
from restore.recovery.plan import Restore
from restore.recovery.policy import Transfer, Verify
from restore.recovery.read_target import read_server_state, read_target_state
from restore.recovery.request import RestoreRequest, SnapshotCandidate, TransferSource
from restore.recovery.takeover import Accept, SendAgain, decide_takeover
from restore.recovery.target_state import Absent, Present, Target, TargetState
from restore.recovery.transfer.routes import (
    choose_routes,
    is_as_planned,
    is_unchanged,
    make_transfer_source,
    was_created_by_others,
)
from restore.recovery.transfer.send import Accepted, Lost, Rejected, SnapshotSender, TransferResult
from restore.recovery.transfer.wait_idle import wait_idle, wait_settled
from restore.recovery.verify import verify_after_restore
from restore.settings.model import Settings
from restore.snapshots.stored import StoredSnapshot
from restore.system.text import format_bytes, format_count

# The server opens the URL at once; a request that has begun is not ended by its expiry.
_URL_SECONDS = 3600


class TransferState(StrEnum):
    """What became of a snapshot that was sent.

    `unanswered`: no answer came, and what stands there looks as if it had arrived. `changed`: the server took
    nothing, and an application has created the missing target meanwhile.
    """

    ACCEPTED = "accepted"
    UNANSWERED = "unanswered"
    CHANGED = "changed"


class Delivery:
    """One delivery. The mark is the caller's, who also decides what happens to it when this raises."""

    def __init__(
        self, session: RestoreSession, settings: Settings, request: RestoreRequest, own_marker: OwnMarker
    ) -> None:
        self._session = session
        self._settings = settings
        self._request = request
        self._own_marker = own_marker
        self._target = request.target
        # Something may have been sent under this mark before, by whoever died.
        self._inherited = own_marker.phase is not Phase.MARKED
        self._begin = session.clock.read_seconds()
        self._sender = SnapshotSender(
            session.qdrant,
            clock=session.clock,
            log=session.log,
            progress=session.progress,
            stall_seconds=settings.limits.stall_timeout_seconds,
        )

    def deliver(self, plan: Restore, candidate: SnapshotCandidate) -> RestoreOutcome | None:
        """Send and verify. None: the target is not what it was planned for any more, and the server took nothing.

        Raises when it did not come out whole; what is left is said in the error.
        """
        checksum = self._find_checksum(plan, candidate)
        source = make_transfer_source(
            candidate,
            self._target,
            checksum,
            server_store=self._settings.store.server_path,
            by_url=self._session.store.gives_urls_for(candidate.stored),
        )
        self._own_marker.set_snapshot(
            snapshot=candidate.name, sha256=candidate.manifest.sha256 if candidate.manifest else "", size=source.size
        )
        before = self._state().target
        if not is_as_planned(plan, before):
            self._session.log("target.changed", collection=self._target)
            return None
        if plan.delete_first:
            before = self._delete_first(plan, source, before)
        try:
            arrival = self._send(plan, source, before, candidate.stored)
        except IntegrityError as refusal:
            raise self._find_damage(refusal, candidate, source) from refusal
        if arrival is TransferState.CHANGED:
            self._session.log("target.changed", collection=self._target)
            self._own_marker.drop()
            return None
        depth = Verify.FULL if candidate.gap else self._request.policies.verify
        comparison = verify_after_restore(
            self._session.qdrant,
            self._target,
            candidate,
            keeps_settings=plan.was is not TargetBefore.ABSENT and not plan.delete_first,
            depth=depth,
            samples=self._settings.snapshot_options_for(self._request.collection).samples,
            answered=arrival is TransferState.ACCEPTED,
        )
        if not comparison.is_whole:
            raise IntegrityError(
                f"collection '{self._target}': after the restore {'; '.join(comparison.differences)}",
                left=f"it is left as it is, with its mark '{self._own_marker.name}'",
                hint=f"is '{candidate.stored.file}' the snapshot you meant? 'qdrant-restore verify' checks it; "
                f"remove the collection, or run again with --on-existing replace",
            )
        self._own_marker.record_verified()
        return self.close(
            candidate, comparison, RestoreResult.RESTORED_OLDER if candidate.older_than else RestoreResult.RESTORED
        )

    def _find_damage(
        self, refusal: IntegrityError, candidate: SnapshotCandidate, source: TransferSource
    ) -> IntegrityError:
        """Say of a refused checksum whether the file here is the damaged one, or what reached the server."""
        try:
            hash_snapshot(
                self._session.store, candidate, expected=source.checksum, on_block=self._session.qdrant.check_stop
            )
        except IntegrityError as damage:
            damage.left = refusal.left
            return damage
        refusal.hint = (
            f"'{candidate.stored.file}' here is whole: does the server see another store under "
            f"'{self._settings.store.server_path}' (--transfer upload sends this one), or does a proxy change bytes?"
        )
        return refusal

    def close(
        self, candidate: SnapshotCandidate | None, comparison: Comparison, result: RestoreResult
    ) -> RestoreOutcome:
        """Tidy and unmark a verified collection; gives its outcome. The mark is only ever deleted from here on."""
        qdrant, marker = self._session.qdrant, self._own_marker.marker
        state = self._state()
        warnings = [*comparison.warnings, *([candidate.gap] if candidate and candidate.gap else [])]
        points = state.target.points if isinstance(state.target, Present) else None
        if isinstance(state.target, Present):
            delete_upload(qdrant, self._target, marker.sent)
            schema = candidate.manifest.payload_schema if candidate and candidate.manifest else {}
            warnings += restore_indexes(qdrant, self._target, state.target, schema)
            warnings += restore_aliases(qdrant, self._target, self._find_aliases(candidate))
            warnings += [
                f"alias '{alias}' is that of '{owner}' by a newer snapshot and was not put back here"
                for alias, owner in self._request.lost_aliases
            ]
        self._own_marker.drop()
        seconds = round(self._session.clock.read_seconds() - self._begin, 3)
        outcome = RestoreOutcome(
            collection=self._target,
            result=result,
            message=self._describe(candidate, result, points, seconds),
            snapshot=marker.snapshot,
            points=points,
            size_bytes=marker.size,
            seconds=seconds,
            transfer=marker.sent.kind if marker.sent else "",
            warnings=tuple(dict.fromkeys(warnings)),
        )
        self._session.log("collection.restored", collection=self._target, points=points, seconds=seconds)
        return outcome

    # --- sending --------------------------------------------------------------------------------------------

    def _find_checksum(self, plan: Restore, candidate: SnapshotCandidate) -> str:
        """Give the checksum to send along; the whole file is read where there is no manifest, or data to lose."""
        if candidate.manifest and not plan.loses_points:
            return candidate.manifest.sha256
        self._session.progress.wait("reading the whole snapshot", self._target)
        expected = candidate.manifest.sha256 if candidate.manifest else ""
        return hash_snapshot(
            self._session.store, candidate, expected=expected, on_block=self._session.qdrant.check_stop
        )

    def _delete_first(self, plan: Restore, source: TransferSource, before: Target) -> Absent:
        """Remove what is there, once the mark knows what is about to be sent and which aliases to put back."""
        if plan.loses_points and self._request.policies.transfer is Transfer.SERVER_FILE:
            raise QdrantError(
                f"collection '{self._target}': its configuration differs, so it is removed before the snapshot "
                "is sent, and nothing proves beforehand that the server can read its file",
                left="left as it is",
                hint="let it be uploaded: --transfer upload",
            )
        self._record_sent(Transfer.UPLOAD, plan, source)
        self._own_marker.check()
        if isinstance(before, Present | UnreadableCollection):
            if isinstance(before, Present):
                delete_upload(self._session.qdrant, self._target, self._own_marker.marker.sent)
            self._session.qdrant.delete_collection(self._target)
            self._session.log("collection.removed", collection=self._target, reason="to restore it anew")
        return Absent()

    def _send(self, plan: Restore, source: TransferSource, before: Target, stored: StoredSnapshot) -> TransferState:
        """Send by the first route that the server takes; every answer but a checksum error leads to the next."""
        sent_again = False
        remaining = list(choose_routes(self._request.policies.transfer, plan, source))
        while True:
            route = remaining.pop(0)
            self._record_sent(route, plan, source)
            self._own_marker.check()
            self._session.log("snapshot.sending", collection=self._target, snapshot=source.path, transfer=route)
            match self._send_by(route, source, stored):
                case Accepted():
                    return TransferState.ACCEPTED
                case Rejected(error=error):
                    if not self._judge_rejection(error, plan, before, last=not remaining):
                        return TransferState.CHANGED
                case Lost(reason=reason, was_loading=was_loading):
                    if self._judge_loss(reason, plan, was_loading=was_loading):
                        return TransferState.UNANSWERED
                    if sent_again:
                        raise QdrantError(f"collection '{self._target}': the connection was lost twice: {reason}")
                    sent_again = True
                    remaining.insert(0, route)

    def _send_by(self, route: Transfer, source: TransferSource, stored: StoredSnapshot) -> TransferResult:
        store = self._session.store
        match route:
            case Transfer.SERVER_FILE:
                return self._sender.send_server_file(source)
            case Transfer.SERVER_URL:
                return self._sender.send_server_url(source, lambda: store.sign_url(stored, _URL_SECONDS))
            case _:
                return self._sender.send_upload(source, lambda: store.open_snapshot(stored))

    def _record_sent(self, route: Transfer, plan: Restore, source: TransferSource) -> None:
        # What an upload left there once is to be deleted, whichever way it goes in the end.
        known = self._own_marker.marker.sent.file if self._own_marker.marker.sent else ""
        file = source.upload_name if route == Transfer.UPLOAD else known
        at = self._session.clock.now().timestamp()
        self._own_marker.record_sent(SentTransfer(str(route), source.size, at, file), plan.was, plan.aliases)

    def _judge_rejection(self, error: RestoreError, plan: Restore, before: Target, *, last: bool) -> bool:
        """Tell whether another route may be tried, or all is to be planned anew (False).

        Otherwise removes what this restore made and raises.
        """
        wait_idle(self._session.qdrant, self._session.clock, target=self._target)
        after = self._state().target
        if not last and not isinstance(error, IntegrityError) and is_unchanged(plan, before, after):
            self._session.log("snapshot.sending_otherwise", collection=self._target, reason=error.message)
            return True
        if not plan.delete_first and was_created_by_others(error, before, after):
            delete_upload(self._session.qdrant, self._target, self._own_marker.marker.sent)
            return False
        error.left = error.left or self._try_to_clean_up(plan, after)
        raise error

    def _judge_loss(self, reason: str, plan: Restore, *, was_loading: bool) -> bool:
        """Find out what became of what was sent: True when it arrived whole, False when it may be sent again."""
        self._session.log("qdrant.connection_lost", level="warning", collection=self._target, reason=reason)
        wait_settled(
            self._session.qdrant,
            self._session.clock,
            self._session.log,
            target=self._target,
            sent=self._own_marker.marker.sent,
            stall_seconds=self._settings.limits.stall_timeout_seconds,
            was_loading=was_loading,
        )
        return self._judge_arrival(reason, plan)

    def _judge_arrival(self, reason: str, plan: Restore) -> bool:
        state = self._state()
        # The verdict proper comes after this; here a readable, filled collection is told from a half-made one.
        arrived = isinstance(state.target, Present) and state.target.points > 0
        comparison = Comparison() if arrived else Comparison(("it is not whole",))
        match decide_takeover(self._own_marker.marker, state, comparison):
            case Accept():
                return True
            case SendAgain(delete_first=delete_first):
                if delete_first and not isinstance(state.target, Absent):
                    self._own_marker.check()
                    self._session.qdrant.delete_collection(self._target)
                return False
            case other:
                raise QdrantError(
                    f"collection '{self._target}': the connection was lost while it was restored ({reason}), "
                    f"and it is not clear what became of it ({type(other).__name__}, {plan.was})"
                )

    # --- after it -------------------------------------------------------------------------------------------

    def _try_to_clean_up(self, plan: Restore, after: Target) -> str:
        """Clean up; trouble with that (a disk that is full) must not hide why it was needed."""
        try:
            return self._clean_up(plan, after)
        except (QdrantError, SpaceError, DeadlineError) as trouble:
            return f"its mark '{self._own_marker.name}' stays, and the next run tidies up ({trouble.message})"

    def _clean_up(self, plan: Restore, after: Target) -> str:
        """After a definite no: remove what this restore made, then the mark; say what is left."""
        qdrant, sent = self._session.qdrant, self._own_marker.marker.sent
        match plan.was, after:
            case TargetBefore.ABSENT, Absent():
                delete_stranded_upload(qdrant, self._target, sent)
                left = "nothing is left behind"
            case TargetBefore.ABSENT, Present(points=0) | UnreadableCollection(is_half_made=True):
                self._own_marker.check()
                delete_upload(qdrant, self._target, sent)
                qdrant.delete_collection(self._target)
                left = "what was made of it is removed again"
            case (TargetBefore.EMPTY, Present(points=0)) | (TargetBefore.PRESENT, Present()) if self._is_untouched(
                plan
            ):
                delete_upload(qdrant, self._target, sent)
                left = "the collection is as it was"
            case _:
                return f"its mark '{self._own_marker.name}' stays, and the next run sends it again"
        self._own_marker.drop()
        return left

    def _is_untouched(self, plan: Restore) -> bool:
        """Tell whether a collection that is there and answers after a definite no is the one that was there."""
        return plan.was is TargetBefore.EMPTY or not (self._inherited or plan.delete_first)

    def _state(self) -> TargetState:
        server = read_server_state(self._session.qdrant, scoped=self._session.scoped)
        return read_target_state(self._session.qdrant, server, self._target)

    def _find_aliases(self, candidate: SnapshotCandidate | None) -> tuple[str, ...]:
        """Give the aliases to put back: what the target had, and, under its own name, what the snapshot knew."""
        own = candidate.manifest.aliases if candidate and candidate.manifest else ()
        request = own if self._target == self._request.collection else ()
        request = tuple(alias for alias in request if alias not in dict(self._request.lost_aliases))
        return tuple(sorted({*self._own_marker.marker.aliases, *request}))

    def _describe(
        self, candidate: SnapshotCandidate | None, result: RestoreResult, points: int | None, seconds: float
    ) -> str:
        what = format_count(points, "point") if points is not None else "restored"
        file = candidate.stored.file if candidate else self._own_marker.marker.snapshot
        begin = f"{what} restored from {file} ({format_bytes(self._own_marker.marker.size)}) in {seconds:.1f} s"
        match result:
            case RestoreResult.FINISHED:
                return f"{what}; finished a restore from {file} that was interrupted"
            case RestoreResult.RESTORED_OLDER if candidate:
                return f"{begin}, the previous one: {candidate.older_than}"
            case _ if candidate and not candidate.manifest:
                return f"{begin}; it has no manifest, so only its form and readability were checked"
            case _:
                return f"{begin}, checked"
