"""One collection's restore: mark, look again, deliver, verify, tidy, unmark; or finish somebody's whose holder died.

protocol.md, Restore, rules 4 to 11. Every step may be the last one that this process lives to do.
"""

from __future__ import annotations

import msgspec

from restore.commands.restore.delivery import Delivery
from restore.commands.restore.marker_guard import MarkerGuard
from restore.commands.restore.report import RestoreOutcome, RestoreResult, report_failure, report_skip, report_written
from restore.commands.restore.session import RestoreSession
from restore.errors import LockedError, NotFoundError, QdrantError
from restore.qdrant.version import Version
from restore.recovery.comparison import Comparison
from restore.recovery.find_snapshot import find_candidate, find_sent_snapshot, missing_snapshot_error
from restore.recovery.marker.model import Marker, Phase, TargetBefore
from restore.recovery.marker.place import OwnMarker, place_marker
from restore.recovery.marker.watch import watch_marker
from restore.recovery.plan import (
    Plan,
    ReadDepth,
    Refuse,
    Restore,
    Skip,
    WaitForOther,
    has_same_configuration,
    plan_collection,
    refuse_gap,
    required_read_depth,
)
from restore.recovery.policy import OnExisting, Verify
from restore.recovery.read_target import read_server_state, read_target_state
from restore.recovery.request import RestoreRequest, SnapshotCandidate
from restore.recovery.takeover import Accept, Finish, SendAgain, StartOver, Unclear, WrittenMeanwhile, decide_takeover
from restore.recovery.target_state import ObservedMarker, Present, TargetState
from restore.recovery.transfer.wait_idle import wait_no_creations, wait_settled
from restore.recovery.verify import verify_after_restore
from restore.settings.model import Settings
from restore.stores.locks import shared_lock

_ASK_BEFORE_MARKING = (1, 16)
_TRIES = 20


class CollectionRestore:
    """Restores one collection into one server."""

    def __init__(self, tools: RestoreSession, settings: Settings, wanted: RestoreRequest, server: Version) -> None:
        self._tools = tools
        self._settings = settings
        self._wanted = wanted
        self._server = server
        self._target = wanted.target
        self.lock_wait_seconds = 0.0

    def carry_out(self) -> RestoreOutcome:
        """Do what has to be done. Every pass looks anew; an interrupted restore of somebody's comes first."""
        for _ in range(_TRIES):
            look = self._look()
            plan, offer = self._plan(look)
            match plan:
                case Skip():
                    return report_skip(self._wanted.collection, self._target, plan, offer)
                case Refuse(error=error):
                    return report_failure(self._target, error)
                case WaitForOther(seen=seen):
                    stale = self._watch(seen)
                    outcome = self._take_over(stale) if stale else None
                case Restore():
                    outcome = self._restore(plan, offer, look)
            if outcome is not None:
                return outcome
        raise LockedError(
            f"collection '{self._target}': other runs kept taking the mark away",
            hint="is something starting restores of it in a loop?",
        )

    def _look(self) -> TargetState:
        server = read_server_state(self._tools.qdrant, scoped=self._tools.scoped)
        return read_target_state(self._tools.qdrant, server, self._target)

    def _plan(self, look: TargetState, *, own: str = "") -> tuple[Plan, SnapshotCandidate | None]:
        offer = find_candidate(
            self._tools.store, self._wanted, required_read_depth(self._wanted, look, own=own), self._server
        )
        missing = missing_snapshot_error(self._tools.store, self._wanted) if offer is None else None
        return plan_collection(self._wanted, look, offer, missing, own=own), offer

    def _watch(self, seen: ObservedMarker) -> ObservedMarker | None:
        begin = self._tools.clock.read_seconds()
        try:
            return watch_marker(
                self._tools.qdrant,
                self._tools.clock,
                self._tools.log,
                seen,
                target=self._target,
                patience_seconds=self._settings.lock_timeout_seconds,
                stall_seconds=self._settings.stall_timeout_seconds,
            )
        finally:
            self.lock_wait_seconds += round(self._tools.clock.read_seconds() - begin, 3)

    # --- a restore of our own -------------------------------------------------------------------------------

    def _restore(self, plan: Restore, offer: SnapshotCandidate | None, look: TargetState) -> RestoreOutcome | None:
        if offer is None:
            return None
        if self._server.line <= _ASK_BEFORE_MARKING:
            # A mark made beside a snapshot creation stalls such a server for seconds (1.9 s on 1.16.3).
            self._wait_no_creations()
        attempt = max((seen.attempt for seen in look.marks), default=0) + 1
        held = place_marker(
            self._tools.qdrant,
            self._make_mark(offer, plan.was),
            attempt,
            makes=1 if plan.was is TargetBefore.ABSENT else 0,
        )
        if held is None:
            return None
        with MarkerGuard(held):
            # Only this second look decides anything that writes.
            again, offer = self._plan(self._look(), own=held.name)
            if not isinstance(again, Restore) or offer is None:
                held.drop()
                return None
            return self._deliver(held, again, offer)

    def _make_mark(self, offer: SnapshotCandidate, was: TargetBefore) -> Marker:
        return Marker(
            collection=self._target,
            token=self._tools.token,
            holder=self._tools.holder,
            since=self._tools.clock.now().isoformat(timespec="seconds"),
            snapshot=offer.name,
            sha256=offer.manifest.sha256 if offer.manifest else "",
            size=offer.size,
            was=was,
            phase=Phase.MARKED,
        )

    def _deliver(self, held: OwnMarker, plan: Restore, offer: SnapshotCandidate) -> RestoreOutcome | None:
        """Send and verify. None: somebody made something of the target since it was looked at: plan anew."""
        self._wait_no_creations()
        with shared_lock(offer.stored.path) as is_there:
            if not is_there:
                raise NotFoundError(
                    f"snapshot '{offer.stored.file}' is being deleted from store '{self._tools.store.name}'",
                    left="nothing was sent",
                    hint="run it again: it takes the snapshot that is the latest then",
                )
            outcome = Delivery(self._tools, self._settings, self._wanted, held).deliver(plan, offer)
        if outcome is None and held.phase is Phase.MARKED:
            held.drop()
        return outcome

    def _wait_no_creations(self) -> None:
        wait_no_creations(
            self._tools.qdrant,
            self._tools.clock,
            self._tools.log,
            target=self._target,
            stall_seconds=self._settings.stall_timeout_seconds,
        )

    # --- a restore whose holder is gone ---------------------------------------------------------------------

    def _take_over(self, seen: ObservedMarker) -> RestoreOutcome | None:
        """Finish what a dead holder began. None: plan anew."""
        tools, stale = self._tools, seen.mark
        tools.log("restore.taking_over", collection=self._target, mark=seen.name, phase=str(stale and stale.phase))
        if stale is None:
            raise LockedError(
                f"collection '{self._target}': its mark '{seen.name}' cannot be read",
                left="left as it is",
                hint="did another version of this program make it? Let that one finish, or delete the collection "
                f"'{seen.name}' when no restore is running",
            )
        if stale.phase is Phase.SENT:
            wait_settled(
                tools.qdrant,
                tools.clock,
                tools.log,
                target=self._target,
                sent=stale.sent,
                stall_seconds=self._settings.stall_timeout_seconds,
            )
        ours = msgspec.structs.replace(stale, token=tools.token, holder=tools.holder, since=self._now())
        held = place_marker(tools.qdrant, ours, seen.attempt + 1, makes=0, relieves=seen.name)
        if held is None:
            return None
        with MarkerGuard(held):
            look = self._look()
            others = [other for other in look.marks if other.name != held.name]
            if any(other.attempt > held.attempt for other in others) or others[-1:] != [seen]:
                # Somebody is quicker, or the holder is alive after all.
                held.drop()
                return None
            return self._finish(held, seen, look)

    def _finish(self, held: OwnMarker, seen: ObservedMarker, look: TargetState) -> RestoreOutcome | None:
        stale = held.mark
        sent = find_sent_snapshot(
            self._tools.store,
            self._wanted.collection,
            file=stale.snapshot,
            sha256=stale.sha256,
            server=self._server,
        )
        delivery = Delivery(self._tools, self._settings, self._wanted, held)
        match decide_takeover(stale, look, self._verify(sent, stale.was)):
            case StartOver():
                self._drop_older(look, held)
                held.drop()
                return None
            case Finish() if not isinstance(look.target, Present):
                # It was whole once, and somebody has removed or broken it since.
                self._drop_older(look, held)
                held.drop()
                return None
            case Finish():
                self._drop_older(look, held)
                return delivery.close(sent, Comparison(), RestoreResult.FINISHED)
            case Accept():
                self._drop_older(look, held)
                held.tell_verified()
                return delivery.close(sent, self._verify(sent, stale.was), RestoreResult.FINISHED)
            case WrittenMeanwhile(points=points) if not self._may_replace():
                held.drop()
                return report_written(self._target, seen.name, points, stale.snapshot)
            case Unclear(reason=reason) if not self._may_replace():
                raise QdrantError(
                    f"collection '{self._target}': its restore was interrupted, and it does not answer ({reason})",
                    hint="look into Qdrant's log; to put the snapshot in its place: "
                    f"qdrant-restore restore {self._target} --on-existing replace",
                )
            case WrittenMeanwhile() | Unclear() | SendAgain() as decided:
                offer = find_candidate(self._tools.store, self._wanted, ReadDepth.ARCHIVE, self._server)
                if offer is None:
                    raise missing_snapshot_error(self._tools.store, self._wanted)
                plan = self._plan_again(decided, stale, look, offer)
                if plan.points and (refusal := refuse_gap(self._wanted, offer)):
                    raise refusal
                self._drop_older(look, held)
                return self._deliver(held, plan, offer)

    def _verify(self, sent: SnapshotCandidate | None, was: TargetBefore) -> Comparison:
        if sent is None:
            return Comparison(("the snapshot that was sent is not in the store any more",))
        return verify_after_restore(
            self._tools.qdrant,
            self._target,
            sent,
            keeps_settings=was is TargetBefore.EMPTY,
            depth=Verify.FULL,
            samples=self._settings.making_for(self._wanted.collection).samples,
            answered=False,
        )

    def _plan_again(
        self,
        decided: SendAgain | WrittenMeanwhile | Unclear,
        stale: Marker,
        look: TargetState,
        offer: SnapshotCandidate,
    ) -> Restore:
        """Send again: onto what is there, or after removing it. The stale mark knows what it was and its aliases."""
        delete_first = not isinstance(decided, SendAgain) or decided.delete_first
        if stale.was is TargetBefore.PRESENT and isinstance(look.target, Present):
            delete_first = not has_same_configuration(offer, look.target)
        points = look.target.points if isinstance(look.target, Present) else 0
        aliases = tuple(sorted({*stale.aliases, *look.aliases}))
        was = stale.was if isinstance(decided, SendAgain) else TargetBefore.PRESENT
        return Restore(was=was, points=points, delete_first=delete_first, aliases=aliases)

    def _drop_older(self, look: TargetState, held: OwnMarker) -> None:
        """Delete the marks that ours has taken everything over from."""
        held.check()
        for other in look.marks:
            if other.attempt < held.attempt:
                self._tools.qdrant.delete_collection(other.name)
        held.relieves = ""

    def _may_replace(self) -> bool:
        return self._wanted.named and self._wanted.policies.on_existing is OnExisting.REPLACE

    def _now(self) -> str:
        return self._tools.clock.now().isoformat(timespec="seconds")
