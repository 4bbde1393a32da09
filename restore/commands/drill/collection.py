"""Drill one collection: read, place a marker, deliver into a temporary collection, compare, search, drop."""

import msgspec

from restore.commands.drill.report import DrillOutcome, DrillResult, describe_proof
from restore.commands.drill.search import SearchResult, search_itself
from restore.commands.drill.session import DrillSession
from restore.commands.drill.temporary_collection import TemporaryCollection
from restore.errors import IntegrityError, LockedError, RefusedError, add_facts
from restore.qdrant.collection_names import name_temporary
from restore.qdrant.model import UnreadableCollection
from restore.qdrant.version import Version
from restore.recovery.comparison import make_expectation
from restore.recovery.find_snapshot import find_candidate, hash_snapshot
from restore.recovery.marker.model import TargetBefore
from restore.recovery.marker.place import MarkerTaken, OwnMarker, make_marker, place_marker
from restore.recovery.plan import ReadDepth, Restore
from restore.recovery.policy_choices import Fallback, Verify
from restore.recovery.read_target import read_server_state
from restore.recovery.request import MissingSnapshot, RestoreRequest, SnapshotCandidate, TransferSource
from restore.recovery.target_state import Absent
from restore.recovery.transfer.deliver import SnapshotDelivery, Undelivered
from restore.recovery.transfer.routes import make_transfer_source
from restore.recovery.transfer.send import stored_content
from restore.recovery.verify import verify_collection
from restore.settings.model import Settings
from restore.stores.snapshot_lock import shared_lock


class DrillProof(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison showed of a restored temporary collection."""

    points: int | None
    samples: int
    searched: SearchResult
    differences: tuple[str, ...]
    warnings: tuple[str, ...]


class CollectionDrill:
    """Drills one collection. `temporary` is the name that it restores under.

    `candidate` is the snapshot, None until it is found.
    """

    def __init__(self, session: DrillSession, settings: Settings, collection: str, server: Version) -> None:
        self._session = session
        self._settings = settings
        self._collection = collection
        self._server = server
        self._policies = settings.policies_for(collection)
        self._samples = settings.snapshot_options_for(collection).samples
        self.temporary = name_temporary(collection, session.token)
        self.candidate: SnapshotCandidate | None = None

    def run(self) -> DrillOutcome:
        """Return the outcome. Raise what keeps the drill from being done; the temporary collection is dropped."""
        begin = self._session.clock.read_seconds()
        candidate = self.candidate = self._find_candidate()
        source = self._make_source(candidate)
        own_marker = self._place_marker(candidate)
        delivery = SnapshotDelivery(
            self._session, own_marker, Restore(was=TargetBefore.ABSENT), source, temporary=True
        )
        with TemporaryCollection(self._session, own_marker, delivery) as temporary:
            self._require_free()
            with shared_lock(candidate.stored.path):
                self._deliver(delivery, candidate)
            proof = self._compare(candidate)
        sent = own_marker.marker.sent
        seconds = round(self._session.clock.read_seconds() - begin, 3)
        return self._report(
            candidate, proof, transfer=sent.kind if sent else "", left=temporary.left, seconds=seconds
        )

    def _find_candidate(self) -> SnapshotCandidate:
        # Exactly the snapshot that was asked for is to be proven: no other one takes its place.
        policies = msgspec.structs.replace(self._policies, to="", fallback=Fallback.NONE)
        request = RestoreRequest(collection=self._collection, named=True, policies=policies)
        found = find_candidate(self._session.store, request, ReadDepth.ARCHIVE, self._server)
        if isinstance(found, MissingSnapshot):
            raise found.error
        return found

    def _make_source(self, candidate: SnapshotCandidate) -> TransferSource:
        """Return what is sent. Read before anything is made on the server: a wrong key or a cut file shows here."""
        store = self._session.store
        checksum = candidate.manifest.sha256 if candidate.manifest else hash_snapshot(store, candidate)
        return make_transfer_source(
            candidate,
            self.temporary,
            checksum,
            server_store=self._session.server_store,
            by_url=store.gives_urls_for(candidate.stored),
        )

    def _place_marker(self, candidate: SnapshotCandidate) -> OwnMarker:
        marker = make_marker(self._session, candidate, self.temporary, TargetBefore.ABSENT)
        marker = msgspec.structs.replace(marker, snapshot=candidate.stored.file)
        own_marker = place_marker(self._session.qdrant, marker, 1, makes=1)
        if isinstance(own_marker, MarkerTaken):
            raise LockedError(f"collection '{self.temporary}': another drill makes it", left="left to it")
        return own_marker

    def _require_free(self) -> None:
        """Raise `RefusedError` when a collection or an alias has the temporary collection's name."""
        state = read_server_state(self._session.qdrant, scoped=False)
        if self.temporary in state.collections or self.temporary in state.aliases:
            raise RefusedError(
                f"collection '{self.temporary}' is there already, and a drill restores into a new one only",
                hint="run it again: the next one takes another name",
            )

    def _deliver(self, delivery: SnapshotDelivery, candidate: SnapshotCandidate) -> None:
        content = stored_content(self._session.store, candidate.stored)
        match delivery.deliver(content, self._policies.transfer, Absent()):
            case Undelivered(error=IntegrityError() as error):
                hint = f"'qdrant-restore verify {self._collection}' tells whether the file here is damaged"
                raise add_facts(error, hint=hint) from error
            case Undelivered(error=error):
                raise error

    def _compare(self, candidate: SnapshotCandidate) -> DrillProof:
        """Compare count, schema and samples with the manifest, then search points by their own vectors."""
        qdrant = self._session.qdrant
        expectation = make_expectation(candidate, keeps_settings=False, samples=self._samples)
        comparison = verify_collection(qdrant, self.temporary, expectation, Verify.FULL)
        warnings = [*comparison.warnings, *candidate.warnings]
        info = qdrant.get_collection(self.temporary)
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
        searched = search_itself(qdrant, self.temporary, [one.id for one in expectation.samples])
        points = qdrant.count_points(self.temporary)
        return DrillProof(
            points=points if isinstance(points, int) else None,
            samples=len(expectation.samples),
            searched=searched,
            differences=(*comparison.differences, *searched.differences),
            warnings=(*warnings, *searched.warnings),
        )

    def _report(
        self, candidate: SnapshotCandidate, proof: DrillProof, *, transfer: str, left: str, seconds: float
    ) -> DrillOutcome:
        outcome = DrillOutcome(
            collection=self._collection,
            result=DrillResult.PROVEN if candidate.manifest else DrillResult.UNPROMISED,
            message="",
            snapshot=candidate.stored.file,
            scratch=self.temporary,
            points=proof.points,
            samples=proof.samples,
            searches=proof.searched.count,
            size_bytes=candidate.size,
            seconds=seconds,
            transfer=transfer,
            left=left,
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
