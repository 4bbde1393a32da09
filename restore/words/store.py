"""What rests in a store: the kinds of its files, and the snapshot that somebody asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from restore.errors import NotFoundError
from restore.words.manifest import Manifest
from restore.words.snapshot import (
    MANIFEST_SUFFIX,
    SUFFIX,
    decode_collection,
    encode_collection,
    is_cut,
    parse_latest,
    parse_name,
    parse_server_name,
)

STAMP_FILE = "README.md"
LOCK_FILE = ".lock"
STAMP_TEXT = b"""# Qdrant snapshots

This directory is a store of `qdrant-restore`; this file is its stamp. A directory without it is taken for a mount
that is missing. Snapshots are named `<collection>_<UTC time>.snapshot`, each with its manifest beside it (`.json`);
`<collection>_latest.snapshot` points to the newest one that was checked.
"""
_DEBRIS = re.compile(r"\.partial-[0-9a-f]{16}(\.json|\.link)?\Z")
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
    DEBRIS = "debris"
    OURS = "ours"
    FOREIGN = "foreign"


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

    `file` is its name in the store, `path` absolute. `size` is in bytes. `created` is what the name says, None
    when it says nothing. `in_store` is false for a path elsewhere. `latest` is true when the pointer led here.
    """

    collection: str
    file: str
    path: str
    size: int
    created: datetime | None = None
    sequence: int = 1
    in_store: bool = True
    latest: bool = False


class Store(Protocol):
    """Where snapshots rest. A directory and a bucket pass the same contract tests."""

    @property
    def name(self) -> str:
        """Give the store's name for messages: its path or its URL without secrets."""
        ...

    def list_entries(self) -> tuple[Entry, ...]:
        """Give every file of the store, sorted by name."""
        ...

    def list_collections(self) -> tuple[str, ...]:
        """Give the collections of which something is there, sorted."""
        ...

    def find_snapshot(self, collection: str, selector: str = "latest") -> StoredSnapshot | None:
        """Give the snapshot meant by `latest`, `previous`, a file name or a path; None when it is not there.

        Raises `IntegrityError` when the pointer, or what it leads to, must not be followed.
        """
        ...

    def read_manifest(self, stored: StoredSnapshot) -> Manifest | None:
        """Give a snapshot's manifest; None when there is none.

        Raises `IntegrityError` when it is malformed or contradicts the file.
        """
        ...


def classify(file_name: str) -> Entry:
    """Say what a file is, by its name."""
    if _DEBRIS.match(file_name):
        return Entry(file=file_name, kind=Kind.DEBRIS)
    if file_name in {STAMP_FILE, LOCK_FILE}:
        return Entry(file=file_name, kind=Kind.OURS)
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
    if file_name.endswith(SUFFIX + MANIFEST_SUFFIX) and not file_name.startswith("."):
        return Entry(file=file_name, kind=Kind.MANIFEST)
    if file_name.endswith(SUFFIX + CHECKSUM_SUFFIX) and not file_name.startswith("."):
        return Entry(file=file_name, kind=Kind.CHECKSUM)
    return Entry(file=file_name, kind=Kind.FOREIGN)


def select_shown(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Give the entries that a person wants to see: not our stamp and lock, nor what describes a file beside it."""
    entries = tuple(entries)
    names = {entry.file for entry in entries}
    suffixes = {Kind.MANIFEST: MANIFEST_SUFFIX, Kind.CHECKSUM: CHECKSUM_SUFFIX}
    return tuple(
        entry
        for entry in entries
        if entry.kind is not Kind.OURS
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
    if len(head) > LONGEST_POINTER or not line.endswith(SUFFIX.encode()) or b"\n" in line or b"\0" in line:
        return None
    try:
        return line.decode()
    except UnicodeDecodeError:
        return None


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


def is_lfs_pointer(head: bytes) -> bool:
    """Tell whether a file begins as Git LFS's stand-in for a file that was not fetched."""
    return head.startswith(_LFS)


def explain_missing(store: Store, collection: str, selector: str = "latest") -> NotFoundError:
    """Make the error for a snapshot that is not there: where it was looked for, and the ways out."""
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
