"""One collection's drill: mark, restore into the scratch collection, compare, search, drop."""

from __future__ import annotations

import msgspec

from restore.commands.drill.report import DrillOutcome, DrillResult, describe_proof
from restore.commands.drill.search import SearchResult, search_itself
from restore.commands.drill.session import DrillSession
from restore.commands.drill.temporary_collection import TemporaryCollection
from restore.errors import IntegrityError, LockedError, QdrantError, RefusedError, RestoreError
from restore.qdrant.collection_names import name_temporary
from restore.qdrant.model import UnreadableCollection
from restore.qdrant.version import Version
from restore.recovery.comparison import make_expectation
from restore.recovery.find_snapshot import find_candidate, hash_snapshot, missing_snapshot_error
from restore.recovery.marker.model import Marker, Phase, SentTransfer, TargetBefore
from restore.recovery.marker.place import OwnMarker, place_marker
from restore.recovery.plan import ReadDepth, Restore
from restore.recovery.policy import Fallback, Transfer, Verify
from restore.recovery.read_target import read_server_state
from restore.recovery.request import RestoreRequest, SnapshotCandidate, TransferSource
from restore.recovery.transfer.routes import choose_routes, make_transfer_source
from restore.recovery.transfer.send import Accepted, Lost, Rejected, SnapshotSender, TransferResult
from restore.recovery.transfer.wait_idle import wait_idle, wait_settled
from restore.recovery.verify import verify_collection
from restore.settings.model import Settings
from restore.snapshots.stored import StoredSnapshot
from restore.stores.locks import shared_lock

_URL_SECONDS = 3600


class DrillProof(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison showed of a restored scratch collection."""

    points: int | None
    samples: int
    searched: SearchResult
    differences: tuple[str, ...]
    warnings: tuple[str, ...]


class CollectionDrill:
    """The drill of one collection. `scratch` is the name that it restores under."""

    def __init__(self, session: DrillSession, settings: Settings, collection: str, server: Version) -> None:
        self._session = session
        self._settings = settings
        self._collection = collection
        self._server = server
        self.scratch = name_temporary(collection, session.token)
        self.candidate: SnapshotCandidate | None = None

    def run(self) -> DrillOutcome:
        """Do it. Raises what keeps it from being done; the scratch collection is dropped on every way out."""
        begin = self._session.clock.read_seconds()
        candidate = self.candidate = self._find_offer()
        # Before anything is made on the server: a wrong key or a cut file shows here.
        checksum = candidate.manifest.sha256 if candidate.manifest else hash_snapshot(self._session.store, candidate)
        own_marker = self._place_marker(candidate)
        with TemporaryCollection(self._session, own_marker) as scratch:
            self._require_free()
            with shared_lock(candidate.stored.path):
                self._send(scratch, candidate, checksum)
            proof = self._compare(candidate)
        return self._report(candidate, proof, scratch, round(self._session.clock.read_seconds() - begin, 3))

    def _find_offer(self) -> SnapshotCandidate:
        own = self._settings.policies_for(self._collection)
        # Exactly the one that was asked for is to be proven, so nothing takes its place.
        policies = msgspec.structs.replace(own, to="", fallback=Fallback.NONE)
        request = RestoreRequest(collection=self._collection, named=True, policies=policies)
        candidate = find_candidate(self._session.store, request, ReadDepth.ARCHIVE, self._server)
        if candidate is None:
            raise missing_snapshot_error(self._session.store, request)
        return candidate

    def _place_marker(self, candidate: SnapshotCandidate) -> OwnMarker:
        marker = Marker(
            collection=self.scratch,
            token=self._session.token,
            holder=self._session.holder,
            since=self._session.clock.now().isoformat(timespec="seconds"),
            snapshot=candidate.stored.file,
            sha256=candidate.manifest.sha256 if candidate.manifest else "",
            size=candidate.size,
            was=TargetBefore.ABSENT,
            phase=Phase.MARKED,
        )
        own_marker = place_marker(self._session.qdrant, marker, 1, makes=1)
        if own_marker is None:
            raise LockedError(f"collection '{self.scratch}': another drill makes it", left="left to it")
        return own_marker

    def _require_free(self) -> None:
        """Raise `RefusedError` when somebody has a collection or an alias of the scratch name."""
        state = read_server_state(self._session.qdrant, scoped=False)
        if self.scratch in state.collections or self.scratch in state.aliases:
            raise RefusedError(
                f"collection '{self.scratch}' is there already, and a drill restores into a new one only",
                hint="run it again: the next one takes another name",
            )

    # --- sending --------------------------------------------------------------------------------------------

    def _send(self, scratch: TemporaryCollection, candidate: SnapshotCandidate, checksum: str) -> None:
        """Send by the first route that the server takes. Raises when none is."""
        session = self._session
        sender = SnapshotSender(
            session.qdrant,
            clock=session.clock,
            log=session.log,
            progress=scratch.progress,
            stall_seconds=self._settings.limits.stall_timeout_seconds,
        )
        source = make_transfer_source(
            candidate,
            scratch.name,
            checksum,
            server_store=session.server_store,
            by_url=session.store.gives_urls_for(candidate.stored),
        )
        transfer = self._settings.policies_for(self._collection).transfer
        routes = list(choose_routes(transfer, Restore(was=TargetBefore.ABSENT), source))
        lost = False
        while routes:
            route = routes.pop(0)
            file = source.upload_name if route is Transfer.UPLOAD else ""
            scratch.record_sent(SentTransfer(str(route), source.size, session.clock.now().timestamp(), file))
            session.log("snapshot.sending", collection=scratch.name, snapshot=source.path, transfer=route)
            match self._send_by(sender, route, source, candidate.stored):
                case Accepted():
                    scratch.record_answered()
                    return
                case Rejected(error=error):
                    self._judge_rejection(scratch, error, last=not routes)
                case Lost(reason=reason, was_loading=was_loading):
                    if self._has_arrived(
                        scratch, SentTransfer(str(route), source.size, 0.0, file), was_loading=was_loading
                    ):
                        return
                    if lost:
                        raise QdrantError(f"collection '{scratch.name}': the connection was lost twice: {reason}")
                    lost = True
                    routes.insert(0, route)

    def _send_by(
        self, sender: SnapshotSender, route: Transfer, source: TransferSource, stored: StoredSnapshot
    ) -> TransferResult:
        store = self._session.store
        match route:
            case Transfer.SERVER_FILE:
                return sender.send_server_file(source)
            case Transfer.SERVER_URL:
                return sender.send_server_url(source, lambda: store.sign_url(stored, _URL_SECONDS))
            case _:
                return sender.send_upload(source, lambda: store.open_snapshot(stored))

    def _judge_rejection(self, scratch: TemporaryCollection, error: RestoreError, *, last: bool) -> None:
        """Clear the way for the next route, or raise what the server said."""
        wait_idle(self._session.qdrant, self._session.clock, target=scratch.name)
        scratch.record_answered()
        if last or isinstance(error, IntegrityError):
            if isinstance(error, IntegrityError):
                error.hint = f"'qdrant-restore verify {self._collection}' tells whether the file here is damaged"
            raise error
        self._session.log("snapshot.sending_otherwise", collection=scratch.name, reason=error.message)
        scratch.clear()

    def _has_arrived(self, scratch: TemporaryCollection, sent: SentTransfer, *, was_loading: bool) -> bool:
        """Find out what became of what was sent when the connection was lost."""
        session = self._session
        wait_settled(
            session.qdrant,
            session.clock,
            session.log,
            target=scratch.name,
            sent=sent,
            stall_seconds=self._settings.limits.stall_timeout_seconds,
            was_loading=was_loading,
        )
        scratch.record_answered()
        points = session.qdrant.count_points(scratch.name)
        if isinstance(points, int) and points:
            return True
        scratch.clear()
        return False

    # --- comparing ------------------------------------------------------------------------------------------

    def _compare(self, candidate: SnapshotCandidate) -> DrillProof:
        """Compare count, schema and samples with the manifest, then let points be found by their own vectors."""
        qdrant = self._session.qdrant
        expectation = make_expectation(
            candidate, keeps_settings=False, samples=self._settings.snapshot_options_for(self._collection).samples
        )
        comparison = verify_collection(qdrant, self.scratch, expectation, Verify.FULL)
        warnings = [*comparison.warnings, *([candidate.gap] if candidate.gap else [])]
        info = qdrant.get_collection(self.scratch)
        if info is None or isinstance(info, UnreadableCollection):
            return DrillProof(
                points=None,
                samples=0,
                searched=SearchResult(),
                differences=comparison.differences,
                warnings=tuple(warnings),
            )
        missing = [field for field in expectation.payload_schema if field not in info.payload_schema]
        if missing:
            warnings.append(f"without payload indexes {', '.join(missing)}: a restore puts them back")
        searched = search_itself(qdrant, self.scratch, [one.id for one in expectation.samples])
        points = qdrant.count_points(self.scratch)
        return DrillProof(
            points=points if isinstance(points, int) else None,
            samples=len(expectation.samples),
            searched=searched,
            differences=(*comparison.differences, *searched.differences),
            warnings=(*warnings, *searched.warnings),
        )

    def _report(
        self, candidate: SnapshotCandidate, proof: DrillProof, scratch: TemporaryCollection, seconds: float
    ) -> DrillOutcome:
        outcome = DrillOutcome(
            collection=self._collection,
            result=DrillResult.PROVEN if candidate.manifest else DrillResult.UNPROMISED,
            message="",
            snapshot=candidate.stored.file,
            scratch=self.scratch,
            points=proof.points,
            samples=proof.samples,
            searches=proof.searched.count,
            size_bytes=candidate.size,
            seconds=seconds,
            transfer=scratch.transfer,
            left=scratch.left,
            warnings=proof.warnings,
        )
        if not proof.differences:
            return msgspec.structs.replace(outcome, message=describe_proof(candidate, outcome))
        return msgspec.structs.replace(
            outcome,
            result=DrillResult.DIFFERS,
            message=f"restored from {candidate.stored.file}, and it is not what was promised: "
            f"{'; '.join(proof.differences)}",
            status=IntegrityError.status,
            hint=f"make a new one: qdrant-restore snapshot {self._collection}; "
            "an older one may be whole: qdrant-restore drill --snapshot previous",
        )
