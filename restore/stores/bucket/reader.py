"""A bucket as a store: reading. A collection's files lie under its own name; looking at one lists no other's.

`<prefix>/<encoded>/<file>` holds snapshots and manifests, `<prefix>/<document>` what else is ours. A snapshot is
there once its manifest is: that one is written last. Writing is `stores.bucket.writer`.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import msgspec

from restore.errors import IntegrityError, NotFoundError, RestoreError, SettingsError
from restore.snapshots.age import AgeIdentities
from restore.snapshots.codec import open_encoded
from restore.snapshots.manifest import Manifest, read_manifest, read_manifest_of
from restore.snapshots.name import MANIFEST_SUFFIX, decode_collection, encode_collection, name_manifest, parse_name
from restore.snapshots.stored import SnapshotReader, StoredSnapshot
from restore.stores.bucket.client import BucketClient, StoredObject
from restore.stores.bucket.prefetch import ManifestPrefetcher
from restore.stores.bucket.range_reader import RangedReader
from restore.stores.layout import STAMP_FILE, Entry, Kind, classify, name_cut
from restore.stores.local.reader import LocalStore
from restore.stores.location import Location
from restore.system.secret import Secret

LONGEST_DOCUMENT = 16 * 1024 * 1024
# How many of the newest manifests are looked at side by side for one that was not held back.
_AT_ONCE = 4
_DOCUMENTS = frozenset({Kind.SET, Kind.PIN, Kind.CHECK, Kind.JOURNAL, Kind.OURS})


class BucketStore:
    """A bucket of snapshots. `patience_seconds`: how long a transfer may stand still."""

    def __init__(
        self,
        client: BucketClient,
        location: Location,
        *,
        keys: AgeIdentities | None = None,
        timeout_seconds: float = 300.0,
    ) -> None:
        self._client = client
        self._location = location
        self._keys = keys
        self._timeout = timeout_seconds
        self._walk = ManifestPrefetcher(client, self.key)
        # What a listing found that was written about snapshots.
        self.listed: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Give its URL."""
        return str(self._location)

    @property
    def has_pointers(self) -> bool:
        """Tell that a bucket has none."""
        return False

    def require_store(self) -> None:
        """Raise `NotFoundError` unless this is a store: it has our stamp, or a collection's directory."""
        # Read, not only looked at: a refusal says why in its body, and an answer to HEAD has none.
        if self._client.read(self.key(STAMP_FILE), LONGEST_DOCUMENT) or self.list_collections():
            return
        raise NotFoundError(
            f"store '{self.name}' has neither a stamp ({STAMP_FILE}) nor a snapshot in it",
            hint="is the prefix the one that snapshots are written to? 'qdrant-restore snapshot' makes a store",
        )

    def key(self, file: str) -> str:
        """Give the whole name of a file's object."""
        return self._join(_find_directory(file), file)

    # --- looking --------------------------------------------------------------------------------------------

    def list_entries(self) -> tuple[Entry, ...]:
        """Give every file of the store, sorted by name: the whole listing. Bytes without a manifest are debris."""
        found = {self._relate(one.key): one for one in self._client.list(self._location.prefix)}
        entries = sorted((_describe(path, found) for path in found), key=lambda entry: entry.file)
        self.listed = frozenset(entry.file for entry in entries if entry.kind in {Kind.PIN, Kind.CHECK})
        self._walk = ManifestPrefetcher(self._client, self.key)
        self._walk.begin(
            (entry.file, found[self._relate(self.key(entry.file))]) for entry in entries if entry.encoded
        )
        cut = [entry.file for entry in entries if entry.encoded and entry.collection is None]
        return name_cut(entries, {manifest.collection for _, manifest in self._read_manifests(cut)})

    def list_collections(self) -> tuple[str, ...]:
        """Give the collections that have a directory here, sorted. Costs no listing of what is in them."""
        directories, _ = self._client.list_directory(self._location.prefix)
        names = [self._relate(path) for path in directories]
        return tuple(sorted({collection for name in names if (collection := self._name_collection(name))}))

    def list_latest(self) -> tuple[str, ...]:
        """Give the collections that have a snapshot, sorted."""
        return tuple(name for name in self.list_collections() if self._list_whole(name))

    def list_snapshots(self, collection: str, *, held_back: bool = False) -> tuple[StoredSnapshot, ...]:
        """Give a collection's snapshots, oldest first by their names' time; all, or not those held back."""
        whole = self._list_whole(collection)
        known = frozenset() if held_back else self._find_held_back(whole)
        return tuple(one for one in whole if one.file not in known)

    def find_snapshot(self, collection: str, selector: str = "latest") -> StoredSnapshot | None:
        """Give the snapshot meant by `latest`, `previous`, a file name or a path here; None when it is not there.

        The newest whose manifest does not hold it back is the latest. Raises `SettingsError` when the file named
        belongs to another collection.
        """
        match selector:
            case "latest":
                newest = next(self._walk_back(collection), None)
                return msgspec.structs.replace(newest, latest=True) if newest else None
            case "previous":
                return next(itertools.islice(self._walk_back(collection), 1, None), None)
            case name if name.startswith(f"{self.name}/"):
                return self.find_named(collection, name.rpartition("/")[2])
            case name if "/" in name:
                return LocalStore("/", self._keys).find_snapshot(collection, name)
            case name:
                return self.find_named(collection, name)

    def find_named(self, collection: str, name: str) -> StoredSnapshot | None:
        """Give the snapshot in the file of that name; None when there is none, or its manifest is missing."""
        parsed = parse_name(name)
        if parsed is None:
            if classify(name).kind is Kind.FOREIGN and self._client.find(self.key(name)) is None:
                return None
            raise SettingsError(f"'{name}' in store '{self.name}' is not a snapshot")
        if parsed.encoded != encode_collection(collection):
            belongs = decode_collection(parsed.encoded) or parsed.encoded
            raise SettingsError(
                f"snapshot '{name}' is one of collection '{belongs}', not of '{collection}'",
                hint=f"to put it there all the same: qdrant-restore restore {belongs} --to {collection}",
            )
        found = self._client.find(self.key(name))
        there = found and self._client.find(self.key(name_manifest(name)))
        return self._store(collection, name, found) if found and there else None

    def open_entry(self, entry: Entry) -> StoredSnapshot:
        """Give an entry's file as a snapshot, as it was listed. Raises `IntegrityError` when it is not there now."""
        found = self._walk.reach(entry.file) or self._client.find(self.key(entry.file))
        if found is None:
            raise IntegrityError(f"'{entry.file}' in store '{self.name}' is not there any more")
        return self._store(entry.collection or entry.encoded or entry.file, entry.file, found)

    # --- reading --------------------------------------------------------------------------------------------

    def read_manifest(self, stored: StoredSnapshot) -> Manifest | None:
        """Give a snapshot's manifest; None when there is none. Raises as a directory does."""
        if not stored.in_store:
            return LocalStore("/", self._keys).read_manifest(stored)
        text = self._walk.take(stored.file) or self.read_document(name_manifest(stored.file))
        return None if text is None else read_manifest_of(stored, text)

    def read_checksum(self, stored: StoredSnapshot) -> str | None:
        """Give the checksum beside a snapshot of Qdrant's own: those are not taken from buckets."""
        return None if stored.in_store else LocalStore("/").read_checksum(stored)

    def open_snapshot(self, stored: StoredSnapshot) -> SnapshotReader:
        """Open a snapshot's bytes as the server made them. Raises `DecryptionError` without its key."""
        if not stored.encoding:
            return self.open_stored(stored)
        manifests = self._read_manifests([stored.file]) if stored.in_store else ()
        size = next((manifest.size for _, manifest in manifests), -1)
        return open_encoded(lambda: self.open_stored(stored), stored, size, self._keys)

    def open_stored(self, stored: StoredSnapshot) -> SnapshotReader:
        """Open a snapshot's bytes as they lie in the bucket."""
        if not stored.in_store:
            return LocalStore("/").open_stored(stored)
        found = self._client.find(self.key(stored.file))
        if found is None:
            raise NotFoundError(
                f"snapshot '{stored.file}' is not in store '{self.name}' any more", hint="was it pruned meanwhile?"
            )
        return RangedReader(self._client, found, timeout_seconds=self._timeout)

    def gives_urls_for(self, stored: StoredSnapshot) -> bool:
        """Tell that a bucket can sign URLs for what lies in it."""
        return stored.in_store

    def sign_url(self, stored: StoredSnapshot, seconds: int) -> Secret:
        """Give a URL from which anybody may read a snapshot for so long."""
        return self._client.sign(self.key(stored.file), seconds)

    def list_links(self) -> Mapping[str, str]:
        """Give no link: a bucket has none."""
        return {}

    def read_document(self, name: str) -> bytes | None:
        """Read a small file of ours; None when it is not there."""
        found = self._client.read(self.key(name), LONGEST_DOCUMENT)
        return found[0] if found else None

    def list_documents(self, suffix: str) -> tuple[str, ...]:
        """Give the names of the documents that end in this, sorted. Lists no collection's directory."""
        _, objects = self._client.list_directory(self._location.prefix)
        names = (self._relate(one.key) for one in objects)
        return tuple(sorted(name for name in names if name.endswith(suffix)))

    # --- names ----------------------------------------------------------------------------------------------

    def list_files(self, encoded: str) -> dict[str, StoredObject]:
        """Give what lies in a collection's directory, by file name."""
        directory = self._join(encoded, "")
        found = self._client.list(directory.rstrip("/"))
        return {one.key.removeprefix(directory): one for one in found}

    def _list_whole(self, collection: str) -> list[StoredSnapshot]:
        """Give the snapshots of a collection that have a manifest, oldest first."""
        encoded = encode_collection(collection)
        files = self.list_files(encoded)
        names = sorted(
            parsed
            for file in files
            if (parsed := parse_name(file)) and parsed.encoded == encoded and name_manifest(file) in files
        )
        return [self._store(collection, str(name), files[str(name)]) for name in names]

    def _walk_back(self, collection: str) -> Iterator[StoredSnapshot]:
        """Give the snapshots that were not held back, newest first; manifests are read as far as somebody asks."""
        left = self._list_whole(collection)
        while left:
            some = [left.pop() for _ in range(min(_AT_ONCE, len(left)))]
            held_back = self._find_held_back(some)
            yield from (one for one in some if one.file not in held_back)

    def _find_held_back(self, snapshots: Iterable[StoredSnapshot]) -> frozenset[str]:
        read = self._read_manifests(one.file for one in snapshots)
        return frozenset(file for file, manifest in read if manifest.held_back)

    def _read_manifests(self, files: Iterable[str]) -> Iterator[tuple[str, Manifest]]:
        """Read what manifests can be read at all, each with its file; who needs to trust one asks `read_manifest`."""
        keys = {self.key(name_manifest(file)): file for file in files}
        for key, text in self._client.read_many(keys, LONGEST_DOCUMENT):
            with contextlib.suppress(RestoreError):
                yield keys[key], read_manifest(text, where=keys[key])

    def _name_collection(self, encoded: str) -> str | None:
        """Give the collection of a directory; a cut name is told by any manifest in it."""
        collection = decode_collection(encoded)
        if collection is not None or "~" not in encoded:
            return collection
        manifests = [file for file in self.list_files(encoded) if file.endswith(MANIFEST_SUFFIX)]
        read = self._read_manifests(file.removesuffix(MANIFEST_SUFFIX) for file in manifests[:1])
        names = [manifest.collection for _, manifest in read]
        return next((name for name in names if encode_collection(name) == encoded), None)

    def _store(self, collection: str, file: str, found: StoredObject) -> StoredSnapshot:
        entry = classify(file)
        return StoredSnapshot(
            collection=collection,
            file=file,
            path=f"{self.name}/{self._relate(found.key)}",
            size=found.size,
            created=entry.created,
            sequence=entry.sequence,
        )

    def _join(self, directory: str, file: str) -> str:
        return "".join(f"{part}/" for part in (self._location.prefix, directory) if part) + file

    def _relate(self, key: str) -> str:
        prefix = self._location.prefix
        return key.removeprefix(f"{prefix}/") if prefix else key


def _find_directory(file: str) -> str:
    """Give the directory of a file: its collection's for a snapshot and its manifest, none for what else is ours."""
    if classify(file).kind in _DOCUMENTS:
        return ""
    parsed = parse_name(file) or parse_name(file.removesuffix(MANIFEST_SUFFIX))
    return parsed.encoded if parsed else ""


def _describe(path: str, found: Mapping[str, StoredObject]) -> Entry:
    """Say what an object is, by its path in the store."""
    directory, _, file = path.rpartition("/")
    entry = classify(file)
    if _find_directory(file) != directory:
        return Entry(file=path, kind=Kind.FOREIGN)
    if entry.kind is Kind.SNAPSHOT and f"{path}{MANIFEST_SUFFIX}" not in found:
        return Entry(file=file, kind=Kind.DEBRIS)
    return entry if directory or entry.kind in _DOCUMENTS else Entry(file=path, kind=Kind.FOREIGN)


def snapshot_age(found: StoredObject, now: datetime) -> float:
    """Give how old an object is, in seconds of the server's own clock."""
    return (now - found.modified).total_seconds()
