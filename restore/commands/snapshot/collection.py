"""One collection's snapshot: read, create, download, check, delete on the server, publish."""

import contextlib
from datetime import datetime

import msgspec

from restore import __version__
from restore.commands.snapshot.publish import Published, publish
from restore.commands.snapshot.report import SnapshotOutcome
from restore.commands.snapshot.session import SnapshotSession
from restore.creation.context import CreationContext
from restore.creation.create import SnapshotCreator
from restore.creation.download import SnapshotReceiver
from restore.creation.sample import keep_unchanged, sample_points
from restore.errors import AuthError, LockedError, NotFoundError, QdrantError, RefusedError
from restore.qdrant.collection_names import find_attempts, name_marker
from restore.qdrant.model import ShardUpdates, UnreadableCollection
from restore.qdrant.resumable_download import ReplacedError
from restore.qdrant.version import Version
from restore.recovery.read_target import read_server_state, read_target_state
from restore.recovery.target_state import Absent, AliasOf, Present, TargetState
from restore.settings.model import Settings
from restore.snapshots.archive import Archive, find_part_problem, refuse_kind
from restore.snapshots.intake import IntakeResult, SnapshotIntake
from restore.snapshots.manifest import Manifest, Sample
from restore.snapshots.name import SnapshotName, encode_collection

# A snapshot that another program creates in the same second takes the name. Three seconds in a row are no accident.
_ATTEMPTS = 3


class _Before(msgspec.Struct, frozen=True, kw_only=True):
    """What was read of a collection before its snapshot was created."""

    found: Present
    aliases: tuple[str, ...]
    updates: tuple[ShardUpdates, ...]
    samples: tuple[Sample, ...]
    created: datetime


class CollectionSnapshot:
    """Makes one collection's snapshot. `manifest` is what was published, None before that."""

    def __init__(
        self, session: SnapshotSession, settings: Settings, collection: str, *, server: Version, begin: float
    ) -> None:
        self._session = session
        self._collection = collection
        self._options = settings.snapshot_options_for(collection)
        self._server = server
        self._begin = session.clock.read_seconds()
        self.manifest: Manifest | None = None
        deadline = None if settings.limits.deadline_seconds is None else begin + settings.limits.deadline_seconds
        context = CreationContext(
            qdrant=session.qdrant,
            clock=session.clock,
            log=session.log,
            progress=session.progress,
            stall_seconds=settings.limits.stall_timeout_seconds,
            deadline=deadline,
        )
        self._creator = SnapshotCreator(context, journal=session.journal)
        self._receiver = SnapshotReceiver(context)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What could not be deleted on the server."""
        return (self._creator.left_behind,) if self._creator.left_behind else ()

    def run(self) -> SnapshotOutcome:
        """Make the snapshot. Raise every expected failure; then nothing of it has its final name."""
        self._session.store.refuse_case_conflict(self._collection)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._make(self._read_before())
            except ReplacedError as error:
                self._session.log(
                    "snapshot.replaced", level="warning", collection=self._collection, reason=error.message
                )
                self._session.clock.sleep(attempt + 0.1)
        raise QdrantError(
            f"collection '{self._collection}': other programs replaced its snapshot on the server {_ATTEMPTS} times",
            hint="let one program at a time make snapshots of this collection",
        )

    def _make(self, before: _Before) -> SnapshotOutcome:
        encoder = self._session.encoder
        suffix = encoder.suffix if encoder else ""
        name = SnapshotName(encode_collection(self._collection), before.created, encoding=suffix)
        with self._session.store.receive(name) as incoming:
            intake = SnapshotIntake(incoming, name=self._collection, encoder=encoder)
            with contextlib.closing(intake):
                manifest, archive = self._fetch(before, intake)
            published = publish(
                self._session.store,
                incoming,
                manifest,
                self._session.log,
                encoding=suffix,
                part_problem=find_part_problem(archive),
                allow_smaller=self._options.allow_smaller,
            )
        self.manifest = manifest
        return self._report(manifest, published)

    def _read_before(self) -> _Before:
        qdrant = self._session.qdrant
        # Before the count: what is equal afterwards did not change in between.
        updates = self._read_updates()
        state = read_target_state(qdrant, read_server_state(qdrant, scoped=self._session.scoped), self._collection)
        found = _require_present(self._collection, state)
        if state.hidden:
            self._session.log("marks.hidden", level="warning", collection=self._collection)
        samples = sample_points(qdrant, self._collection, count=self._options.samples, points=found.points)
        created = self._session.clock.now().replace(microsecond=0)
        return _Before(found=found, aliases=state.aliases, updates=updates, samples=samples, created=created)

    def _fetch(self, before: _Before, intake: SnapshotIntake) -> tuple[Manifest, Archive]:
        """Let the server create the snapshot, download and describe it. The server's copy is deleted afterwards."""
        qdrant, collection = self._session.qdrant, self._collection
        with self._creator.created(collection) as snapshot:
            # A restore may have begun meanwhile, and an empty, half-made collection is snapshotted with 200.
            attempts = find_attempts(
                collection, list(read_server_state(qdrant, scoped=self._session.scoped).collections)
            )
            if attempts:
                raise _marker_error(collection, name_marker(collection, attempts[-1]))
            exact = _is_exact(before, self._read_updates())
            samples = keep_unchanged(qdrant, collection, before.samples)
            self._session.store.require_space(snapshot.size)
            intake.name = snapshot.name
            checksum = self._receiver.receive(collection, snapshot, intake)
            result = intake.finish()
            refuse_kind(result.archive, file=snapshot.name)
        manifest = Manifest(
            collection=collection,
            created=before.created,
            server_version=str(self._server),
            size=intake.size,
            sha256=checksum,
            points=before.found.points,
            points_exact=exact,
            config=before.found.info.config,
            payload_schema=before.found.info.payload_schema,
            aliases=before.aliases,
            samples=samples,
            shards=result.archive.shard_number,
            seconds=round(self._session.clock.read_seconds() - self._begin, 3),
            note=self._options.note,
            written_by=f"qdrant-restore {__version__}",
            run_id=self._session.run_id,
        )
        return _add_encoding(manifest, result), result.archive

    def _read_updates(self) -> tuple[ShardUpdates, ...]:
        try:
            return self._session.qdrant.read_updates(self._collection)
        except AuthError:
            # A scoped key may not read it: then no count is exact.
            return ()

    def _report(self, manifest: Manifest, published: Published) -> SnapshotOutcome:
        hindrance = published.hindrance
        return SnapshotOutcome(
            collection=self._collection,
            status=hindrance.status if hindrance else 0,
            latest=hindrance is None,
            snapshot=published.file,
            size_bytes=manifest.size,
            sha256=manifest.sha256,
            points=manifest.points,
            points_exact=manifest.points_exact,
            samples=len(manifest.samples),
            seconds=round(self._session.clock.read_seconds() - self._begin, 3),
            message=str(hindrance) if hindrance else "",
            hint=hindrance.hint if hindrance else "",
            warnings=self.warnings,
        )


def _add_encoding(manifest: Manifest, result: IntakeResult) -> Manifest:
    """Record in a manifest what the stored bytes are, where they are not the server's."""
    if result.encoded is None:
        return manifest
    return msgspec.structs.replace(
        manifest,
        stored_size=result.encoded.size,
        stored_sha256=result.encoded.sha256,
        compression=result.encoded.compression,
        encryption=result.encoded.encryption,
    )


def _require_present(collection: str, state: TargetState) -> Present:
    """Return the collection. Raise for a target that must not, or cannot, be snapshotted."""
    if state.markers:
        raise _marker_error(collection, state.markers[-1].name)
    match state.target:
        case Present() as found:
            return found
        case AliasOf(collection=behind):
            raise RefusedError(
                f"'{collection}' is an alias of collection '{behind}'", hint=f"qdrant-restore snapshot {behind}"
            )
        case Absent():
            raise NotFoundError(
                f"collection '{collection}' does not exist on the server",
                hint="names are case-sensitive; without a name every collection is taken",
            )
        case UnreadableCollection(reason=reason):
            raise QdrantError(
                f"collection '{collection}' does not answer: {reason}",
                hint=f"bring it back from its latest: qdrant-restore restore {collection} --on-existing replace",
            )


def _marker_error(collection: str, marker: str) -> LockedError:
    return LockedError(
        f"a restore into collection '{collection}' is running or was interrupted (marker '{marker}')",
        left="nothing was published",
        hint=f"wait for it, or finish it: qdrant-restore restore {collection}",
    )


def _is_exact(before: _Before, after: tuple[ShardUpdates, ...]) -> bool:
    """Return whether nothing was written between two readings: only then the count is the snapshot's.

    19,500 points were counted before and after a creation whose snapshot had 20,000. It is unknown with a shard on
    another node, and on a server that does not report operations (1.16).
    """
    shards = before.found.info.config.get("params", {}).get("shard_number", 1)
    known = all(one.operation is not None and one.queue == 0 for one in after)
    return known and before.updates == after and len(after) == shards
