"""A directory as a store, for reading. Pointers are followed to siblings only; nothing is created.

A boot that has nothing to do imports this module, so it imports only what that needs.
"""

# pathlib would cost every boot 3 ms.
# ruff: noqa: PTH100, PTH112, PTH113, PTH114, PTH115, PTH118, PTH202, PTH208
from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from restore.errors import IntegrityError, NotFoundError, RestoreError, SettingsError, StoreError
from restore.snapshots.manifest import Manifest, read_manifest, read_manifest_of
from restore.snapshots.name import encode_collection, name_manifest
from restore.snapshots.readers import LocalReader
from restore.snapshots.stored import SnapshotReader, StoredSnapshot, refuse_lfs_pointer
from restore.stores.layout import (
    CHECKSUM_SUFFIX,
    LONGEST_DOCUMENT,
    LONGEST_POINTER,
    STAMP_FILE,
    Entry,
    Kind,
    classify,
    find_pointer_problem,
    is_stamp,
    name_cut_entries,
    read_pointer,
)
from restore.stores.protocols import other_collection_error
from restore.system.files import error_from_os, read_small_file
from restore.system.secret import Secret

if TYPE_CHECKING:
    from restore.snapshots.age import AgeIdentities


_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
_SNAPSHOT_KINDS = frozenset({Kind.SNAPSHOT, Kind.SERVER_SNAPSHOT})
_NO_NAMES = frozenset({"", ".", ".."})


def open_local_store(path: str, keys: AgeIdentities | None = None) -> LocalStore:
    """Open a store for reading; `keys` decrypt its encrypted snapshots.

    Raise `NotFoundError` when it does not exist, or has neither a stamp nor a snapshot: Docker creates an empty
    directory where a bind mount's source is missing. Raise `StoreError` when it cannot be read.
    """
    store = LocalStore(path, keys)
    names = store.list_names()
    if not any(classify(name).encoded for name in names) and not store.has_stamp(names):
        raise NotFoundError(
            f"store '{path}' has neither a stamp ({STAMP_FILE}) nor a snapshot in it",
            hint="is it mounted? Docker creates an empty directory where a bind mount's source is missing; "
            "'qdrant-restore snapshot' makes a store",
        )
    return store


class LocalStore:
    """A directory of snapshots. Every method reads the directory again; nothing is cached."""

    def __init__(self, path: str, keys: AgeIdentities | None = None) -> None:
        self._path = path
        self._keys = keys

    @property
    def name(self) -> str:
        """Return the path as the user gave it."""
        return self._path

    @property
    def has_pointers(self) -> bool:
        """Return True: a directory has pointers."""
        return True

    def path(self, file: str) -> str:
        """Return the absolute path of a file in the store.

        Raise `IntegrityError` for a name that leads elsewhere: names also come from documents that others can write.
        """
        if "/" in file or os.sep in file or "\0" in file or file in _NO_NAMES:
            raise IntegrityError(
                f"'{file}' is no name of a file in store '{self._path}'",
                hint="some document there names it; no run of ours wrote that",
            )
        return os.path.join(os.path.abspath(self._path), file)

    def list_names(self) -> list[str]:
        """Return the names of all files, sorted."""
        try:
            return sorted(os.listdir(self._path))
        except FileNotFoundError as error:
            raise NotFoundError(
                f"store '{self._path}' does not exist",
                hint=f"looked in '{os.path.abspath(self._path)}'; give its directory with --store or RESTORE_STORE; "
                "'qdrant-restore snapshot' makes one",
            ) from error
        except OSError as error:
            raise error_from_os(error, f"store '{self._path}' cannot be read") from error

    def has_stamp(self, names: list[str]) -> bool:
        """Return whether one of these files is the stamp of a store."""
        if STAMP_FILE not in names:
            return False
        content = read_small_file(self.path(STAMP_FILE), LONGEST_DOCUMENT, what=f"'{STAMP_FILE}' cannot be read")
        return content is not None and is_stamp(content)

    def list_entries(self) -> tuple[Entry, ...]:
        """Return every file of the store, sorted by name. The collections of cut names come from their manifests."""
        entries = [classify(name) for name in self.list_names()]
        cut = {entry.encoded for entry in entries if entry.encoded and entry.collection is None}
        if not cut:
            return tuple(entries)
        manifests = (self.try_read_manifest(entry.file) for entry in entries if entry.encoded in cut)
        names = {manifest.collection for manifest in manifests if manifest}
        return name_cut_entries(entries, names)

    def list_collections(self) -> tuple[str, ...]:
        """Return the collections that have a pointer or a snapshot, sorted."""
        return tuple(sorted({entry.collection for entry in self.list_entries() if entry.collection}))

    def list_latest(self) -> tuple[str, ...]:
        """Return the collections that have a pointer, or else a whole snapshot with its manifest, sorted."""
        entries = self.list_entries()
        pointed = {entry.collection for entry in entries if entry.kind is Kind.LATEST}
        others = {entry.collection for entry in entries if entry.kind is Kind.SNAPSHOT} - pointed
        return tuple(
            sorted(name for name in pointed | others if name and (name in pointed or self._find_newest(name)))
        )

    def list_snapshots(self, collection: str, *, held_back: bool = False) -> tuple[StoredSnapshot, ...]:
        """Return a collection's snapshots, oldest first by the manifest's time, else the name's, then the name.

        A plain file in the place of the latest pointer is not among them; held-back ones are if `held_back`.
        """
        encoded = encode_collection(collection)
        keyed = []
        for entry in map(classify, self.list_names()):
            if entry.encoded == encoded and entry.kind in _SNAPSHOT_KINDS:
                stored = self._stat(entry, collection)
                manifest = self.try_read_manifest(entry.file)
                if stored and (held_back or not (manifest and manifest.held_back)):
                    keyed.append((self._sort_key(stored), stored))
        return tuple(stored for _, stored in sorted(keyed, key=lambda pair: pair[0]))

    def find_snapshot(self, collection: str, selector: str = "latest") -> StoredSnapshot | None:
        """Return the snapshot that `latest`, `previous`, a file name or a path selects; None when there is none.

        Without a pointer the newest whole one is the latest. Raise as the protocol says.
        """
        match selector:
            case "latest":
                return self._find_latest(collection)
            case "previous":
                return self._find_previous(collection)
            case name if os.sep in name or "/" in name:
                return self._find_path(collection, os.path.abspath(name))
            case name:
                return self.find_named(collection, name)

    @property
    def passed_over(self) -> Mapping[str, str]:
        """Return nothing: it is one store."""
        return {}

    def find_copies(self, collection: str, selector: str) -> tuple[StoredSnapshot, ...]:  # noqa: ARG002
        """Return nothing: it is one store."""
        return ()

    def find_named(self, collection: str, name: str) -> StoredSnapshot | None:
        """Return the snapshot in the file of that name; None when there is none. Raise as `find_snapshot`."""
        if name not in self.list_names():
            return None
        entry = classify(name)
        if entry.kind not in _SNAPSHOT_KINDS | {Kind.LATEST, Kind.FOREIGN} or name.startswith("."):
            raise SettingsError(f"'{name}' in store '{self._path}' is not a snapshot")
        if entry.encoded and entry.encoded != encode_collection(collection) and entry.collection != collection:
            raise other_collection_error(name, entry.collection or entry.encoded, collection)
        return self._follow(entry, collection) if entry.kind is Kind.LATEST else self._open(entry, collection)

    def read_manifest(self, stored: StoredSnapshot) -> Manifest | None:
        """Return a snapshot's manifest; None when there is none. Raise as `read_manifest_of`."""
        name = name_manifest(stored.file)
        text = read_small_file(name_manifest(stored.path), LONGEST_DOCUMENT, what=f"manifest '{name}' cannot be read")
        if text is None:
            return None
        refuse_lfs_pointer(text, file=name)
        return read_manifest_of(stored, text)

    def try_read_manifest(self, file: str) -> Manifest | None:
        """Return the manifest beside a file, not compared with it; None when there is none or it cannot be read."""
        try:
            text = read_small_file(self.path(name_manifest(file)), LONGEST_DOCUMENT, what="")
            return read_manifest(text, where=file) if text is not None else None
        except RestoreError:
            return None

    def open_snapshot(self, stored: StoredSnapshot) -> SnapshotReader:
        """Open a snapshot's bytes as the server made them.

        Raise `StoreError` when it cannot be read, `DecryptionError` without the key that it needs.
        """
        if not stored.encoding:
            return self.open_stored(stored)
        from restore.snapshots.codec import open_encoded  # noqa: PLC0415 - boot: 3 ms

        manifest = self.try_read_manifest(stored.file) if stored.in_store else None
        return open_encoded(lambda: self.open_stored(stored), stored, manifest, self._keys)

    def open_stored(self, stored: StoredSnapshot) -> SnapshotReader:
        """Open a snapshot's stored bytes, still encoded. Raise `StoreError`."""
        try:
            return LocalReader(stored.path)
        except OSError as error:
            raise error_from_os(error, f"snapshot '{stored.file}' cannot be read") from error

    def gives_urls_for(self, stored: StoredSnapshot) -> bool:  # noqa: ARG002 - a bucket's
        """Return False: a directory has no URLs."""
        return False

    def sign_url(self, stored: StoredSnapshot, seconds: int) -> Secret:
        """Raise `StoreError`: a directory has no URLs."""
        raise StoreError(
            f"snapshot '{stored.file}' lies in a directory, which gives no URL to read it from ({seconds} s)",
            hint="--transfer server-url is for buckets; leave it at auto",
        )

    def list_links(self) -> Mapping[str, str]:
        """Return every pointer and link: its name, and the name that it leads to."""
        links: dict[str, str] = {}
        for name in self.list_names():
            if os.path.islink(self.path(name)) or classify(name).kind is Kind.LATEST:
                target = self._read_target(name)
                links |= {name: target} if target is not None else {}
        return links

    def read_document(self, name: str) -> bytes | None:
        """Return a document's bytes; None when it does not exist."""
        return read_small_file(self.path(name), LONGEST_DOCUMENT, what=f"'{name}' cannot be read")

    def list_documents(self, suffix: str) -> tuple[str, ...]:
        """Return the names of the documents that end in this, sorted."""
        return tuple(name for name in self.list_names() if name.endswith(suffix) and not name.startswith(".partial-"))

    def read_checksum(self, stored: StoredSnapshot) -> str | None:
        """Return the SHA-256 that Qdrant wrote beside its own snapshot; None if there is none or it is malformed."""
        path = stored.path + CHECKSUM_SUFFIX
        text = read_small_file(path, LONGEST_POINTER, what=f"'{stored.file}{CHECKSUM_SUFFIX}' cannot be read") or b""
        digits = text.decode("ascii", "replace").strip()
        return digits if re.fullmatch("[0-9a-f]{64}", digits) else None

    def open_entry(self, entry: Entry) -> StoredSnapshot:
        """Return an entry's file as a snapshot, whatever its name. Raise `IntegrityError` for no plain file."""
        return self._open(entry, entry.collection or entry.encoded or entry.file)

    def _sort_key(self, stored: StoredSnapshot) -> tuple[datetime, int, str]:
        """Return what snapshots are ordered by: time (the manifest's, else the name's), sequence, name."""
        manifest = self.try_read_manifest(stored.file) if stored.in_store else None
        created = manifest.created if manifest else stored.created
        return (created or _LONG_AGO, stored.sequence, stored.file)

    def _find_latest(self, collection: str) -> StoredSnapshot | None:
        pointers = [
            entry
            for entry in map(classify, self.list_names())
            if entry.kind is Kind.LATEST
            if entry.encoded == encode_collection(collection) or entry.collection == collection
        ]
        if pointers:
            # The encoded name comes before one that a person wrote without encoding.
            exact = [entry for entry in pointers if entry.encoded == encode_collection(collection)]
            return self._follow((exact or pointers)[0], collection)
        newest = self._find_newest(collection) or next(reversed(self.list_snapshots(collection)), None)
        return self._open(classify(newest.file), collection) if newest else None

    def _find_newest(self, collection: str) -> StoredSnapshot | None:
        """Return the newest snapshot that is as its manifest says and not held back: the latest without a pointer.

        A store that was copied without its links has no pointers.
        """
        for stored in reversed(self.list_snapshots(collection)):
            with contextlib.suppress(RestoreError):
                if self.read_manifest(stored):
                    return stored
        return None

    def _find_previous(self, collection: str) -> StoredSnapshot | None:
        try:
            latest = self._find_latest(collection)
        except IntegrityError:
            latest = None
        age = self._sort_key(latest) if latest else (_LONG_AGO, 0, "")
        others = [one for one in self.list_snapshots(collection) if not latest or one.file != latest.file]
        older = [one for one in others if age[0] == _LONG_AGO or self._sort_key(one) < age]
        return self._open(classify(older[-1].file), collection) if older else None

    def _find_path(self, collection: str, path: str) -> StoredSnapshot | None:
        directory, name = os.path.split(path)
        if directory == os.path.abspath(self._path):
            return self.find_named(collection, name)
        if not os.path.isdir(directory):
            return None
        stored = LocalStore(directory, self._keys).find_named(collection, name)
        return msgspec.structs.replace(stored, in_store=False) if stored else None

    def _follow(self, entry: Entry, collection: str) -> StoredSnapshot:
        """Follow a pointer, once. A link or a one-line text file names a sibling; any other file is the snapshot."""
        target = self._read_target(entry.file)
        if target is None:
            return msgspec.structs.replace(self._open(entry, collection), latest=True)
        problem = find_pointer_problem(target) or self._find_target_problem(target, collection)
        if problem:
            raise IntegrityError(
                f"'{entry.file}' in store '{self._path}' points to '{target}', {problem}",
                hint="only a snapshot beside it is followed; make a new one, or link it to one that is there",
            )
        return msgspec.structs.replace(self._open(classify(target), collection), latest=True)

    def _read_target(self, file: str) -> str | None:
        path = self.path(file)
        if os.path.islink(path):
            target = os.readlink(path).removeprefix("./")
            directory, name = os.path.split(target)
            stays = target.startswith("/") and os.path.realpath(directory) == os.path.realpath(self._path)
            return name if stays else target
        if os.path.isfile(path) and os.path.getsize(path) <= LONGEST_POINTER:
            return read_pointer(read_small_file(path, LONGEST_POINTER, what=f"'{file}' cannot be read") or b"")
        return None

    def _find_target_problem(self, target: str, collection: str) -> str:
        if not os.path.lexists(self.path(target)):
            return "which is not there"
        found = classify(target)
        if found.kind is Kind.SNAPSHOT and found.encoded != encode_collection(collection):
            return f"a snapshot of collection '{found.collection or found.encoded}'"
        return ""

    def _open(self, entry: Entry, collection: str) -> StoredSnapshot:
        stored = self._stat(entry, collection)
        if stored is None:
            raise IntegrityError(
                f"'{entry.file}' in store '{self._path}' is not a plain file",
                hint="put the snapshot itself there; only the latest pointer may be a link",
            )
        if stored.size <= LONGEST_POINTER:
            head = read_small_file(stored.path, LONGEST_POINTER, what=f"snapshot '{entry.file}' cannot be read")
            refuse_lfs_pointer(head or b"", file=entry.file)
        return stored

    def _stat(self, entry: Entry, collection: str) -> StoredSnapshot | None:
        path = self.path(entry.file)
        try:
            status = os.lstat(path)
        except OSError:
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        return StoredSnapshot(
            collection=collection,
            file=entry.file,
            path=path,
            size=status.st_size,
            created=entry.created,
            sequence=entry.sequence,
        )
