"""A bucket as a store, for writing. The bytes come first, in parts; the manifest, which makes them a snapshot, last.

No name is used twice: small objects and manifests are put on condition that there is none, and a large object is
finished only while its name is free, under the lock. Only deletions need the right to delete.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from restore.errors import AuthError, LockedError
from restore.snapshots.age import AgeIdentities
from restore.snapshots.checksum import RunningChecksum
from restore.snapshots.name import SnapshotName, encode_collection, name_manifest, parse_name
from restore.snapshots.stored import IncomingSnapshot
from restore.stores.bucket.client import BucketClient
from restore.stores.bucket.lease import Lease
from restore.stores.bucket.range_reader import RangedReader
from restore.stores.bucket.reader import BucketStore
from restore.stores.bucket.upload import Upload, name_taken_error
from restore.stores.layout import LEASE_FILE, LONGEST_DOCUMENT, STAMP_FILE, STAMP_TEXT, name_documents, next_free_name
from restore.stores.location import Location
from restore.system.events import no_op

_BLOCK = 1 << 20
# Bytes without a manifest stay for so long: a run that lost the lock may still be writing them.
_GRACE_SECONDS = 3600.0


class WritableBucketStore(BucketStore):
    """A bucket of snapshots that may be written to, under its lock.

    `holder` names this run, and `since` its begin, in the message of a run that waits for the lock.
    """

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
        self._held_lock: Lease | None = None

    def prepare(self) -> None:
        """Put the stamp where there is none yet. Raise `NotFoundError` when the bucket does not exist."""
        self._client.put(self.key(STAMP_FILE), STAMP_TEXT, create_only=True)

    @contextlib.contextmanager
    def lock(self, timeout_seconds: float | None = 0.0, *, on_wait: Callable[[], None] = no_op) -> Iterator[None]:
        """Hold the store's lease within a `with`. Raise `LockedError` when it stays taken."""
        lease = Lease(self._client, self.key(LEASE_FILE), holder=self._holder, since=self._since)
        lease.acquire(timeout_seconds, on_wait)
        self._held_lock = lease
        try:
            yield
        finally:
            self._held_lock = None
            lease.release()

    def find_debris(self, collections: Iterable[str] | None = None) -> tuple[str, ...]:
        """Return the files that a killed run left without a manifest, at least an hour old by the server's clock.

        Look at these collections only; None: at all. The lease's date is the server's clock: without a lease, return
        nothing.
        """
        names = self.list_collections() if collections is None else collections
        found: list[str] = []
        for encoded in map(encode_collection, names):
            files = self.list_files(encoded)
            bare = [file for file in files if parse_name(file) and name_manifest(file) not in files]
            now = self._read_server_clock() if bare else None
            found += [file for file in bare if now and (now - files[file].modified).total_seconds() > _GRACE_SECONDS]
        return tuple(found)

    def remove_debris(self, collections: Iterable[str] | None = None) -> tuple[str, ...]:
        """Remove what a killed run left; return the names. Without the right to delete it stays, unlisted."""
        removed: list[str] = []
        with contextlib.suppress(AuthError):
            for file in self.find_debris(collections):
                self._client.delete(self.key(file))
                removed.append(file)
        return tuple(removed)

    def require_space(self, size: int) -> None:
        """Do nothing: a bucket that is full refuses the bytes."""

    def refuse_case_conflict(self, collection: str) -> None:
        """Do nothing: in a bucket, names that differ in case are different."""

    @contextlib.contextmanager
    def receive(self, name: SnapshotName | None = None) -> Iterator[Upload]:
        """Yield an object to receive into. Unless it was published, it is dropped on every way out."""
        if name is None:
            raise TypeError("a bucket needs the name before the bytes")
        free = self.choose_name(name)
        upload = Upload(self._client, self.key(str(free)), free, self._check_space)
        try:
            yield upload
        finally:
            upload.abandon()

    def choose_name(self, name: SnapshotName) -> SnapshotName:
        """Return a name that is free: this one, or the next of the same second."""
        return next_free_name(name, self.list_files(name.encoded))

    def publish(self, incoming: IncomingSnapshot, name: SnapshotName, manifest: bytes) -> str:
        """Finish the object, then put its manifest, which makes it a snapshot; return its name.

        Raise `LockedError` when the lock was lost meanwhile, `StoreError` when another writer took the name.
        """
        if not isinstance(incoming, Upload):
            raise TypeError("an object that this store did not receive")
        file = str(incoming.name)
        self._require_lock()
        if file != str(name) or self.choose_name(name) != name:
            raise name_taken_error(file, store=self.name)
        incoming.finish()
        self._require_lock()
        if self._client.put(self.key(name_manifest(file)), manifest, create_only=True) is None:
            raise name_taken_error(file, store=self.name)
        return file

    def adopt(self, name: SnapshotName, manifest: bytes, *, size: int, sha256: str) -> bool:
        """Put the manifest beside bytes without one, if their size and checksum are right. False: they are not."""
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
        self._require_lock()
        return self._client.put(self.key(name_manifest(file)), manifest, create_only=True) is not None

    def move_latest(self, collection: str, file: str) -> bool:  # noqa: ARG002 - a directory's
        """Return False: the newest snapshot that is not held back is the latest."""
        return False

    def delete_snapshot(self, file: str) -> None:
        """Delete a snapshot: its manifest first, then its bytes, then the documents about it. Idempotent."""
        self._require_lock()
        for name in (name_manifest(file), file, *name_documents(file)):
            self._client.delete(self.key(name))

    def delete_together(self, files: Sequence[str]) -> bool:
        """Delete snapshots side by side: their manifests, then the rest that the last listing found.

        Documents written since that listing stay. False: some deletions were refused, or the store cannot do it.
        """
        manifests = [self.key(name_manifest(file)) for file in files]
        documents = [name for file in files for name in name_documents(file)]
        rest = [*files, *(name for name in documents if name in self.listed)]
        return self._client.delete_many(manifests) and self._client.delete_many([self.key(name) for name in rest])

    def write_document(self, name: str, content: bytes, *, create_only: bool = False) -> bool:
        """Write a document, whole or not at all. False: with `create_only`, it exists already."""
        return self._client.put(self.key(name), content, create_only=create_only) is not None

    def swap_document(self, name: str, seen: bytes | None, content: bytes) -> bool:
        """Replace a document that still holds `seen` (None: does not exist). False: it holds something else."""
        key = self.key(name)
        now, version = self._client.read(key, LONGEST_DOCUMENT) or (None, None)
        if now != seen:
            return False
        return self._client.put(key, content, over=version, create_only=version is None) is not None

    def delete_document(self, name: str) -> bool:
        """Delete a document. False: it did not exist."""
        key = self.key(name)
        if self._client.find(key) is None:
            return False
        self._client.delete(key)
        return True

    def _check_space(self) -> None:
        if self._held_lock:
            self._held_lock.check_space()

    def _require_lock(self) -> None:
        """Raise `LockedError` when the lease could not be renewed for too long, or another run has taken it over."""
        lease = self._held_lock
        if lease and not lease.is_ours():
            raise LockedError(
                f"the lock of store '{self.name}' was lost: it could not be renewed for {lease.seconds:g} s",
                left="nothing was published",
                hint="was this machine asleep, or the store away? run it again",
            )

    def _read_server_clock(self) -> datetime | None:
        """Return the server's time, as of the last renewal of this run's lease."""
        found = self._client.find(self.key(LEASE_FILE))
        return found.modified if found else None
