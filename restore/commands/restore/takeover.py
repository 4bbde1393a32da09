"""Take over from a run that died: wait until nothing is coming, place the next marker, finish its restore.

docs/protocol.md, Restore, rule 9.
"""

from typing import assert_never

import msgspec

from restore.commands.restore.delivery import Delivery
from restore.commands.restore.marker_guard import MarkerGuard
from restore.commands.restore.report import RestoreOutcome, RestoreResult, report_written
from restore.commands.restore.session import RestoreSession
from restore.errors import LockedError, QdrantError
from restore.qdrant.version import Version
from restore.recovery.comparison import Comparison, make_expectation
from restore.recovery.find_snapshot import find_candidate, find_sent_snapshot
from restore.recovery.marker.model import Marker, Phase, TargetBefore
from restore.recovery.marker.place import MarkerTaken, OwnMarker, place_marker
from restore.recovery.plan import PlanAgain, ReadDepth, Restore, has_same_configuration, refuse_gap
from restore.recovery.policy_choices import OnExisting, Verify
from restore.recovery.read_target import read_state
from restore.recovery.request import MissingSnapshot, RestoreRequest, SnapshotCandidate
from restore.recovery.takeover import Accept, Finish, SendAgain, StartOver, Unclear, WrittenMeanwhile, decide_takeover
from restore.recovery.target_state import ObservedMarker, Present, TargetState
from restore.recovery.transfer.wait_idle import wait_settled
from restore.recovery.verify import verify_after_restore
from restore.settings.model import Settings


class RestoreTakeover:
    """Finishes the restore of one collection whose holder is gone."""

    def __init__(self, session: RestoreSession, settings: Settings, request: RestoreRequest, server: Version) -> None:
        self._session = session
        self._settings = settings
        self._request = request
        self._server = server
        self._target = request.target

    def take_over(self, seen: ObservedMarker) -> RestoreOutcome | PlanAgain:
        """Finish what the dead holder of a stale marker began."""
        session, stale = self._session, seen.marker
        session.log(
            "restore.taking_over", collection=self._target, marker=seen.name, phase=str(stale and stale.phase)
        )
        if stale is None:
            raise LockedError(
                f"collection '{self._target}': its marker '{seen.name}' cannot be read",
                left="left as it is",
                hint="did another version of this program make it? Let that one finish, or delete the collection "
                f"'{seen.name}' when no restore is running",
            )
        if stale.phase is Phase.SENT:
            wait_settled(session, self._target, stale.sent)
        now = session.clock.now().isoformat(timespec="seconds")
        ours = msgspec.structs.replace(
            stale, collection=self._target, token=session.token, holder=session.holder, since=now
        )
        own_marker = place_marker(session.qdrant, ours, seen.attempt + 1, makes=0, supersedes=seen.name)
        if isinstance(own_marker, MarkerTaken):
            return PlanAgain()
        with MarkerGuard(own_marker):
            state = read_state(session, self._target)
            others = [other for other in state.markers if other.name != own_marker.name]
            if any(other.attempt > own_marker.attempt for other in others) or others[-1:] != [seen]:
                # Another run is quicker, or the holder is alive after all.
                own_marker.drop()
                return PlanAgain()
            return self._finish(own_marker, seen, state)

    def _finish(self, own_marker: OwnMarker, seen: ObservedMarker, state: TargetState) -> RestoreOutcome | PlanAgain:
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
                return self._start_over(own_marker, state)
            case Finish() if not isinstance(state.target, Present):
                # It was whole once, and has been removed or broken since.
                return self._start_over(own_marker, state)
            case Finish():
                self._drop_older(own_marker, state)
                return delivery.finish(sent, Comparison(), RestoreResult.FINISHED)
            case Accept():
                self._drop_older(own_marker, state)
                own_marker.record_verified()
                return delivery.finish(sent, self._verify(sent, stale.was), RestoreResult.FINISHED)
            case WrittenMeanwhile(points=points) if not self._may_replace():
                own_marker.drop()
                return report_written(self._request, seen.name, points, stale.snapshot)
            case Unclear(reason=reason) if not self._may_replace():
                raise QdrantError(
                    f"collection '{self._target}': its restore was interrupted, and it does not answer ({reason})",
                    hint="look into Qdrant's log; to put the snapshot in its place: "
                    f"{self._request.replace_command()}",
                )
            case WrittenMeanwhile() | Unclear() | SendAgain() as decided:
                found = find_candidate(self._session.store, self._request, ReadDepth.ARCHIVE, self._server)
                if isinstance(found, MissingSnapshot):
                    raise found.error
                plan = _plan_sending(decided, stale, state, found)
                if plan.points and (refusal := refuse_gap(self._request, found)):
                    raise refusal
                self._drop_older(own_marker, state)
                return delivery.deliver(plan, found)
            case decided:
                assert_never(decided)

    def _verify(self, sent: SnapshotCandidate | None, was: TargetBefore) -> Comparison:
        if sent is None:
            return Comparison(("the snapshot that was sent is not in the store any more",))
        expectation = make_expectation(
            sent,
            keeps_settings=was is TargetBefore.EMPTY,
            samples=self._settings.snapshot_options_for(self._request.collection).samples,
            answered=False,
        )
        return verify_after_restore(
            self._session.qdrant, self._target, expectation, Verify.FULL, archive=sent.archive
        )

    def _start_over(self, own_marker: OwnMarker, state: TargetState) -> PlanAgain:
        self._drop_older(own_marker, state)
        own_marker.drop()
        return PlanAgain()

    def _drop_older(self, own_marker: OwnMarker, state: TargetState) -> None:
        """Delete the markers that ours supersedes."""
        own_marker.check()
        for other in state.markers:
            if other.attempt < own_marker.attempt:
                self._session.qdrant.delete_collection(other.name)
        own_marker.supersedes = ""

    def _may_replace(self) -> bool:
        return self._request.named and self._request.policies.on_existing is OnExisting.REPLACE


def _plan_sending(
    decided: SendAgain | WrittenMeanwhile | Unclear, stale: Marker, state: TargetState, candidate: SnapshotCandidate
) -> Restore:
    """Return the plan to send again, onto what is there or after removing it.

    The stale marker says what the target was before, and which aliases it had.
    """
    delete_first = not isinstance(decided, SendAgain) or decided.delete_first
    if stale.was is TargetBefore.PRESENT and isinstance(state.target, Present):
        delete_first = not has_same_configuration(candidate, state.target)
    points = state.target.points if isinstance(state.target, Present) else 0
    aliases = tuple(sorted({*stale.aliases, *state.aliases}))
    was = stale.was if isinstance(decided, SendAgain) else TargetBefore.PRESENT
    return Restore(was=was, points=points, delete_first=delete_first, aliases=aliases)
