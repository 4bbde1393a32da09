"""What rests in a store: the kinds of its files, and the snapshot that somebody asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from restore.errors import IntegrityError, NotFoundError
from restore.words.manifest import Manifest, read_manifest
from restore.words.secret import Secret
from restore.words.show import say_number
from restore.words.snapshot import (
    MANIFEST_SUFFIX,
    SUFFIX,
    SnapshotName,
    decode_collection,
    encode_collection,
    is_cut,
    is_hidden,
    name_manifest,
    parse_latest,
    parse_name,
    parse_server_name,
    split_packing,
)

STAMP_FILE = "README.md"
LOCK_FILE = ".lock"
# The lock where a file system or a bucket has none: a document that its holder keeps renewing.
LEASE_FILE = ".lease.json"
# What `serve` remembers of its jobs.
SCHEDULE_FILE = ".schedule.json"
# When a drill last proved each collection, also by snapshots that were pruned since.
PROVEN_FILE = ".proven.json"
PIN_SUFFIX = ".pin.json"
CHECK_SUFFIX = ".check.json"
SET_SUFFIX = ".set.json"
JOURNAL_PREFIX = ".journal-"
STAMP_TEXT = b"""# Qdrant snapshots

This directory is a store of `qdrant-restore`; this file is its stamp. A directory without it is taken for a mount
that is missing. Snapshots are named `<collection>_<UTC time>.snapshot`, each with its manifest beside it (`.json`);
`<collection>_latest.snapshot` points to the newest one that was checked.
"""
_DEBRIS = re.compile(r"\.partial-[0-9a-f]{16}(\.json|\.link)?\Z")
_SET = re.compile(r"[0-9]{8}_[0-9]{6}_[0-9a-f]{8}\.set\.json\Z")
_LFS = b"version https://git-lfs.github.com/spec/"
LONGEST_POINTER = 1024
# Qdrant writes the SHA-256 of each of its snapshots beside it (since 1.8.0).
CHECKSUM_SUFFIX = ".checksum"


class Kind(StrEnum):
    """What a file in a store is, told by its name alone."""

    SNAPSHOT = "snapshot"
    SERVER_SNAPSHOT = "server-snapshot"
    LATEST = "latest"
    MANIFEST = "manifest"
    CHECKSUM = "checksum"
    SET = "set"
    PIN = "pin"
    CHECK = "check"
    JOURNAL = "journal"
    DEBRIS = "debris"
    OURS = "ours"
    FOREIGN = "foreign"


_SILENT = frozenset({Kind.OURS, Kind.SET, Kind.CHECK, Kind.JOURNAL})


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a store. `collection` is None where the name does not tell it, or tells of none."""

    file: str
    kind: Kind
    collection: str | None = None
    encoded: str = ""
    created: datetime | None = None
    sequence: int = 1


class StoredSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot that can be opened: never a pointer, the file itself.

    `file` is its name in the store; `path` is absolute, or its URL where it lies in a bucket. `size` is in bytes, as
    it lies there. `created` is what the name says, None when it says nothing. `in_store` is false for a path
    elsewhere. `latest` is true when the pointer led here. `store` is the name of the store it was found in, empty
    where there is only one.
    """

    collection: str
    file: str
    path: str
    size: int
    created: datetime | None = None
    sequence: int = 1
    in_store: bool = True
    latest: bool = False
    store: str = ""

    @property
    def is_remote(self) -> bool:
        """Tell whether every look at it is a request to a bucket."""
        return "://" in self.path

    @property
    def packing(self) -> str:
        """Give how the stored bytes differ from the server's: `.zst`, `.age`, `.zst.age`, or nothing."""
        return split_packing(self.file)[1]


class SnapshotReader(Protocol):
    """A snapshot's bytes as the server made them, opened for reading; seekable. Close it on every way out.

    `local_path` names the plain file behind it, so that the kernel may send it; empty where there is none. `size` is
    in bytes; -1 until the end was reached where nothing says it. Reading raises `StoreError` when the store cannot
    be reached, `IntegrityError` when the bytes cannot be unpacked.
    """

    local_path: str
    size: int

    def read(self, count: int = -1, /) -> bytes:
        """Give the next bytes, fewer only at the end."""
        ...

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        """Fill a buffer; gives how many bytes, 0 at the end."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place; what lies behind a packing is read again from its start when that is far back."""
        ...

    def tell(self) -> int:
        """Give the place."""
        ...

    def close(self) -> None:
        """Close; idempotent."""
        ...


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


def be_patient() -> None:
    """Wait without a word."""


class Incoming(Protocol):
    """A snapshot being received under a name that nobody reads. Publish it, or leave `receive`: then it is gone."""

    size: int

    def expect(self, size: int) -> None:
        """Say how many bytes will come, before the first: a bucket's parts are cut to that."""
        ...

    def write(self, block: bytes | memoryview) -> None:
        """Append a block. Raises `SpaceError` when there is no room, `StoreError` otherwise."""
        ...

    def empty(self) -> None:
        """Begin anew."""
        ...


class WritableStore(Store, Protocol):
    """A store that may be written to, under its lock."""

    def lock(
        self, timeout_seconds: float | None = 0.0, *, on_wait: Callable[[], None] = be_patient
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

    def require_room(self, size: int) -> None:
        """Raise `SpaceError` unless `size` bytes fit."""
        ...

    def refuse_twin(self, collection: str) -> None:
        """Raise `RefusedError` for a collection whose files would be another one's where case makes no difference."""
        ...

    def receive(self, name: SnapshotName | None = None) -> AbstractContextManager[Incoming]:
        """Open a file to receive into; whatever was not published is removed on every way out.

        A bucket has no rename and needs the `name` that it will be published under.
        """
        ...

    def choose_name(self, name: SnapshotName) -> SnapshotName:
        """Give a name that is free: the next of the same second when it is taken."""
        ...

    def publish(self, incoming: Incoming, name: SnapshotName, manifest: bytes) -> str:
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


def classify(file_name: str) -> Entry:
    """Say what a file is, by its name."""
    if _DEBRIS.match(file_name):
        return Entry(file=file_name, kind=Kind.DEBRIS)
    if file_name in {STAMP_FILE, LOCK_FILE, LEASE_FILE, SCHEDULE_FILE, PROVEN_FILE}:
        return Entry(file=file_name, kind=Kind.OURS)
    if document := _classify_document(file_name):
        return Entry(file=file_name, kind=document)
    if ours := parse_name(file_name):
        return Entry(
            file=file_name,
            kind=Kind.SNAPSHOT,
            collection=decode_collection(ours.encoded),
            encoded=ours.encoded,
            created=ours.at,
            sequence=ours.sequence,
        )
    if encoded := parse_latest(file_name):
        name = read_collection(encoded)
        return Entry(file=file_name, kind=Kind.LATEST, collection=name, encoded=encoded)
    if servers := parse_server_name(file_name):
        collection, at = servers
        encoded = encode_collection(collection)
        return Entry(file=file_name, kind=Kind.SERVER_SNAPSHOT, collection=collection, encoded=encoded, created=at)
    if file_name.endswith(MANIFEST_SUFFIX) and not is_hidden(file_name) and _is_manifest(file_name):
        return Entry(file=file_name, kind=Kind.MANIFEST)
    if file_name.endswith(SUFFIX + CHECKSUM_SUFFIX) and not is_hidden(file_name):
        return Entry(file=file_name, kind=Kind.CHECKSUM)
    return Entry(file=file_name, kind=Kind.FOREIGN)


def _classify_document(file_name: str) -> Kind | None:
    """Say which of our documents has this name; None when it is another file's."""
    if not file_name.endswith(".json"):
        return None
    if file_name.startswith(JOURNAL_PREFIX) and not is_hidden(file_name.removeprefix(".")):
        return Kind.JOURNAL
    if is_hidden(file_name):
        return None
    for suffix, kind in ((PIN_SUFFIX, Kind.PIN), (CHECK_SUFFIX, Kind.CHECK)):
        if file_name.endswith(suffix) and split_packing(file_name.removesuffix(suffix))[0]:
            return kind
    return Kind.SET if _SET.match(file_name) else None


def _is_manifest(file_name: str) -> bool:
    return split_packing(file_name.removesuffix(MANIFEST_SUFFIX))[0] != ""


def select_shown(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Give the entries that a person wants to see: not our stamp and lock, nor what describes a file beside it."""
    entries = tuple(entries)
    names = {entry.file for entry in entries}
    suffixes = {Kind.MANIFEST: MANIFEST_SUFFIX, Kind.CHECKSUM: CHECKSUM_SUFFIX, Kind.PIN: PIN_SUFFIX}
    return tuple(
        entry
        for entry in entries
        if entry.kind not in _SILENT
        if entry.kind not in suffixes or entry.file.removesuffix(suffixes[entry.kind]) not in names
    )


def name_cut(entries: Iterable[Entry], collections: Iterable[str]) -> tuple[Entry, ...]:
    """Give the entries back, those with a cut name with their collection where one of `collections` is it."""
    names = {encode_collection(collection): collection for collection in collections}
    return tuple(
        msgspec.structs.replace(entry, collection=names.get(entry.encoded))
        if entry.encoded and entry.collection is None
        else entry
        for entry in entries
    )


def find_twin(encoded: str, file_names: Iterable[str]) -> str | None:
    """Give a collection of these files whose encoded name differs from `encoded` in case only; None without one."""
    for entry in map(classify, file_names):
        if entry.encoded != encoded and entry.encoded.casefold() == encoded.casefold():
            return entry.collection or entry.encoded
    return None


def read_collection(encoded: str) -> str | None:
    """Give the collection of a pointer's name; a person may have written the name as it is (`my docs`)."""
    if is_cut(encoded):
        return None
    return decode_collection(encoded) or (encoded if "%" not in encoded else None)


def read_pointer(head: bytes) -> str | None:
    """Give the file name that a one-line text file names; None when this is no such file.

    `head` is the whole of a file of at most `LONGEST_POINTER` bytes: how git checks out a link on Windows, and
    what we write where links cannot be made.
    """
    line = head.removesuffix(b"\n").removesuffix(b"\r")
    if len(head) > LONGEST_POINTER or b"\n" in line or b"\0" in line:
        return None
    try:
        name = line.decode()
    except UnicodeDecodeError:
        return None
    return name if split_packing(name)[0] else None


def find_pointer_problem(target: str) -> str:
    """Say why a pointer to this must not be followed; empty when it names a sibling."""
    if target.startswith("/") or target[1:2] == ":":
        return "an absolute path"
    if "/" in target or "\\" in target or target in {"", ".", ".."}:
        return "outside the store"
    if target.startswith("."):
        return "a hidden or unfinished file"
    if parse_latest(target):
        return "another pointer"
    return ""


def read_manifest_of(stored: StoredSnapshot, text: bytes) -> Manifest:
    """Read a snapshot's manifest and hold it against the file.

    Raises `IntegrityError` when it is malformed or contradicts the file, `IncompatibleError` when it is newer than
    this program.
    """
    name = name_manifest(stored.file)
    manifest = read_manifest(text, where=name)
    if manifest.collection != stored.collection:
        raise IntegrityError(
            f"manifest '{name}' is of collection '{manifest.collection}', not of '{stored.collection}'",
            hint="files were swapped or renamed; give each its own name back",
        )
    if manifest.bytes_in_store != stored.size:
        raise IntegrityError(
            f"snapshot '{stored.file}' has {say_number(stored.size, 'byte')}, its manifest says "
            f"{manifest.bytes_in_store:,}",
            hint="the file was cut or replaced; take another one with --snapshot, or make a new one",
        )
    return manifest


def is_lfs_pointer(head: bytes) -> bool:
    """Tell whether a file begins as Git LFS's stand-in for a file that was not fetched."""
    return head.startswith(_LFS)


def explain_missing(store: Store, collection: str, selector: str = "latest") -> NotFoundError:
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
