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

    def __init__(self, tools: RestoreSession, settings: Settings, wanted: RestoreRequest, held: OwnMarker) -> None:
        self._tools = tools
        self._settings = settings
        self._wanted = wanted
        self._held = held
        self._target = wanted.target
        # Something may have been sent under this mark before, by whoever died.
        self._inherited = held.phase is not Phase.MARKED
        self._begin = tools.clock.read_seconds()
        self._sender = SnapshotSender(
            tools.qdrant,
            clock=tools.clock,
            log=tools.log,
            progress=tools.progress,
            stall_seconds=settings.stall_timeout_seconds,
        )

    def deliver(self, plan: Restore, offer: SnapshotCandidate) -> RestoreOutcome | None:
        """Send and verify. None: the target is not what it was planned for any more, and the server took nothing.

        Raises when it did not come out whole; what is left is said in the error.
        """
        checksum = self._find_checksum(plan, offer)
        parcel = make_transfer_source(
            offer,
            self._target,
            checksum,
            server_store=self._settings.server_store,
            by_url=self._tools.store.gives_urls_for(offer.stored),
        )
        self._held.take_along(
            snapshot=offer.name, sha256=offer.manifest.sha256 if offer.manifest else "", size=parcel.size
        )
        before = self._look().target
        if not is_as_planned(plan, before):
            self._tools.log("target.changed", collection=self._target)
            return None
        if plan.delete_first:
            before = self._delete_first(plan, parcel, before)
        try:
            arrival = self._send(plan, parcel, before, offer.stored)
        except IntegrityError as refusal:
            raise self._find_damage(refusal, offer, parcel) from refusal
        if arrival is TransferState.CHANGED:
            self._tools.log("target.changed", collection=self._target)
            self._held.drop()
            return None
        depth = Verify.FULL if offer.gap else self._wanted.policies.verify
        verdict = verify_after_restore(
            self._tools.qdrant,
            self._target,
            offer,
            keeps_settings=plan.was is not TargetBefore.ABSENT and not plan.delete_first,
            depth=depth,
            samples=self._settings.making_for(self._wanted.collection).samples,
            answered=arrival is TransferState.ACCEPTED,
        )
        if not verdict.is_whole:
            raise IntegrityError(
                f"collection '{self._target}': after the restore {'; '.join(verdict.differences)}",
                left=f"it is left as it is, with its mark '{self._held.name}'",
                hint=f"is '{offer.stored.file}' the snapshot you meant? 'qdrant-restore verify' checks it; "
                f"remove the collection, or run again with --on-existing replace",
            )
        self._held.tell_verified()
        return self.close(
            offer, verdict, RestoreResult.RESTORED_OLDER if offer.older_than else RestoreResult.RESTORED
        )

    def _find_damage(
        self, refusal: IntegrityError, offer: SnapshotCandidate, parcel: TransferSource
    ) -> IntegrityError:
        """Say of a refused checksum whether the file here is the damaged one, or what reached the server."""
        try:
            hash_snapshot(self._tools.store, offer, expected=parcel.checksum)
        except IntegrityError as damage:
            damage.left = refusal.left
            return damage
        refusal.hint = (
            f"'{offer.stored.file}' here is whole: does the server see another store under "
            f"'{self._settings.server_store}' (--transfer upload sends this one), or does a proxy change bytes?"
        )
        return refusal

    def close(self, offer: SnapshotCandidate | None, verdict: Comparison, result: RestoreResult) -> RestoreOutcome:
        """Tidy and unmark a verified collection; gives its outcome. The mark is only ever deleted from here on."""
        qdrant, mark = self._tools.qdrant, self._held.mark
        look = self._look()
        warnings = [*verdict.warnings, *([offer.gap] if offer and offer.gap else [])]
        points = look.target.points if isinstance(look.target, Present) else None
        if isinstance(look.target, Present):
            delete_upload(qdrant, self._target, mark.sent)
            schema = offer.manifest.payload_schema if offer and offer.manifest else {}
            warnings += restore_indexes(qdrant, self._target, look.target, schema)
            warnings += restore_aliases(qdrant, self._target, self._find_aliases(offer))
            warnings += [
                f"alias '{alias}' is that of '{owner}' by a newer snapshot and was not put back here"
                for alias, owner in self._wanted.yields
            ]
        self._held.drop()
        seconds = round(self._tools.clock.read_seconds() - self._begin, 3)
        outcome = RestoreOutcome(
            collection=self._target,
            result=result,
            message=self._describe(offer, result, points, seconds),
            snapshot=mark.snapshot,
            points=points,
            size_bytes=mark.size,
            seconds=seconds,
            transfer=mark.sent.kind if mark.sent else "",
            warnings=tuple(dict.fromkeys(warnings)),
        )
        self._tools.log("collection.restored", collection=self._target, points=points, seconds=seconds)
        return outcome

    # --- sending --------------------------------------------------------------------------------------------

    def _find_checksum(self, plan: Restore, offer: SnapshotCandidate) -> str:
        """Give the checksum to send along; the whole file is read where there is no manifest, or data to lose."""
        if offer.manifest and not plan.loses_points:
            return offer.manifest.sha256
        self._tools.progress.wait("reading the whole snapshot", self._target)
        return hash_snapshot(self._tools.store, offer, expected=offer.manifest.sha256 if offer.manifest else "")

    def _delete_first(self, plan: Restore, parcel: TransferSource, before: Target) -> Absent:
        """Remove what is there, once the mark knows what is about to be sent and which aliases to put back."""
        if plan.loses_points and self._wanted.policies.transfer is Transfer.SERVER_FILE:
            raise QdrantError(
                f"collection '{self._target}': its configuration differs, so it is removed before the snapshot "
                "is sent, and nothing proves beforehand that the server can read its file",
                left="left as it is",
                hint="let it be uploaded: --transfer upload",
            )
        self._tell_sent(Transfer.UPLOAD, plan, parcel)
        self._held.check()
        if isinstance(before, Present | UnreadableCollection):
            if isinstance(before, Present):
                delete_upload(self._tools.qdrant, self._target, self._held.mark.sent)
            self._tools.qdrant.delete_collection(self._target)
            self._tools.log("collection.removed", collection=self._target, reason="to restore it anew")
        return Absent()

    def _send(self, plan: Restore, parcel: TransferSource, before: Target, stored: StoredSnapshot) -> TransferState:
        """Send by the first route that the server takes; every answer but a checksum error leads to the next."""
        sent_again = False
        remaining = list(choose_routes(self._wanted.policies.transfer, plan, parcel))
        while True:
            route = remaining.pop(0)
            self._tell_sent(route, plan, parcel)
            self._held.check()
            self._tools.log("snapshot.sending", collection=self._target, snapshot=parcel.path, transfer=route)
            match self._send_by(route, parcel, stored):
                case Accepted():
                    return TransferState.ACCEPTED
                case Rejected(error=error):
                    if not self._judge_rejection(error, plan, before, last=not remaining):
                        return TransferState.CHANGED
                case Lost(reason=reason, rose=rose):
                    if self._judge_loss(reason, plan, rose=rose):
                        return TransferState.UNANSWERED
                    if sent_again:
                        raise QdrantError(f"collection '{self._target}': the connection was lost twice: {reason}")
                    sent_again = True
                    remaining.insert(0, route)

    def _send_by(self, route: Transfer, parcel: TransferSource, stored: StoredSnapshot) -> TransferResult:
        store = self._tools.store
        match route:
            case Transfer.SERVER_FILE:
                return self._sender.send_server_file(parcel)
            case Transfer.SERVER_URL:
                return self._sender.send_server_url(parcel, lambda: store.sign_url(stored, _URL_SECONDS))
            case _:
                return self._sender.send_upload(parcel, lambda: store.open_snapshot(stored))

    def _tell_sent(self, route: Transfer, plan: Restore, parcel: TransferSource) -> None:
        # What an upload left there once is to be deleted, whichever way it goes in the end.
        known = self._held.mark.sent.file if self._held.mark.sent else ""
        file = parcel.upload_name if route == Transfer.UPLOAD else known
        at = self._tools.clock.now().timestamp()
        self._held.tell_sent(SentTransfer(str(route), parcel.size, at, file), plan.was, plan.aliases)

    def _judge_rejection(self, error: RestoreError, plan: Restore, before: Target, *, last: bool) -> bool:
        """Tell whether another route may be tried, or all is to be planned anew (False).

        Otherwise removes what this restore made and raises.
        """
        wait_idle(self._tools.qdrant, self._tools.clock, target=self._target)
        after = self._look().target
        if not last and not isinstance(error, IntegrityError) and is_unchanged(plan, before, after):
            self._tools.log("snapshot.sending_otherwise", collection=self._target, reason=error.message)
            return True
        if not plan.delete_first and was_created_by_others(error, before, after):
            delete_upload(self._tools.qdrant, self._target, self._held.mark.sent)
            return False
        error.left = error.left or self._try_to_clean_up(plan, after)
        raise error

    def _judge_loss(self, reason: str, plan: Restore, *, rose: bool) -> bool:
        """Find out what became of what was sent: True when it arrived whole, False when it may be sent again."""
        self._tools.log("qdrant.connection_lost", level="warning", collection=self._target, reason=reason)
        wait_settled(
            self._tools.qdrant,
            self._tools.clock,
            self._tools.log,
            target=self._target,
            sent=self._held.mark.sent,
            stall_seconds=self._settings.stall_timeout_seconds,
            rose=rose,
        )
        return self._judge_arrival(reason, plan)

    def _judge_arrival(self, reason: str, plan: Restore) -> bool:
        look = self._look()
        # The verdict proper comes after this; here a readable, filled collection is told from a half-made one.
        arrived = isinstance(look.target, Present) and look.target.points > 0
        verdict = Comparison() if arrived else Comparison(("it is not whole",))
        match decide_takeover(self._held.mark, look, verdict):
            case Accept():
                return True
            case SendAgain(delete_first=delete_first):
                if delete_first and not isinstance(look.target, Absent):
                    self._held.check()
                    self._tools.qdrant.delete_collection(self._target)
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
            return f"its mark '{self._held.name}' stays, and the next run tidies up ({trouble.message})"

    def _clean_up(self, plan: Restore, after: Target) -> str:
        """After a definite no: remove what this restore made, then the mark; say what is left."""
        qdrant, sent = self._tools.qdrant, self._held.mark.sent
        match plan.was, after:
            case TargetBefore.ABSENT, Absent():
                delete_stranded_upload(qdrant, self._target, sent)
                left = "nothing is left behind"
            case TargetBefore.ABSENT, Present(points=0) | UnreadableCollection(is_half_made=True):
                self._held.check()
                delete_upload(qdrant, self._target, sent)
                qdrant.delete_collection(self._target)
                left = "what was made of it is removed again"
            case (TargetBefore.EMPTY, Present(points=0)) | (TargetBefore.PRESENT, Present()) if self._is_untouched(
                plan
            ):
                delete_upload(qdrant, self._target, sent)
                left = "the collection is as it was"
            case _:
                return f"its mark '{self._held.name}' stays, and the next run sends it again"
        self._held.drop()
        return left

    def _is_untouched(self, plan: Restore) -> bool:
        """Tell whether a collection that is there and answers after a definite no is the one that was there."""
        return plan.was is TargetBefore.EMPTY or not (self._inherited or plan.delete_first)

    def _look(self) -> TargetState:
        server = read_server_state(self._tools.qdrant, scoped=self._tools.scoped)
        return read_target_state(self._tools.qdrant, server, self._target)

    def _find_aliases(self, offer: SnapshotCandidate | None) -> tuple[str, ...]:
        """Give the aliases to put back: what the target had, and, under its own name, what the snapshot knew."""
        own = offer.manifest.aliases if offer and offer.manifest else ()
        wanted = own if self._target == self._wanted.collection else ()
        wanted = tuple(alias for alias in wanted if alias not in dict(self._wanted.yields))
        return tuple(sorted({*self._held.mark.aliases, *wanted}))

    def _describe(
        self, offer: SnapshotCandidate | None, result: RestoreResult, points: int | None, seconds: float
    ) -> str:
        what = format_count(points, "point") if points is not None else "restored"
        file = offer.stored.file if offer else self._held.mark.snapshot
        begin = f"{what} restored from {file} ({format_bytes(self._held.mark.size)}) in {seconds:.1f} s"
        match result:
            case RestoreResult.FINISHED:
                return f"{what}; finished a restore from {file} that was interrupted"
            case RestoreResult.RESTORED_OLDER if offer:
                return f"{begin}, the previous one: {offer.older_than}"
            case _ if offer and not offer.manifest:
                return f"{begin}; it has no manifest, so only its form and readability were checked"
            case _:
                return f"{begin}, checked"
