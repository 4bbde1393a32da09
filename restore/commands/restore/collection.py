"""Restore one collection: read, plan, place a marker, look again, deliver; or take over from a run that died.

docs/protocol.md, Restore, rules 2 to 4 and 9. The process may be killed at every step.
"""

from restore.commands.restore.delivery import Delivery
from restore.commands.restore.marker_guard import MarkerGuard
from restore.commands.restore.report import RestoreOutcome, RestoreResult, report_failure, report_skip
from restore.commands.restore.session import RestoreSession
from restore.commands.restore.takeover import RestoreTakeover
from restore.errors import LockedError
from restore.qdrant.version import Version
from restore.recovery.find_snapshot import find_candidate
from restore.recovery.marker.model import TargetBefore
from restore.recovery.marker.place import MarkerTaken, make_marker, place_marker
from restore.recovery.marker.watch import MarkerGone, watch_marker
from restore.recovery.plan import (
    Plan,
    PlanAgain,
    Refuse,
    Restore,
    Skip,
    WaitForOther,
    plan_collection,
    required_read_depth,
)
from restore.recovery.read_target import read_state
from restore.recovery.request import MissingSnapshot, RestoreRequest, SnapshotCandidate
from restore.recovery.target_state import ObservedMarker, TargetState
from restore.recovery.transfer.wait_idle import wait_no_creations
from restore.settings.model import Settings

# A marker made beside a snapshot creation stalls a server up to this version for seconds (1.9 s on 1.16.3).
_STALLED_BY_CREATIONS = (1, 16)
_ATTEMPTS = 20


class CollectionRestore:
    """Restores one collection. `lock_wait_seconds` is how long another run's marker was watched."""

    def __init__(self, session: RestoreSession, settings: Settings, request: RestoreRequest, server: Version) -> None:
        self._session = session
        self._settings = settings
        self._request = request
        self._server = server
        self._target = request.target
        self.lock_wait_seconds = 0.0

    def run(self) -> RestoreOutcome:
        """Return the outcome. Each attempt reads and plans anew, so an interrupted restore is finished first."""
        for _ in range(_ATTEMPTS):
            outcome = self._try()
            if not isinstance(outcome, PlanAgain):
                return outcome
        raise LockedError(
            f"collection '{self._target}': other runs kept taking the marker away",
            hint="is something starting restores of it in a loop?",
        )

    def _try(self) -> RestoreOutcome | PlanAgain:
        state = read_state(self._session, self._target)
        plan, found = self._plan(state)
        candidate = found if isinstance(found, SnapshotCandidate) else None
        match plan:
            case Skip():
                return report_skip(self._request, plan, candidate)
            case Refuse(error=error):
                return report_failure(self._target, error)
            case WaitForOther(seen=seen):
                watched = self._watch(seen)
                return PlanAgain() if isinstance(watched, MarkerGone) else self._take_over(watched, candidate)
            case Restore():
                return self._restore(plan, candidate, state) if candidate else PlanAgain()

    def _plan(self, state: TargetState, *, own: str = "") -> tuple[Plan, SnapshotCandidate | MissingSnapshot]:
        depth = required_read_depth(self._request, state, own=own)
        found = find_candidate(self._session.store, self._request, depth, self._server)
        return plan_collection(self._request, state, found, own=own), found

    def _restore(self, plan: Restore, candidate: SnapshotCandidate, state: TargetState) -> RestoreOutcome | PlanAgain:
        if self._server.line <= _STALLED_BY_CREATIONS:
            wait_no_creations(self._session, self._target)
        marker = make_marker(self._session, candidate, self._target, plan.was)
        attempt = max((seen.attempt for seen in state.markers), default=0) + 1
        makes = 1 if plan.was is TargetBefore.ABSENT else 0
        own_marker = place_marker(self._session.qdrant, marker, attempt, makes=makes)
        if isinstance(own_marker, MarkerTaken):
            return PlanAgain()
        with MarkerGuard(own_marker):
            # Only this second look decides anything that writes.
            again, found = self._plan(read_state(self._session, self._target), own=own_marker.name)
            if not isinstance(again, Restore) or isinstance(found, MissingSnapshot):
                own_marker.drop()
                return PlanAgain()
            return Delivery(self._session, self._settings, self._request, own_marker).deliver(again, found)

    def _watch(self, seen: ObservedMarker) -> ObservedMarker | MarkerGone:
        begin = self._session.clock.read_seconds()
        try:
            return watch_marker(
                self._session, seen, target=self._target, timeout_seconds=self._settings.limits.lock_timeout_seconds
            )
        finally:
            self.lock_wait_seconds += round(self._session.clock.read_seconds() - begin, 3)

    def _take_over(self, stale: ObservedMarker, candidate: SnapshotCandidate | None) -> RestoreOutcome | PlanAgain:
        outcome = RestoreTakeover(self._session, self._settings, self._request, self._server).take_over(stale)
        is_other = candidate and stale.marker and stale.marker.snapshot != candidate.name
        if is_other and isinstance(outcome, RestoreOutcome) and outcome.result is RestoreResult.FINISHED:
            # A restore of another snapshot than the one that was asked for by name.
            return PlanAgain()
        return outcome
