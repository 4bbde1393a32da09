"""The protocols of a store: for reading, for writing under its lock, and for its documents alone."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from restore.errors import NotFoundError, SettingsError
from restore.snapshots.manifest import Manifest
from restore.snapshots.name import SUFFIX, SnapshotName, encode_collection
from restore.snapshots.stored import IncomingSnapshot, SnapshotReader, StoredSnapshot
from restore.stores.layout import Entry, Kind
from restore.system.events import no_op
from restore.system.secret import Secret


class DocumentStore(Protocol):
    """The documents of a store, for reading."""

    def read_document(self, name: str) -> bytes | None:
        """Return a document's bytes; None when it does not exist."""
        ...

    def list_documents(self, suffix: str) -> tuple[str, ...]:
        """Return the names of the documents that end in `suffix`, sorted."""
        ...


class WritableDocumentStore(DocumentStore, Protocol):
    """The documents of a store, for reading and writing."""

    def write_document(self, name: str, content: bytes, *, create_only: bool = False) -> bool:
        """Write a document, whole or not at all. False: with `create_only`, it exists already."""
        ...

    def swap_document(self, name: str, seen: bytes | None, content: bytes) -> bool:
        """Replace a document that still holds `seen` (None: does not exist). False: it holds something else.

        Of two runs that try at once, one succeeds.
        """
        ...


class Store(DocumentStore, Protocol):
    """Where snapshots rest. Directories and buckets pass the same contract tests."""

    @property
    def name(self) -> str:
        """Return the store's name for messages: its path, or its URL without secrets."""
        ...

    @property
    def has_pointers(self) -> bool:
        """Return True if a pointer names the latest. Without pointers the newest that is not held back is latest."""
        ...

    def list_entries(self) -> tuple[Entry, ...]:
        """Return every file of the store, sorted by name."""
        ...

    def list_collections(self) -> tuple[str, ...]:
        """Return the collections that the store has files of, sorted."""
        ...

    def list_latest(self) -> tuple[str, ...]:
        """Return the collections that have a latest (a pointer; in a bucket, a snapshot), sorted."""
        ...

    def list_snapshots(self, collection: str, *, held_back: bool = False) -> tuple[StoredSnapshot, ...]:
        """Return a collection's snapshots, oldest first; held-back ones if `held_back`.

        A plain file in the place of the latest pointer is not among them.
        """
        ...

    def find_snapshot(self, collection: str, selector: str = "latest") -> StoredSnapshot | None:
        """Return the snapshot that `latest`, `previous`, a file name or a path selects; None when there is none.

        Raise `IntegrityError` when the pointer, or the file that it leads to, must not be followed; `SettingsError`
        when the named file belongs to another collection.
        """
        ...

    @property
    def passed_over(self) -> Mapping[str, str]:
        """Return the stores behind this one that could not be reached so far, each with the reason."""
        ...

    def find_copies(self, collection: str, selector: str) -> Iterable[StoredSnapshot]:
        """Return what `selector` selects in each of the stores behind this one; nothing where it is one store."""
        ...

    def find_named(self, collection: str, name: str) -> StoredSnapshot | None:
        """Return the snapshot in the file of that name; None when there is none. Raise as `find_snapshot`."""
        ...

    def open_entry(self, entry: Entry) -> StoredSnapshot:
        """Return an entry's file as a snapshot, whatever its name. Raise `IntegrityError` for no plain file."""
        ...

    def read_manifest(self, stored: StoredSnapshot) -> Manifest | None:
        """Return a snapshot's manifest; None when there is none.

        Raise `IntegrityError` when it is malformed or contradicts the file, `IncompatibleError` when a newer program
        wrote it.
        """
        ...

    def open_snapshot(self, stored: StoredSnapshot) -> SnapshotReader:
        """Open a snapshot's bytes as the server made them. Raise `DecryptionError` without its key."""
        ...

    def open_stored(self, stored: StoredSnapshot) -> SnapshotReader:
        """Open a snapshot's stored bytes, still encoded."""
        ...

    def read_checksum(self, stored: StoredSnapshot) -> str | None:
        """Return the SHA-256 that Qdrant wrote beside its own snapshot; None if there is none or it is malformed."""
        ...

    def gives_urls_for(self, stored: StoredSnapshot) -> bool:
        """Return True if `sign_url` works for this snapshot."""
        ...

    def sign_url(self, stored: StoredSnapshot, seconds: int) -> Secret:
        """Return a URL from which anyone may read a snapshot for so many seconds: a secret.

        Raise `StoreError` where there are no URLs.
        """
        ...

    def list_links(self) -> Mapping[str, str]:
        """Return every pointer and link: its name, and the name that it leads to. A bucket has none."""
        ...


class WritableStore(Store, WritableDocumentStore, Protocol):
    """A store that may be written to, under its lock."""

    def lock(
        self, timeout_seconds: float | None = 0.0, *, on_wait: Callable[[], None] = no_op
    ) -> AbstractContextManager[None]:
        """Hold the store's lock within a `with`. Without a timeout, wait as long as its holder lives.

        `on_wait` is called repeatedly while another run holds it. Raise `LockedError` when it stays taken.
        """
        ...

    def find_debris(self, collections: Iterable[str] | None = None) -> tuple[str, ...]:
        """Return the names of what a killed run left; without the lock, a living run may be writing some of them."""
        ...

    def remove_debris(self, collections: Iterable[str] | None = None) -> tuple[str, ...]:
        """Remove what a killed run left; return the names. Only under the lock.

        In a bucket, where looking costs requests, look at these collections only; None: at all.
        """
        ...

    def require_space(self, size: int) -> None:
        """Raise `SpaceError` unless `size` bytes fit."""
        ...

    def refuse_case_conflict(self, collection: str) -> None:
        """Raise `RefusedError` if the store ignores case and another collection's files have the same names."""
        ...

    def receive(self, name: SnapshotName | None = None) -> AbstractContextManager[IncomingSnapshot]:
        """Yield a file to receive into. Unless it was published, it is removed on every way out.

        A bucket has no rename, so it needs the `name` under which the snapshot will be published.
        """
        ...

    def choose_name(self, name: SnapshotName) -> SnapshotName:
        """Return a name that is free: this one, or the next of the same second."""
        ...

    def publish(self, incoming: IncomingSnapshot, name: SnapshotName, manifest: bytes) -> str:
        """Name and publish a received snapshot with its manifest; return the name. Nothing is ever overwritten."""
        ...

    def adopt(self, name: SnapshotName, manifest: bytes, *, size: int, sha256: str) -> bool:
        """Put the manifest beside bytes that a killed run left under that name. False: they are other bytes.

        Only under the lock. Always False for a directory, where a manifest comes before its snapshot's name.
        """
        ...

    def move_latest(self, collection: str, file: str) -> bool:
        """Point latest at a file of the store. False: no link was made, because the store has no links."""
        ...

    def delete_snapshot(self, file: str) -> None:
        """Delete a snapshot: its manifest first, then its bytes, then the documents about it. Idempotent."""
        ...

    def delete_together(self, files: Sequence[str]) -> bool:
        """Delete many snapshots side by side, all their manifests first. Idempotent.

        False: the store cannot, or some deletions failed; the caller deletes them one by one.
        """
        ...

    def delete_document(self, name: str) -> bool:
        """Delete a document. False: it did not exist."""
        ...


def find_missing_pointers(store: Store, entries: Iterable[Entry]) -> tuple[str, ...]:
    """Return the collections of a store with pointers that have a latest and no pointer to it, sorted."""
    if not store.has_pointers:
        return ()
    pointed = {entry.collection for entry in entries if entry.kind is Kind.LATEST}
    return tuple(name for name in store.list_latest() if name not in pointed)


def no_snapshot_error(store: Store, collection: str, selector: str = "latest") -> NotFoundError:
    """Return the error for a snapshot that does not exist: where it was looked for, and what to do."""
    if "/" in selector:
        return NotFoundError(f"snapshot '{selector}' does not exist", hint="is the path right? it is no store's file")
    what = f"no snapshot of collection '{collection}'"
    if selector not in {"latest", "previous"}:
        what = f"no snapshot '{selector}' of collection '{collection}'"
    elif selector == "previous":
        what = f"no snapshot of collection '{collection}' before its latest"
    there = store.list_collections()
    found = f"it has snapshots of {', '.join(repr(name) for name in there)}" if there else "it has no snapshots"
    hint = f"make one with 'qdrant-restore snapshot {collection}', put one there, "
    hint += "or go on without it with --on-missing skip"
    if collection.endswith(SUFFIX):
        hint = f"that is the name of a file: qdrant-restore restore --snapshot {collection}"
    return NotFoundError(
        f"{what} in store '{store.name}' (looked for '{encode_collection(collection)}_*.snapshot'); {found}",
        hint=hint,
    )


def other_collection_error(name: str, belongs: str, collection: str) -> SettingsError:
    """Return the error for naming a snapshot file that belongs to another collection."""
    return SettingsError(
        f"snapshot '{name}' is one of collection '{belongs}', not of '{collection}'",
        hint=f"to put it there all the same: qdrant-restore restore {belongs} --to {collection}",
    )
