"""A bucket as a store: writing. The bytes first, in parts that nobody sees before the last; then the manifest.

Names are never used twice: small objects and every manifest are put only where there is none, and a large one is
finished only after a look that its name is still free, under the lock. Nothing here needs the right to delete but
deleting itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from restore.errors import AuthError, StoreError
from restore.snapshots.age import AgeIdentities
from restore.snapshots.checksum import RunningChecksum
from restore.snapshots.name import SnapshotName, encode_collection, name_manifest, parse_name
from restore.snapshots.stored import IncomingSnapshot
from restore.stores.bucket.client import BucketClient
from restore.stores.bucket.lease import Lease
from restore.stores.bucket.range_reader import RangedReader
from restore.stores.bucket.reader import LONGEST_DOCUMENT, BucketStore, snapshot_age
from restore.stores.bucket.upload import Upload
from restore.stores.layout import CHECK_SUFFIX, LEASE_FILE, PIN_SUFFIX, STAMP_FILE, STAMP_TEXT
from restore.stores.location import Location
from restore.system.events import no_op

_BLOCK = 1 << 20
# Bytes without a manifest are left alone for so long: a writer who lost the lock may still be at it.
_GRACE_SECONDS = 3600.0


class WritableBucketStore(BucketStore):
    """A bucket of snapshots that may be written to. `holder` names this run to others who wait for its lock."""

    def __init__(
        self,
        client: BucketClient,
        location: Location,
        *,
        holder: str,
        since: str,
        keys: AgeIdentities | None = None,
        timeout_seconds: float = 300.0,
    ) -> None:
        super().__init__(client, location, keys=keys, timeout_seconds=timeout_seconds)
        self._holder = holder
        self._since = since
        self._lease: Lease | None = None

    def prepare(self) -> None:
        """Put the stamp where there is none yet. Raises `NotFoundError` when there is no such bucket."""
        self._client.put(self.key(STAMP_FILE), STAMP_TEXT, create_only=True)

    @contextlib.contextmanager
    def lock(self, timeout_seconds: float | None = 0.0, *, on_wait: Callable[[], None] = no_op) -> Iterator[None]:
        """Hold the store's lease; None waits as long as its holder lives. Raises `LockedError`."""
        lease = Lease(self._client, self.key(LEASE_FILE), holder=self._holder, since=self._since)
        lease.acquire(timeout_seconds, on_wait)
        self._lease = lease
        try:
            yield
        finally:
            self._lease = None
            lease.release()

    def find_debris(self, collections: Iterable[str] | None = None) -> tuple[str, ...]:
        """Give the bytes that a killed run left without a manifest, an hour old at least by the server's clock.

        Only of these collections; None: of all. That clock is told by the lease: without one, nothing is found.
        """
        names = self.list_collections() if collections is None else collections
        found: list[str] = []
        for encoded in map(encode_collection, names):
            files = self.list_files(encoded)
            bare = [file for file in files if parse_name(file) and name_manifest(file) not in files]
            now = self._read_server_clock() if bare else None
            found += [file for file in bare if now and snapshot_age(files[file], now) > _GRACE_SECONDS]
        return tuple(found)

    def remove_debris(self, collections: Iterable[str] | None = None) -> tuple[str, ...]:
        """Remove what a killed run left; give the names. Without the right to delete it stays, and nobody sees it."""
        removed: list[str] = []
        with contextlib.suppress(AuthError):
            for file in self.find_debris(collections):
                self._client.delete(self.key(file))
                removed.append(file)
        return tuple(removed)

    def require_space(self, size: int) -> None:
        """Ask nothing: a bucket has room, or says so when it has none."""

    def refuse_case_conflict(self, collection: str) -> None:
        """Refuse none: a bucket tells names apart that differ in case."""

    @contextlib.contextmanager
    def receive(self, name: SnapshotName | None = None) -> Iterator[Upload]:
        """Open an object to receive into; whatever was not published is dropped on every way out."""
        if name is None:
            raise TypeError("a bucket needs the name before the bytes")
        upload = Upload(self._client, self, self.choose_name(name))
        try:
            yield upload
        finally:
            upload.abandon()

    def choose_name(self, name: SnapshotName) -> SnapshotName:
        """Give a name that is free: the next of the same second when it is taken."""
        taken = self.list_files(name.encoded)
        while str(name) in taken or name_manifest(str(name)) in taken:
            name = msgspec.structs.replace(name, sequence=name.sequence + 1)
        return name

    def publish(self, incoming: IncomingSnapshot, name: SnapshotName, manifest: bytes) -> str:
        """Finish the object, then put its manifest, which makes it a snapshot; give its name.

        Raises `LockedError` when the lock was lost meanwhile, `StoreError` when somebody took the name.
        """
        if not isinstance(incoming, Upload):
            raise TypeError("an object that this store did not receive")
        file = str(incoming.name)
        self._require_lease()
        if file != str(name) or self._is_taken(incoming.name):
            raise self.explain_taken(file)
        incoming.finish()
        self._require_lease()
        if self._client.put(self.key(name_manifest(file)), manifest, create_only=True) is None:
            raise self.explain_taken(file)
        return file

    def adopt(self, name: SnapshotName, manifest: bytes, *, size: int, sha256: str) -> bool:
        """Put the manifest beside bytes that lie there without one, when every byte of them is as promised."""
        file = str(name)
        found = self.list_files(name.encoded)
        if file not in found or name_manifest(file) in found or found[file].size != size:
            return False
        with (
            contextlib.closing(RangedReader(self._client, found[file], timeout_seconds=self._timeout)) as opened,
            contextlib.closing(RunningChecksum()) as checksum,
        ):
            while block := opened.read(_BLOCK):
                checksum.update(block)
            if checksum.finish() != sha256:
                return False
        self._require_lease()
        return self._client.put(self.key(name_manifest(file)), manifest, create_only=True) is not None

    def move_latest(self, collection: str, file: str) -> bool:  # noqa: ARG002 - a directory's
        """Do nothing: the newest manifest that is not held back is the latest."""
        return False

    def delete_snapshot(self, file: str) -> None:
        """Delete a snapshot: its manifest first, then its bytes, then what we wrote about it. Idempotent."""
        self._require_lease()
        for name in (name_manifest(file), file, file + PIN_SUFFIX, file + CHECK_SUFFIX):
            self._client.delete(self.key(name))

    def delete_together(self, files: Sequence[str]) -> bool:
        """Delete snapshots as a listing found them, side by side: their manifests, then all the rest.

        What was written about them since that listing stays. False: a part was refused, or the store cannot.
        """
        manifests = [self.key(name_manifest(file)) for file in files]
        about = [file + suffix for file in files for suffix in (PIN_SUFFIX, CHECK_SUFFIX)]
        rest = [*files, *(name for name in about if name in self.listed)]
        return self._client.delete_many(manifests) and self._client.delete_many([self.key(name) for name in rest])

    def write_document(self, name: str, content: bytes, *, create_only: bool = False) -> bool:
        """Write a small file of ours, whole or not at all. False: with `create_only`, it is there already."""
        return self._client.put(self.key(name), content, create_only=create_only) is not None

    def swap_document(self, name: str, seen: bytes | None, content: bytes) -> bool:
        """Replace a small file of ours that still is as it was seen; None: it was not there. False: it is not."""
        key = self.key(name)
        now, version = self._client.read(key, LONGEST_DOCUMENT) or (None, None)
        if now != seen:
            return False
        return self._client.put(key, content, over=version, create_only=version is None) is not None

    def delete_document(self, name: str) -> bool:
        """Delete a small file of ours. False: there was none."""
        key = self.key(name)
        if self._client.find(key) is None:
            return False
        self._client.delete(key)
        return True

    def explain_taken(self, file: str) -> StoreError:
        """Make the error for a name that somebody else took."""
        return StoreError(
            f"snapshot '{file}' appeared in store '{self.name}' while this one was written",
            left="this one was not published",
            hint="does something write there without its lock? run it again",
        )

    def ask_for_room(self) -> None:
        """Raise `SpaceError` once the store has said, when asked beside what is sent, that it is full."""
        if self._lease:
            self._lease.ask_for_room()

    def _is_taken(self, name: SnapshotName) -> bool:
        taken = self.list_files(name.encoded)
        return str(name) in taken or name_manifest(str(name)) in taken

    def _require_lease(self) -> None:
        if self._lease:
            self._lease.require()

    def _read_server_clock(self) -> datetime | None:
        """Give the server's own time, as it dated our last renewal of the lease."""
        found = self._client.find(self.key(LEASE_FILE))
        return found.modified if found else None
