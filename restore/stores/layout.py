"""The files of a store: their names, the kind that each name tells, and where pointers may lead."""

import re
from collections.abc import Container, Iterable
from datetime import datetime
from enum import StrEnum

import msgspec

from restore.snapshots.name import (
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
    split_encoding,
)

STAMP_FILE = "README.md"
LOCK_FILE = ".lock"
# The lock where a file system or a bucket has none: a document that its holder renews.
LEASE_FILE = ".lease.json"
# The state of the scheduler of `serve`.
SCHEDULE_FILE = ".schedule.json"
# When a drill last proved each collection, also with snapshots that were pruned since.
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
# How the stamp begins that this program writes, and that of the store that the repository comes with.
_STAMPS = (b"# Qdrant snapshots", b"# The store")
_DEBRIS = re.compile(r"\.partial-[0-9a-f]{16}(\.json|\.link)?\Z")
_SET = re.compile(r"[0-9]{8}_[0-9]{6}_[0-9a-f]{8}\.set\.json\Z")
LONGEST_POINTER = 1024
# Of a manifest or another document; in bytes.
LONGEST_DOCUMENT = 16 * 1024 * 1024
# Qdrant writes the SHA-256 of each of its snapshots beside it (since 1.8.0).
CHECKSUM_SUFFIX = ".checksum"


class Kind(StrEnum):
    """The kind of a file in a store, told by its name alone. OURS: a document of the store itself."""

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


_NOT_SHOWN = frozenset({Kind.OURS, Kind.SET, Kind.CHECK, Kind.JOURNAL})


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a store. `collection` is None where the name does not tell it, or belongs to none.

    `encoded` is the collection's encoded name; empty where the name has none.
    """

    file: str
    kind: Kind
    collection: str | None = None
    encoded: str = ""
    created: datetime | None = None
    sequence: int = 1


def classify(file_name: str) -> Entry:
    """Return a file's entry, made of its name."""
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
    """Return the kind of a document's name; None for other files."""
    if not file_name.endswith(".json"):
        return None
    if file_name.startswith(JOURNAL_PREFIX) and not is_hidden(file_name.removeprefix(".")):
        return Kind.JOURNAL
    if is_hidden(file_name):
        return None
    for suffix, kind in ((PIN_SUFFIX, Kind.PIN), (CHECK_SUFFIX, Kind.CHECK)):
        if file_name.endswith(suffix) and split_encoding(file_name.removesuffix(suffix))[0]:
            return kind
    return Kind.SET if _SET.match(file_name) else None


def _is_manifest(file_name: str) -> bool:
    return split_encoding(file_name.removesuffix(MANIFEST_SUFFIX))[0] != ""


def select_shown(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the entries that a user is shown: no stamp, no lock, no document that describes a file beside it."""
    entries = tuple(entries)
    names = {entry.file for entry in entries}
    suffixes = {Kind.MANIFEST: MANIFEST_SUFFIX, Kind.CHECKSUM: CHECKSUM_SUFFIX, Kind.PIN: PIN_SUFFIX}
    return tuple(
        entry
        for entry in entries
        if entry.kind not in _NOT_SHOWN
        if entry.kind not in suffixes or entry.file.removesuffix(suffixes[entry.kind]) not in names
    )


def name_cut_entries(entries: Iterable[Entry], collections: Iterable[str]) -> tuple[Entry, ...]:
    """Return the entries; those with cut names get their collection where it is one of `collections`."""
    names = {encode_collection(collection): collection for collection in collections}
    return tuple(
        msgspec.structs.replace(entry, collection=names.get(entry.encoded))
        if entry.encoded and entry.collection is None
        else entry
        for entry in entries
    )


def find_case_conflict(encoded: str, file_names: Iterable[str]) -> str | None:
    """Return a collection of these files whose encoded name differs from `encoded` only in case; None without one."""
    for entry in map(classify, file_names):
        if entry.encoded != encoded and entry.encoded.casefold() == encoded.casefold():
            return entry.collection or entry.encoded
    return None


def name_documents(file: str) -> tuple[str, ...]:
    """Return the names of the documents that may lie beside a snapshot and are deleted with it: pin, check."""
    return (file + PIN_SUFFIX, file + CHECK_SUFFIX)


def next_free_name(name: SnapshotName, taken: Container[str]) -> SnapshotName:
    """Return a name that no file and no manifest has: this one, or the next of the same second."""
    while str(name) in taken or name_manifest(str(name)) in taken:
        name = msgspec.structs.replace(name, sequence=name.sequence + 1)
    return name


def read_collection(encoded: str) -> str | None:
    """Return the collection of a pointer's name. A person may have written it without encoding (`my docs`)."""
    if is_cut(encoded):
        return None
    return decode_collection(encoded) or (encoded if "%" not in encoded else None)


def read_pointer(head: bytes) -> str | None:
    """Return the snapshot file that a one-line text file names; None for any other content.

    `head` is the content of a file of at most `LONGEST_POINTER` bytes. Git checks out links so on Windows, and
    pointers are written so where links cannot be made.
    """
    line = head.removesuffix(b"\n").removesuffix(b"\r")
    if len(head) > LONGEST_POINTER or b"\n" in line or b"\0" in line:
        return None
    try:
        name = line.decode()
    except UnicodeDecodeError:
        return None
    return name if split_encoding(name)[0] else None


def is_stamp(content: bytes) -> bool:
    """Return whether a stamp file marks a store: it is ours, or empty. A project's own README marks none."""
    return not content.strip() or content.startswith(_STAMPS)


def find_pointer_problem(target: str) -> str:
    """Return why a pointer to this name must not be followed; empty when it names a sibling."""
    if target.startswith("/") or target[1:2] == ":":
        return "an absolute path"
    if "/" in target or "\\" in target or target in {"", ".", ".."}:
        return "outside the store"
    if target.startswith("."):
        return "a hidden or unfinished file"
    if parse_latest(target):
        return "another pointer"
    return ""
