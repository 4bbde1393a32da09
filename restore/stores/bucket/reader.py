"""A bucket as a store, for reading. Each collection has a directory, so reading one lists no other's files.

Snapshots and manifests are `<prefix>/<encoded>/<file>`, all other documents `<prefix>/<document>`. A snapshot exists
once its manifest does, which is written last.
"""

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Mapping

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
from restore.stores.layout import LONGEST_DOCUMENT, STAMP_FILE, Entry, Kind, classify, name_cut_entries
from restore.stores.local.reader import LocalStore
from restore.stores.location import Location
from restore.stores.protocols import other_collection_error
from restore.system.secret import Secret

# How many of the newest manifests are read side by side to find one that is not held back.
_AT_ONCE = 4
_DOCUMENTS = frozenset({Kind.SET, Kind.PIN, Kind.CHECK, Kind.JOURNAL, Kind.OURS})


class BucketStore:
    """A bucket of snapshots. A transfer may stand still for `timeout_seconds`; `keys` decrypt snapshots."""

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
        self._prefetcher = ManifestPrefetcher(client, self.key)
        # The documents about snapshots (pins, checks) that the last listing found.
        self.listed: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Return its URL, without secrets."""
        return str(self._location)

    @property
    def has_pointers(self) -> bool:
        """Return False: a bucket has no pointers."""
        return False

    def require_store(self) -> None:
        """Raise `NotFoundError` unless this is a store: it has the stamp, or a collection's directory."""
        # GET, not HEAD: the reason of a refusal is in the body, which an answer to HEAD lacks.
        if self._client.read(self.key(STAMP_FILE), LONGEST_DOCUMENT) or self.list_collections():
            return
        raise NotFoundError(
            f"store '{self.name}' has neither a stamp ({STAMP_FILE}) nor a snapshot in it",
            hint="is the prefix the one that snapshots are written to? 'qdrant-restore snapshot' makes a store",
        )

    def key(self, file: str) -> str:
        """Return the key of a file's object."""
        return self._join(_find_directory(file), file)

    def list_entries(self) -> tuple[Entry, ...]:
        """Return every file of the store, sorted by name. Snapshots without a manifest are debris."""
        found = {self._relate(one.key): one for one in self._client.list(self._location.prefix)}
        entries = sorted((_describe(path, found) for path in found), key=lambda entry: entry.file)
        self.listed = frozenset(entry.file for entry in entries if entry.kind in {Kind.PIN, Kind.CHECK})
        self._prefetcher = ManifestPrefetcher(self._client, self.key)
        self._prefetcher.begin(
            (entry.file, found[self._relate(self.key(entry.file))]) for entry in entries if entry.encoded
        )
        cut = [entry.file for entry in entries if entry.encoded and entry.collection is None]
        return name_cut_entries(entries, {manifest.collection for _, manifest in self._read_manifests(cut)})

    def list_collections(self) -> tuple[str, ...]:
        """Return the collections that have a directory, sorted. The directories themselves are not listed."""
        directories, _ = self._client.list_directory(self._location.prefix)
        names = [self._relate(path) for path in directories]
        return tuple(sorted({collection for name in names if (collection := self._name_collection(name))}))

    def list_latest(self) -> tuple[str, ...]:
        """Return the collections that have a snapshot, sorted."""
        return tuple(name for name in self.list_collections() if self._list_complete(name))

    def list_snapshots(self, collection: str, *, held_back: bool = False) -> tuple[StoredSnapshot, ...]:
        """Return a collection's snapshots, oldest first by their names' time; held-back ones if `held_back`."""
        complete = self._list_complete(collection)
        left_out = frozenset() if held_back else self._find_held_back(complete)
        return tuple(one for one in complete if one.file not in left_out)

    def find_snapshot(self, collection: str, selector: str = "latest") -> StoredSnapshot | None:
        """Return the snapshot that `latest`, `previous`, a file name or a URL selects; None when there is none.

        The newest that is not held back is the latest. Raise `SettingsError` when the named file belongs to another
        collection.
        """
        match selector:
            case "latest":
                newest = next(self._iterate_newest_first(collection), None)
                return msgspec.structs.replace(newest, latest=True) if newest else None
            case "previous":
                return next(itertools.islice(self._iterate_newest_first(collection), 1, None), None)
            case name if name.startswith(f"{self.name}/"):
                return self.find_named(collection, name.rpartition("/")[2])
            case name if "/" in name:
                return LocalStore("/", self._keys).find_snapshot(collection, name)
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
        """Return the snapshot in the file of that name; None when it or its manifest does not exist."""
        parsed = parse_name(name)
        if parsed is None:
            if classify(name).kind is Kind.FOREIGN and self._client.find(self.key(name)) is None:
                return None
            raise SettingsError(f"'{name}' in store '{self.name}' is not a snapshot")
        if parsed.encoded != encode_collection(collection):
            raise other_collection_error(name, decode_collection(parsed.encoded) or parsed.encoded, collection)
        found = self._client.find(self.key(name))
        has_manifest = found and self._client.find(self.key(name_manifest(name)))
        return self._make_snapshot(collection, name, found) if found and has_manifest else None

    def open_entry(self, entry: Entry) -> StoredSnapshot:
        """Return an entry's file as a snapshot, as the last listing found it. Raise `IntegrityError` without one."""
        found = self._prefetcher.reach(entry.file) or self._client.find(self.key(entry.file))
        if found is None:
            raise IntegrityError(f"'{entry.file}' in store '{self.name}' is not there any more")
        return self._make_snapshot(entry.collection or entry.encoded or entry.file, entry.file, found)

    def read_manifest(self, stored: StoredSnapshot) -> Manifest | None:
        """Return a snapshot's manifest; None when there is none. Raise as `read_manifest_of`."""
        if not stored.in_store:
            return LocalStore("/", self._keys).read_manifest(stored)
        text = self._prefetcher.take(stored.file) or self.read_document(name_manifest(stored.file))
        return None if text is None else read_manifest_of(stored, text)

    def read_checksum(self, stored: StoredSnapshot) -> str | None:
        """Return None for objects in the bucket: Qdrant's own snapshots are not read from buckets."""
        return None if stored.in_store else LocalStore("/").read_checksum(stored)

    def open_snapshot(self, stored: StoredSnapshot) -> SnapshotReader:
        """Open a snapshot's bytes as the server made them. Raise `DecryptionError` without its key."""
        if not stored.encoding:
            return self.open_stored(stored)
        manifests = self._read_manifests([stored.file]) if stored.in_store else ()
        manifest = next((manifest for _, manifest in manifests), None)
        return open_encoded(lambda: self.open_stored(stored), stored, manifest, self._keys)

    def open_stored(self, stored: StoredSnapshot) -> SnapshotReader:
        """Open a snapshot's stored bytes, still encoded. Raise `NotFoundError` when they were deleted meanwhile."""
        if not stored.in_store:
            return LocalStore("/").open_stored(stored)
        found = self._client.find(self.key(stored.file))
        if found is None:
            raise NotFoundError(
                f"snapshot '{stored.file}' is not in store '{self.name}' any more", hint="was it pruned meanwhile?"
            )
        return RangedReader(self._client, found, timeout_seconds=self._timeout)

    def gives_urls_for(self, stored: StoredSnapshot) -> bool:
        """Return True if it lies in the bucket, which can sign URLs."""
        return stored.in_store

    def sign_url(self, stored: StoredSnapshot, seconds: int) -> Secret:
        """Return a URL from which anyone may read a snapshot for so many seconds: a secret."""
        return self._client.sign(self.key(stored.file), seconds)

    def list_links(self) -> Mapping[str, str]:
        """Return nothing: a bucket has no links."""
        return {}

    def read_document(self, name: str) -> bytes | None:
        """Return a document's bytes; None when it does not exist."""
        found = self._client.read(self.key(name), LONGEST_DOCUMENT)
        return found[0] if found else None

    def list_documents(self, suffix: str) -> tuple[str, ...]:
        """Return the names of the documents that end in `suffix`, sorted. No collection's directory is listed."""
        _, objects = self._client.list_directory(self._location.prefix)
        names = (self._relate(one.key) for one in objects)
        return tuple(sorted(name for name in names if name.endswith(suffix)))

    def list_files(self, encoded: str) -> dict[str, StoredObject]:
        """Return the objects in a collection's directory, by file name."""
        directory = self._join(encoded, "")
        found = self._client.list(directory.rstrip("/"))
        return {one.key.removeprefix(directory): one for one in found}

    def _list_complete(self, collection: str) -> list[StoredSnapshot]:
        """Return the snapshots of a collection that have a manifest, oldest first."""
        encoded = encode_collection(collection)
        files = self.list_files(encoded)
        names = sorted(
            parsed
            for file in files
            if (parsed := parse_name(file)) and parsed.encoded == encoded and name_manifest(file) in files
        )
        return [self._make_snapshot(collection, str(name), files[str(name)]) for name in names]

    def _iterate_newest_first(self, collection: str) -> Iterator[StoredSnapshot]:
        """Yield the snapshots that are not held back, newest first. Manifests are read only as far as that goes."""
        remaining = self._list_complete(collection)
        while remaining:
            newest = [remaining.pop() for _ in range(min(_AT_ONCE, len(remaining)))]
            held_back = self._find_held_back(newest)
            yield from (one for one in newest if one.file not in held_back)

    def _find_held_back(self, snapshots: Iterable[StoredSnapshot]) -> frozenset[str]:
        read = self._read_manifests(one.file for one in snapshots)
        return frozenset(file for file, manifest in read if manifest.held_back)

    def _read_manifests(self, files: Iterable[str]) -> Iterator[tuple[str, Manifest]]:
        """Yield the manifests that can be read, each with its file. They are not compared with the files."""
        keys = {self.key(name_manifest(file)): file for file in files}
        for key, text in self._client.read_many(keys, LONGEST_DOCUMENT):
            with contextlib.suppress(RestoreError):
                yield keys[key], read_manifest(text, where=keys[key])

    def _name_collection(self, encoded: str) -> str | None:
        """Return the collection of a directory. For a cut name any manifest in it has the collection's name."""
        collection = decode_collection(encoded)
        if collection is not None or "~" not in encoded:
            return collection
        manifests = [file for file in self.list_files(encoded) if file.endswith(MANIFEST_SUFFIX)]
        read = self._read_manifests(file.removesuffix(MANIFEST_SUFFIX) for file in manifests[:1])
        names = [manifest.collection for _, manifest in read]
        return next((name for name in names if encode_collection(name) == encoded), None)

    def _make_snapshot(self, collection: str, file: str, found: StoredObject) -> StoredSnapshot:
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
    """Return a file's directory: its collection's for a snapshot and its manifest, empty for other documents."""
    if classify(file).kind in _DOCUMENTS:
        return ""
    parsed = parse_name(file) or parse_name(file.removesuffix(MANIFEST_SUFFIX))
    return parsed.encoded if parsed else ""


def _describe(path: str, found: Mapping[str, StoredObject]) -> Entry:
    """Return an object's entry, by its path in the store."""
    directory, _, file = path.rpartition("/")
    entry = classify(file)
    if _find_directory(file) != directory:
        return Entry(file=path, kind=Kind.FOREIGN)
    if entry.kind is Kind.SNAPSHOT and f"{path}{MANIFEST_SUFFIX}" not in found:
        return Entry(file=file, kind=Kind.DEBRIS)
    return entry if directory or entry.kind in _DOCUMENTS else Entry(file=path, kind=Kind.FOREIGN)
