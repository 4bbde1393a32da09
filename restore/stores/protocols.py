"""The protocols of a store: reading, and writing under its lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from restore.errors import NotFoundError
from restore.snapshots.manifest import Manifest
from restore.snapshots.name import SnapshotName, encode_collection
from restore.snapshots.stored import IncomingSnapshot, SnapshotReader, StoredSnapshot
from restore.stores.layout import Entry
from restore.system.events import no_op
from restore.system.secret import Secret


class Store(Protocol):
    """Where snapshots rest. A directory and a bucket pass the same contract tests."""

    @property
    def name(self) -> str:
        """Give the store's name for messages: its path or its URL without secrets."""
        ...

    @property
    def has_pointers(self) -> bool:
        """Tell whether a file points to the latest; else the newest that was not held back is it."""
        ...

    def list_entries(self) -> tuple[Entry, ...]:
        """Give every file of the store, sorted by name."""
        ...

    def list_collections(self) -> tuple[str, ...]:
        """Give the collections of which something is there, sorted."""
        ...

    def list_latest(self) -> tuple[str, ...]:
        """Give the collections that have a latest, sorted: in a directory a pointer, in a bucket a snapshot."""
        ...

    def list_snapshots(self, collection: str, *, held_back: bool = False) -> tuple[StoredSnapshot, ...]:
        """Give a collection's snapshots, oldest first: never a pointer's plain file.

        Those that were held back only when they are asked for.
        """
        ...

    def find_snapshot(self, collection: str, selector: str = "latest") -> StoredSnapshot | None:
        """Give the snapshot meant by `latest`, `previous`, a file name or a path; None when it is not there.

        Raises `IntegrityError` when the pointer, or what it leads to, must not be followed.
        """
        ...

    def find_named(self, collection: str, name: str) -> StoredSnapshot | None:
        """Give the snapshot in the file of that name; None when there is none. Raises as `find_snapshot`."""
        ...

    def open_entry(self, entry: Entry) -> StoredSnapshot:
        """Give an entry's file as a snapshot, whatever its name. Raises `IntegrityError` when it is no plain file."""
        ...

    def read_manifest(self, stored: StoredSnapshot) -> Manifest | None:
        """Give a snapshot's manifest; None when there is none.

        Raises `IntegrityError` when it is malformed or contradicts the file.
        """
        ...

    def open_snapshot(self, stored: StoredSnapshot) -> SnapshotReader:
        """Open a snapshot's bytes as the server made them. Raises `DecryptionError` without its key."""
        ...

    def open_stored(self, stored: StoredSnapshot) -> SnapshotReader:
        """Open a snapshot's bytes as they lie in the store."""
        ...

    def read_checksum(self, stored: StoredSnapshot) -> str | None:
        """Give the SHA-256 that Qdrant wrote beside its own snapshot; None when there is none to be believed."""
        ...

    def gives_urls_for(self, stored: StoredSnapshot) -> bool:
        """Tell whether it can give a URL from which anybody may read this snapshot for a while."""
        ...

    def sign_url(self, stored: StoredSnapshot, seconds: int) -> Secret:
        """Give such a URL: a secret. Raises `StoreError` where there is none."""
        ...

    def list_links(self) -> Mapping[str, str]:
        """Give every pointer and link by its name, with what it names; a bucket has none."""
        ...

    def read_document(self, name: str) -> bytes | None:
        """Read a small file of ours; None when it is not there."""
        ...

    def list_documents(self, suffix: str) -> tuple[str, ...]:
        """Give the names of the documents that end in this, sorted."""
        ...


class WritableStore(Store, Protocol):
    """A store that may be written to, under its lock."""

    def lock(
        self, timeout_seconds: float | None = 0.0, *, on_wait: Callable[[], None] = no_op
    ) -> AbstractContextManager[None]:
        """Hold the store's lock; None waits as long as its holder lives. Raises `LockedError` when it stays taken.

        `on_wait` is called again and again while another run holds it.
        """
        ...

    def find_debris(self, collections: Iterable[str] | None = None) -> tuple[str, ...]:
        """Give the names of what a killed run of ours left; without the lock a run that is alive may be at some."""
        ...

    def remove_debris(self, collections: Iterable[str] | None = None) -> tuple[str, ...]:
        """Remove what a killed run of ours left; give the names. Only under the lock.

        In a bucket, where looking costs requests, only at these collections; None: at all of them.
        """
        ...

    def require_space(self, size: int) -> None:
        """Raise `SpaceError` unless `size` bytes fit."""
        ...

    def refuse_case_conflict(self, collection: str) -> None:
        """Raise `RefusedError` for a collection whose files would be another one's where case makes no difference."""
        ...

    def receive(self, name: SnapshotName | None = None) -> AbstractContextManager[IncomingSnapshot]:
        """Open a file to receive into; whatever was not published is removed on every way out.

        A bucket has no rename and needs the `name` that it will be published under.
        """
        ...

    def choose_name(self, name: SnapshotName) -> SnapshotName:
        """Give a name that is free: the next of the same second when it is taken."""
        ...

    def publish(self, incoming: IncomingSnapshot, name: SnapshotName, manifest: bytes) -> str:
        """Give a received snapshot its name and its manifest; give that name. Nothing is ever overwritten."""
        ...

    def adopt(self, name: SnapshotName, manifest: bytes, *, size: int, sha256: str) -> bool:
        """Make a snapshot of bytes that a killed run left under that name, when they are these. False: they are not.

        Only under the lock. A directory has none: there nothing gets its name before its manifest.
        """
        ...

    def move_latest(self, collection: str, file: str) -> bool:
        """Point latest at a file of the store. False: no link was made, because there are none here."""
        ...

    def delete_snapshot(self, file: str) -> None:
        """Delete a snapshot: its manifest first, then its bytes, then what we wrote about it. Idempotent."""
        ...

    def delete_together(self, files: Sequence[str]) -> bool:
        """Delete many snapshots side by side, all their manifests first. Idempotent.

        False where a store cannot, or not all of it was done: then each is to be deleted by itself.
        """
        ...

    def write_document(self, name: str, content: bytes, *, create_only: bool = False) -> bool:
        """Write a small file of ours, whole or not at all. False: with `create_only`, it is there already."""
        ...

    def swap_document(self, name: str, seen: bytes | None, content: bytes) -> bool:
        """Replace a small file of ours that still is as it was seen; None: it was not there.

        False: somebody else has written it since, and it stays as it is. Of two who try, one succeeds.
        """
        ...

    def delete_document(self, name: str) -> bool:
        """Delete a small file of ours. False: there was none."""
        ...


def no_snapshot_error(store: Store, collection: str, selector: str = "latest") -> NotFoundError:
    """Make the error for a snapshot that is not there: where it was looked for, and the ways out."""
    if "/" in selector:
        return NotFoundError(f"snapshot '{selector}' does not exist", hint="is the path right? it is no store's file")
    what = f"no snapshot of collection '{collection}'"
    if selector not in {"latest", "previous"}:
        what = f"no snapshot '{selector}' of collection '{collection}'"
    elif selector == "previous":
        what = f"no snapshot of collection '{collection}' before its latest"
    there = store.list_collections()
    found = f"it has snapshots of {', '.join(repr(name) for name in there)}" if there else "it has no snapshots"
    return NotFoundError(
        f"{what} in store '{store.name}' (looked for '{encode_collection(collection)}_*.snapshot'); {found}",
        hint=f"make one with 'qdrant-restore snapshot {collection}', put one there, "
        "or go on without it with --on-missing skip",
    )


class DocumentStore(Protocol):
    """A store, as far as reading its small documents goes."""

    def read_document(self, name: str) -> bytes | None:
        """Read one; None when it is not there."""
        ...

    def list_documents(self, suffix: str) -> tuple[str, ...]:
        """Give the names that end in this."""
        ...


class WritableDocumentStore(DocumentStore, Protocol):
    """The same, to be written to."""

    def write_document(self, name: str, content: bytes, *, create_only: bool = False) -> bool:
        """Write one, whole or not at all."""
        ...

    def swap_document(self, name: str, seen: bytes | None, content: bytes) -> bool:
        """Replace one that still is as it was seen."""
        ...
