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

    def __init__(self, session: RestoreSession, settings: Settings, request: RestoreRequest, server: Version) -> None:
        self._session = session
        self._settings = settings
        self._request = request
        self._server = server
        self._target = request.target
        self.lock_wait_seconds = 0.0

    def run(self) -> RestoreOutcome:
        """Do what has to be done. Every pass looks anew; an interrupted restore of somebody's comes first."""
        for _ in range(_TRIES):
            state = self._state()
            plan, candidate = self._plan(state)
            match plan:
                case Skip():
                    return report_skip(self._request.collection, self._target, plan, candidate)
                case Refuse(error=error):
                    return report_failure(self._target, error)
                case WaitForOther(seen=seen):
                    stale = self._watch(seen)
                    outcome = self._take_over(stale) if stale else None
                case Restore():
                    outcome = self._restore(plan, candidate, state)
            if outcome is not None:
                return outcome
        raise LockedError(
            f"collection '{self._target}': other runs kept taking the mark away",
            hint="is something starting restores of it in a loop?",
        )

    def _state(self) -> TargetState:
        server = read_server_state(self._session.qdrant, scoped=self._session.scoped)
        return read_target_state(self._session.qdrant, server, self._target)

    def _plan(self, state: TargetState, *, own: str = "") -> tuple[Plan, SnapshotCandidate | None]:
        candidate = find_candidate(
            self._session.store, self._request, required_read_depth(self._request, state, own=own), self._server
        )
        missing = missing_snapshot_error(self._session.store, self._request) if candidate is None else None
        return plan_collection(self._request, state, candidate, missing, own=own), candidate

    def _watch(self, seen: ObservedMarker) -> ObservedMarker | None:
        begin = self._session.clock.read_seconds()
        try:
            return watch_marker(
                self._session.qdrant,
                self._session.clock,
                self._session.log,
                seen,
                target=self._target,
                timeout_seconds=self._settings.limits.lock_timeout_seconds,
                stall_seconds=self._settings.limits.stall_timeout_seconds,
            )
        finally:
            self.lock_wait_seconds += round(self._session.clock.read_seconds() - begin, 3)

    # --- a restore of our own -------------------------------------------------------------------------------

    def _restore(
        self, plan: Restore, candidate: SnapshotCandidate | None, state: TargetState
    ) -> RestoreOutcome | None:
        if candidate is None:
            return None
        if self._server.line <= _ASK_BEFORE_MARKING:
            # A mark made beside a snapshot creation stalls such a server for seconds (1.9 s on 1.16.3).
            self._wait_no_creations()
        attempt = max((seen.attempt for seen in state.markers), default=0) + 1
        own_marker = place_marker(
            self._session.qdrant,
            self._make_marker(candidate, plan.was),
            attempt,
            makes=1 if plan.was is TargetBefore.ABSENT else 0,
        )
        if own_marker is None:
            return None
        with MarkerGuard(own_marker):
            # Only this second look decides anything that writes.
            again, candidate = self._plan(self._state(), own=own_marker.name)
            if not isinstance(again, Restore) or candidate is None:
                own_marker.drop()
                return None
            return self._deliver(own_marker, again, candidate)

    def _make_marker(self, candidate: SnapshotCandidate, was: TargetBefore) -> Marker:
        return Marker(
            collection=self._target,
            token=self._session.token,
            holder=self._session.holder,
            since=self._session.clock.now().isoformat(timespec="seconds"),
            snapshot=candidate.name,
            sha256=candidate.manifest.sha256 if candidate.manifest else "",
            size=candidate.size,
            was=was,
            phase=Phase.MARKED,
        )

    def _deliver(self, own_marker: OwnMarker, plan: Restore, candidate: SnapshotCandidate) -> RestoreOutcome | None:
        """Send and verify. None: somebody made something of the target since it was looked at: plan anew."""
        self._wait_no_creations()
        with shared_lock(candidate.stored.path) as is_there:
            if not is_there:
                raise NotFoundError(
                    f"snapshot '{candidate.stored.file}' is being deleted from store '{self._session.store.name}'",
                    left="nothing was sent",
                    hint="run it again: it takes the snapshot that is the latest then",
                )
            outcome = Delivery(self._session, self._settings, self._request, own_marker).deliver(plan, candidate)
        if outcome is None and own_marker.phase is Phase.MARKED:
            own_marker.drop()
        return outcome

    def _wait_no_creations(self) -> None:
        wait_no_creations(
            self._session.qdrant,
            self._session.clock,
            self._session.log,
            target=self._target,
            stall_seconds=self._settings.limits.stall_timeout_seconds,
        )

    # --- a restore whose holder is gone ---------------------------------------------------------------------

    def _take_over(self, seen: ObservedMarker) -> RestoreOutcome | None:
        """Finish what a dead holder began. None: plan anew."""
        session, stale = self._session, seen.marker
        session.log(
            "restore.taking_over", collection=self._target, marker=seen.name, phase=str(stale and stale.phase)
        )
        if stale is None:
            raise LockedError(
                f"collection '{self._target}': its mark '{seen.name}' cannot be read",
                left="left as it is",
                hint="did another version of this program make it? Let that one finish, or delete the collection "
                f"'{seen.name}' when no restore is running",
            )
        if stale.phase is Phase.SENT:
            wait_settled(
                session.qdrant,
                session.clock,
                session.log,
                target=self._target,
                sent=stale.sent,
                stall_seconds=self._settings.limits.stall_timeout_seconds,
            )
        ours = msgspec.structs.replace(stale, token=session.token, holder=session.holder, since=self._now())
        own_marker = place_marker(session.qdrant, ours, seen.attempt + 1, makes=0, supersedes=seen.name)
        if own_marker is None:
            return None
        with MarkerGuard(own_marker):
            state = self._state()
            others = [other for other in state.markers if other.name != own_marker.name]
            if any(other.attempt > own_marker.attempt for other in others) or others[-1:] != [seen]:
                # Somebody is quicker, or the holder is alive after all.
                own_marker.drop()
                return None
            return self._finish(own_marker, seen, state)

    def _finish(self, own_marker: OwnMarker, seen: ObservedMarker, state: TargetState) -> RestoreOutcome | None:
        stale = own_marker.marker
        sent = find_sent_snapshot(
            self._session.store,
            self._request.collection,
            file=stale.snapshot,
            sha256=stale.sha256,
            server=self._server,
        )
        delivery = Delivery(self._session, self._settings, self._request, own_marker)
        match decide_takeover(stale, state, self._verify(sent, stale.was)):
            case StartOver():
                self._drop_older(state, own_marker)
                own_marker.drop()
                return None
            case Finish() if not isinstance(state.target, Present):
                # It was whole once, and somebody has removed or broken it since.
                self._drop_older(state, own_marker)
                own_marker.drop()
                return None
            case Finish():
                self._drop_older(state, own_marker)
                return delivery.close(sent, Comparison(), RestoreResult.FINISHED)
            case Accept():
                self._drop_older(state, own_marker)
                own_marker.record_verified()
                return delivery.close(sent, self._verify(sent, stale.was), RestoreResult.FINISHED)
            case WrittenMeanwhile(points=points) if not self._may_replace():
                own_marker.drop()
                return report_written(self._target, seen.name, points, stale.snapshot)
            case Unclear(reason=reason) if not self._may_replace():
                raise QdrantError(
                    f"collection '{self._target}': its restore was interrupted, and it does not answer ({reason})",
                    hint="look into Qdrant's log; to put the snapshot in its place: "
                    f"qdrant-restore restore {self._target} --on-existing replace",
                )
            case WrittenMeanwhile() | Unclear() | SendAgain() as decided:
                candidate = find_candidate(self._session.store, self._request, ReadDepth.ARCHIVE, self._server)
                if candidate is None:
                    raise missing_snapshot_error(self._session.store, self._request)
                plan = self._plan_again(decided, stale, state, candidate)
                if plan.points and (refusal := refuse_gap(self._request, candidate)):
                    raise refusal
                self._drop_older(state, own_marker)
                return self._deliver(own_marker, plan, candidate)

    def _verify(self, sent: SnapshotCandidate | None, was: TargetBefore) -> Comparison:
        if sent is None:
            return Comparison(("the snapshot that was sent is not in the store any more",))
        return verify_after_restore(
            self._session.qdrant,
            self._target,
            sent,
            keeps_settings=was is TargetBefore.EMPTY,
            depth=Verify.FULL,
            samples=self._settings.snapshot_options_for(self._request.collection).samples,
            answered=False,
        )

    def _plan_again(
        self,
        decided: SendAgain | WrittenMeanwhile | Unclear,
        stale: Marker,
        state: TargetState,
        candidate: SnapshotCandidate,
    ) -> Restore:
        """Send again: onto what is there, or after removing it. The stale mark knows what it was and its aliases."""
        delete_first = not isinstance(decided, SendAgain) or decided.delete_first
        if stale.was is TargetBefore.PRESENT and isinstance(state.target, Present):
            delete_first = not has_same_configuration(candidate, state.target)
        points = state.target.points if isinstance(state.target, Present) else 0
        aliases = tuple(sorted({*stale.aliases, *state.aliases}))
        was = stale.was if isinstance(decided, SendAgain) else TargetBefore.PRESENT
        return Restore(was=was, points=points, delete_first=delete_first, aliases=aliases)

    def _drop_older(self, state: TargetState, own_marker: OwnMarker) -> None:
        """Delete the marks that ours has taken everything over from."""
        own_marker.check()
        for other in state.markers:
            if other.attempt < own_marker.attempt:
                self._session.qdrant.delete_collection(other.name)
        own_marker.supersedes = ""

    def _may_replace(self) -> bool:
        return self._request.named and self._request.policies.on_existing is OnExisting.REPLACE

    def _now(self) -> str:
        return self._session.clock.now().isoformat(timespec="seconds")
