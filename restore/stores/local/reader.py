"""A directory as a store: reading. Only siblings are followed, and nothing is ever created here.

On the path of a boot that has nothing to do: no import that it does not need. Writing is `stores.local.writer`.
"""

# pathlib would cost every boot 3 ms.
# ruff: noqa: PTH100, PTH112, PTH113, PTH114, PTH115, PTH118, PTH202, PTH208
from __future__ import annotations

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
from restore.snapshots.stored import SnapshotReader, StoredSnapshot, is_lfs_pointer
from restore.stores.layout import (
    CHECKSUM_SUFFIX,
    LONGEST_POINTER,
    STAMP_FILE,
    Entry,
    Kind,
    classify,
    find_pointer_problem,
    name_cut,
    read_pointer,
)
from restore.system.files import error_from_os, read_small_file
from restore.system.secret import Secret

if TYPE_CHECKING:
    from restore.snapshots.age import AgeIdentities


_LONGEST_MANIFEST = 16 * 1024 * 1024
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
_HELD = frozenset({Kind.SNAPSHOT, Kind.SERVER_SNAPSHOT})
_NO_NAMES = frozenset({"", ".", ".."})


def open_local_store(path: str, keys: AgeIdentities | None = None) -> LocalStore:
    """Open a store for reading.

    Raises `NotFoundError` when it is not there, or is a directory that nobody made a store: Docker creates an
    empty one where a bind mount is missing. `StoreError` when it cannot be read. `keys` open what is encrypted.
    """
    store = LocalStore(path, keys)
    names = store.list_names()
    if STAMP_FILE not in names and not any(classify(name).encoded for name in names):
        raise NotFoundError(
            f"store '{path}' has neither a stamp ({STAMP_FILE}) nor a snapshot in it",
            hint="is it mounted? Docker creates an empty directory where a bind mount's source is missing; "
            "'qdrant-restore snapshot' makes a store",
        )
    return store


class LocalStore:
    """A directory of snapshots. Every method looks anew; nothing is kept between calls."""

    def __init__(self, path: str, keys: AgeIdentities | None = None) -> None:
        self._path = path
        self._keys = keys

    @property
    def name(self) -> str:
        """Give the path as it was given."""
        return self._path

    @property
    def has_pointers(self) -> bool:
        """Tell that a directory has them."""
        return True

    def path(self, file: str) -> str:
        """Give the absolute path of a file in the store.

        Raises `IntegrityError` for what is no name of a file in it: documents that others wrote name files too.
        """
        if "/" in file or os.sep in file or "\0" in file or file in _NO_NAMES:
            raise IntegrityError(
                f"'{file}' is no name of a file in store '{self._path}'",
                hint="some document there names it; no run of ours wrote that",
            )
        return os.path.join(os.path.abspath(self._path), file)

    def list_names(self) -> list[str]:
        """Give the names of all files, sorted."""
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

    def list_entries(self) -> tuple[Entry, ...]:
        """Give every file of the store, sorted by name; names that were cut get their manifest's collection."""
        entries = [classify(name) for name in self.list_names()]
        cut = {entry.encoded for entry in entries if entry.encoded and entry.collection is None}
        if not cut:
            return tuple(entries)
        manifests = (self._peek(entry.file) for entry in entries if entry.encoded in cut)
        names = {manifest.collection for manifest in manifests if manifest}
        return name_cut(entries, names)

    def list_collections(self) -> tuple[str, ...]:
        """Give the collections of which a pointer or a snapshot is there, sorted."""
        return tuple(sorted({entry.collection for entry in self.list_entries() if entry.collection}))

    def list_latest(self) -> tuple[str, ...]:
        """Give the collections that have a pointer, sorted."""
        entries = (entry for entry in self.list_entries() if entry.kind is Kind.LATEST)
        return tuple(sorted({entry.collection for entry in entries if entry.collection}))

    def list_snapshots(self, collection: str, *, held_back: bool = False) -> tuple[StoredSnapshot, ...]:
        """Give a collection's snapshots, oldest first by the manifest's time, else the name's, then the name.

        Never a pointer's plain file, and those that were held back only when they are asked for.
        """
        encoded = encode_collection(collection)
        aged = []
        for entry in map(classify, self.list_names()):
            if entry.encoded == encoded and entry.kind in _HELD:
                stored = self._state(entry, collection)
                manifest = self._peek(entry.file)
                if stored and (held_back or not (manifest and manifest.held_back)):
                    aged.append((self.read_age(stored), stored))
        return tuple(stored for _, stored in sorted(aged, key=lambda pair: pair[0]))

    def find_snapshot(self, collection: str, selector: str = "latest") -> StoredSnapshot | None:
        """Give the snapshot meant by `latest`, `previous`, a file name or a path; None when it is not there.

        Without a pointer the newest one is the latest. Raises `IntegrityError` when the pointer, or what it leads
        to, must not be followed; `SettingsError` when the file named belongs to another collection.
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

    def find_named(self, collection: str, name: str) -> StoredSnapshot | None:
        """Give the snapshot in the file of that name; None when there is none. Raises as `find_snapshot`."""
        if name not in self.list_names():
            return None
        entry = classify(name)
        if entry.kind not in _HELD | {Kind.LATEST, Kind.FOREIGN} or name.startswith("."):
            raise SettingsError(f"'{name}' in store '{self._path}' is not a snapshot")
        if entry.encoded and entry.encoded != encode_collection(collection) and entry.collection != collection:
            belongs = entry.collection or entry.encoded
            raise SettingsError(
                f"snapshot '{name}' is one of collection '{belongs}', not of '{collection}'",
                hint=f"to put it there all the same: qdrant-restore restore {belongs} --to {collection}",
            )
        return self._follow(entry, collection) if entry.kind is Kind.LATEST else self._open(entry, collection)

    def read_manifest(self, stored: StoredSnapshot) -> Manifest | None:
        """Give a snapshot's manifest; None when there is none.

        Raises `IntegrityError` when it is malformed or contradicts the file, `IncompatibleError` when it is newer
        than this program.
        """
        name = name_manifest(stored.file)
        text = read_small_file(
            name_manifest(stored.path), _LONGEST_MANIFEST, what=f"manifest '{name}' cannot be read"
        )
        if text is None:
            return None
        if is_lfs_pointer(text):
            raise _explain_lfs(name)
        return read_manifest_of(stored, text)

    def open_snapshot(self, stored: StoredSnapshot) -> SnapshotReader:
        """Open a snapshot's bytes as the server made them.

        Raises `StoreError` when it cannot be read and `DecryptionError` without the key that it needs.
        """
        if not stored.encoding:
            return self.open_stored(stored)
        from restore.snapshots.codec import open_encoded  # noqa: PLC0415 - boot: 3 ms

        manifest = self._peek(stored.file) if stored.in_store else None
        size = manifest.size if manifest else -1
        return open_encoded(lambda: self.open_stored(stored), stored, size, self._keys)

    def open_stored(self, stored: StoredSnapshot) -> SnapshotReader:
        """Open a snapshot's bytes as they lie in the store. Raises `StoreError`."""
        try:
            return LocalReader(stored.path)
        except OSError as error:
            raise error_from_os(error, f"snapshot '{stored.file}' cannot be read") from error

    def gives_urls_for(self, stored: StoredSnapshot) -> bool:  # noqa: ARG002 - a bucket's
        """Tell that a directory has no URLs."""
        return False

    def sign_url(self, stored: StoredSnapshot, seconds: int) -> Secret:
        """Refuse: a directory has no URLs."""
        raise StoreError(
            f"snapshot '{stored.file}' lies in a directory, which gives no URL to read it from ({seconds} s)",
            hint="--transfer server-url is for buckets; leave it at auto",
        )

    def list_links(self) -> Mapping[str, str]:
        """Give every pointer and link by its name, with what it names."""
        links: dict[str, str] = {}
        for name in self.list_names():
            if os.path.islink(self.path(name)) or classify(name).kind is Kind.LATEST:
                target = self._read_target(name)
                links |= {name: target} if target is not None else {}
        return links

    def read_document(self, name: str) -> bytes | None:
        """Read a small file of ours; None when it is not there."""
        return read_small_file(self.path(name), _LONGEST_MANIFEST, what=f"'{name}' cannot be read")

    def list_documents(self, suffix: str) -> tuple[str, ...]:
        """Give the names of the documents that end in this, sorted."""
        return tuple(name for name in self.list_names() if name.endswith(suffix) and not name.startswith(".partial-"))

    def read_checksum(self, stored: StoredSnapshot) -> str | None:
        """Give the SHA-256 that Qdrant wrote beside its own snapshot file; None when there is none to be believed."""
        path = stored.path + CHECKSUM_SUFFIX
        text = read_small_file(path, LONGEST_POINTER, what=f"'{stored.file}{CHECKSUM_SUFFIX}' cannot be read") or b""
        digits = text.decode("ascii", "replace").strip()
        return digits if re.fullmatch("[0-9a-f]{64}", digits) else None

    def open_entry(self, entry: Entry) -> StoredSnapshot:
        """Give an entry's file as a snapshot, whatever its name. Raises `IntegrityError` when it is no plain file."""
        return self._open(entry, entry.collection or entry.encoded or entry.file)

    def read_age(self, stored: StoredSnapshot) -> tuple[datetime, int, str]:
        """Give what snapshots are ordered by: time (the manifest's, else the name's), sequence, name."""
        manifest = self._peek(stored.file) if stored.in_store else None
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
            # The encoded name before one that a person wrote as it is.
            exact = [entry for entry in pointers if entry.encoded == encode_collection(collection)]
            return self._follow((exact or pointers)[0], collection)
        newest = self.list_snapshots(collection)[-1:]
        return self._open(classify(newest[0].file), collection) if newest else None

    def _find_previous(self, collection: str) -> StoredSnapshot | None:
        try:
            latest = self._find_latest(collection)
        except IntegrityError:
            latest = None
        age = self.read_age(latest) if latest else (_LONG_AGO, 0, "")
        others = [one for one in self.list_snapshots(collection) if not latest or one.file != latest.file]
        older = [one for one in others if age[0] == _LONG_AGO or self.read_age(one) < age]
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
        """Follow a pointer, once: a link or a line of text names a sibling; any other file is the snapshot."""
        target = self._read_target(entry.file)
        if target is None:
            return msgspec.structs.replace(self._open(entry, collection), latest=True)
        problem = find_pointer_problem(target) or self._find_problem_there(target, collection)
        if problem:
            raise IntegrityError(
                f"'{entry.file}' in store '{self._path}' points to '{target}', {problem}",
                hint="only a snapshot beside it is followed; make a new one, or link it to one that is there",
            )
        return msgspec.structs.replace(self._open(classify(target), collection), latest=True)

    def _read_target(self, file: str) -> str | None:
        path = self.path(file)
        if os.path.islink(path):
            return os.readlink(path).removeprefix("./")
        if os.path.isfile(path) and os.path.getsize(path) <= LONGEST_POINTER:
            return read_pointer(read_small_file(path, LONGEST_POINTER, what=f"'{file}' cannot be read") or b"")
        return None

    def _find_problem_there(self, target: str, collection: str) -> str:
        if not os.path.lexists(self.path(target)):
            return "which is not there"
        found = classify(target)
        if found.kind is Kind.SNAPSHOT and found.encoded != encode_collection(collection):
            return f"a snapshot of collection '{found.collection or found.encoded}'"
        return ""

    def _open(self, entry: Entry, collection: str) -> StoredSnapshot:
        stored = self._state(entry, collection)
        if stored is None:
            raise IntegrityError(
                f"'{entry.file}' in store '{self._path}' is not a plain file",
                hint="put the snapshot itself there; only the latest pointer may be a link",
            )
        if stored.size <= LONGEST_POINTER:
            head = read_small_file(stored.path, LONGEST_POINTER, what=f"snapshot '{entry.file}' cannot be read")
            if is_lfs_pointer(head or b""):
                raise _explain_lfs(entry.file)
        return stored

    def _state(self, entry: Entry, collection: str) -> StoredSnapshot | None:
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

    def _peek(self, file: str) -> Manifest | None:
        """Give the manifest beside a file when it can be read at all; who needs to trust it asks `read_manifest`."""
        try:
            text = read_small_file(self.path(name_manifest(file)), _LONGEST_MANIFEST, what="")
            return read_manifest(text, where=file) if text is not None else None
        except RestoreError:
            return None


def _explain_lfs(file: str) -> IntegrityError:
    return IntegrityError(
        f"'{file}' is a Git LFS pointer, not the file itself", hint="fetch the files that stand behind: git lfs pull"
    )
