"""Fill one collection under a marker: deliver the snapshot, verify, finish, drop the marker.

docs/protocol.md, Restore, rules 5 to 8.
"""

from restore.commands.restore.report import RestoreOutcome, RestoreResult
from restore.commands.restore.session import RestoreSession
from restore.errors import IntegrityError, NotFoundError, RestoreError, add_facts
from restore.recovery.comparison import Comparison, make_expectation
from restore.recovery.find_snapshot import hash_snapshot
from restore.recovery.finish import delete_upload, restore_aliases, restore_indexes, restore_read_fan_out
from restore.recovery.marker.model import Phase, TargetBefore
from restore.recovery.marker.place import OwnMarker
from restore.recovery.plan import PlanAgain, Restore
from restore.recovery.policy_choices import Verify
from restore.recovery.read_target import read_state
from restore.recovery.request import RestoreRequest, SnapshotCandidate
from restore.recovery.target_state import Present
from restore.recovery.transfer.deliver import Delivered, SnapshotDelivery, TargetChanged, Undelivered
from restore.recovery.transfer.routes import is_as_planned, make_transfer_source
from restore.recovery.transfer.send import stored_content
from restore.recovery.transfer.wait_idle import wait_no_creations
from restore.recovery.verify import verify_after_restore
from restore.settings.model import Settings
from restore.stores.snapshot_lock import shared_lock
from restore.system.text import format_bytes, format_count


class Delivery:
    """Fills one collection. The marker is the caller's, which also decides what becomes of it after an error."""

    def __init__(
        self, session: RestoreSession, settings: Settings, request: RestoreRequest, own_marker: OwnMarker
    ) -> None:
        self._session = session
        self._settings = settings
        self._request = request
        self._own_marker = own_marker
        self._target = request.target
        self._begin = session.clock.read_seconds()

    def deliver(self, plan: Restore, candidate: SnapshotCandidate) -> RestoreOutcome | PlanAgain:
        """Send the snapshot and verify it. Raise when it did not come out whole; the error says what is left."""
        wait_no_creations(self._session, self._target)
        with shared_lock(candidate.stored.path) as is_there:
            if not is_there:
                raise NotFoundError(
                    f"snapshot '{candidate.stored.file}' is being deleted from store '{self._session.store.name}'",
                    left="nothing was sent",
                    hint="run it again: it takes the snapshot that is the latest then",
                )
            self._begin = self._session.clock.read_seconds()
            sent = self._send(plan, candidate)
            if isinstance(sent, PlanAgain):
                return sent
            comparison = self._verify(plan, candidate, sent)
            self._own_marker.record_verified()
            result = RestoreResult.RESTORED_OLDER if candidate.older_than else RestoreResult.RESTORED
            return self.finish(candidate, comparison, result)

    def _send(self, plan: Restore, candidate: SnapshotCandidate) -> Delivered | PlanAgain:
        store, own_marker = self._session.store, self._own_marker
        promised = candidate.manifest.sha256 if candidate.manifest else ""
        checksum = self._find_checksum(plan, candidate)
        by_url, server_store = store.gives_urls_for(candidate.stored), self._settings.store.server_path
        source = make_transfer_source(candidate, self._target, checksum, server_store=server_store, by_url=by_url)
        own_marker.set_snapshot(snapshot=candidate.name, sha256=promised, size=source.size)
        before = read_state(self._session, self._target).target
        if not is_as_planned(plan, before):
            self._session.log("target.changed", collection=self._target)
            if own_marker.phase is Phase.MARKED:
                own_marker.drop()
            return PlanAgain()
        delivery = SnapshotDelivery(self._session, own_marker, plan, source)
        match delivery.deliver(stored_content(store, candidate.stored), self._request.policies.transfer, before):
            case Delivered() as delivered:
                return delivered
            case TargetChanged():
                self._session.log("target.changed", collection=self._target)
                own_marker.drop()
                return PlanAgain()
            case Undelivered(error=error, left=left):
                raise self._explain(error, left, candidate, checksum) from error

    def _find_checksum(self, plan: Restore, candidate: SnapshotCandidate) -> str:
        """Return the checksum to send along. Without a manifest, or with data to lose, the whole file is read."""
        if candidate.manifest and not plan.loses_points:
            return candidate.manifest.sha256
        self._session.progress.wait("reading the whole snapshot", self._target)
        promised = candidate.manifest.sha256 if candidate.manifest else ""
        return self._hash(candidate, promised)

    def _hash(self, candidate: SnapshotCandidate, expected: str) -> str:
        store, check_stop = self._session.store, self._session.qdrant.check_stop
        return hash_snapshot(store, candidate, expected=expected, on_block=check_stop)

    def _explain(self, error: RestoreError, left: str, candidate: SnapshotCandidate, checksum: str) -> RestoreError:
        """Return the refusal with what is left; of a wrong checksum, whether the file here is the damaged one."""
        if not isinstance(error, IntegrityError):
            return add_facts(error, left=left)
        try:
            self._hash(candidate, checksum)
        except IntegrityError as damage:
            return add_facts(damage, left=left)
        hint = (
            f"'{candidate.stored.file}' here is whole: does the server see another store under "
            f"'{self._settings.store.server_path}' (--transfer upload sends this one), or does a proxy change bytes?"
        )
        return add_facts(error, left=left, hint=hint)

    def _verify(self, plan: Restore, candidate: SnapshotCandidate, delivered: Delivered) -> Comparison:
        """Return the warnings of the comparison. Raise `IntegrityError` when something differs."""
        expectation = make_expectation(
            candidate,
            keeps_settings=plan.was is not TargetBefore.ABSENT and not plan.delete_first,
            samples=self._settings.snapshot_options_for(self._request.collection).samples,
            answered=delivered.answered,
        )
        depth = Verify.FULL if candidate.gap else self._request.policies.verify
        comparison = verify_after_restore(
            self._session.qdrant, self._target, expectation, depth, archive=candidate.archive
        )
        if not comparison.is_whole:
            raise IntegrityError(
                f"collection '{self._target}': after the restore {'; '.join(comparison.differences)}",
                left=f"it is left as it is, with its marker '{self._own_marker.name}'",
                hint=f"is '{candidate.stored.file}' the snapshot you meant? 'qdrant-restore verify' checks it; "
                f"remove the collection, or run again with --on-existing replace",
            )
        return comparison

    def finish(
        self, candidate: SnapshotCandidate | None, comparison: Comparison, result: RestoreResult
    ) -> RestoreOutcome:
        """Put a verified collection in order and drop the marker. Return its outcome.

        `candidate` is None when the snapshot that a dead run sent is not in the store any more.
        """
        qdrant, marker = self._session.qdrant, self._own_marker.marker
        target = read_state(self._session, self._target).target
        warnings = [*comparison.warnings, *(candidate.warnings if candidate else ())]
        points = target.points if isinstance(target, Present) else None
        if isinstance(target, Present):
            delete_upload(qdrant, self._target, marker.sent)
            schema = candidate.manifest.payload_schema if candidate and candidate.manifest else {}
            warnings += restore_indexes(qdrant, self._target, target, schema)
            if candidate and marker.was is not TargetBefore.EMPTY:
                config = candidate.manifest.config if candidate.manifest else candidate.config
                warnings += restore_read_fan_out(qdrant, self._target, target, config)
            warnings += restore_aliases(qdrant, self._target, self._find_aliases(candidate))
            warnings += [
                f"alias '{alias}' is that of '{owner}' by a newer snapshot and was not put back here"
                for alias, owner in self._request.lost_aliases
            ]
        self._own_marker.drop()
        seconds = round(self._session.clock.read_seconds() - self._begin, 3)
        self._session.log("collection.restored", collection=self._target, points=points, seconds=seconds)
        return RestoreOutcome(
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

    def _find_aliases(self, candidate: SnapshotCandidate | None) -> tuple[str, ...]:
        """Return the aliases to put back: the target's own and, under its own name, those of the snapshot."""
        known = candidate.manifest.aliases if candidate and candidate.manifest else ()
        known = known if self._target == self._request.collection else ()
        lost = dict(self._request.lost_aliases)
        return tuple(sorted({*self._own_marker.marker.aliases, *(alias for alias in known if alias not in lost)}))

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
