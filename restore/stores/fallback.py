"""Several stores that are read as one: each supplies what the stores before it lack.

A store that cannot be reached is logged and passed over. When no other store has the file, or anything to list, its
error is raised: it may be there.
"""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec

from restore.errors import AuthError, NotFoundError, RestoreError, StoreError
from restore.snapshots.manifest import Manifest
from restore.snapshots.stored import SnapshotReader, StoredSnapshot
from restore.stores.layout import Entry
from restore.stores.protocols import Store
from restore.system.events import Log
from restore.system.secret import Secret

# The errors of a store that cannot be reached; errors of a snapshot are others.
_UNREACHABLE = (StoreError, AuthError, NotFoundError)

Result = TypeVar("Result")
Listing = TypeVar("Listing", bound=Collection[object])


class FallbackStore:
    """Stores in an order, each opened when it is first used. `openings` are their names and what opens them."""

    def __init__(self, openings: Sequence[tuple[str, Callable[[], Store]]], log: Log) -> None:
        self._openings = openings
        self._log = log
        self._opened: dict[str, Store] = {}
        self._passed_over: dict[str, str] = {}

    @property
    def name(self) -> str:
        """Return the stores' names, in order."""
        return ", ".join(name for name, _ in self._openings)

    @property
    def has_pointers(self) -> bool:
        """Return True if the first store that can be reached has pointers."""
        return next(found for _, found in self._query_named(lambda store: store.has_pointers))

    @property
    def passed_over(self) -> Mapping[str, str]:
        """Return the stores that could not be reached so far, each with the reason."""
        return self._passed_over

    def list_entries(self) -> tuple[Entry, ...]:
        """Return every file of every store, sorted by name. Of files of the same name, the first store's counts."""
        entries: dict[str, Entry] = {}
        for store_entries in self._list_each(lambda store: store.list_entries()):
            entries = {**{entry.file: entry for entry in store_entries}, **entries}
        return tuple(entries[file] for file in sorted(entries))

    def list_collections(self) -> tuple[str, ...]:
        """Return the collections that any store has files of, sorted."""
        return self._merge(lambda store: store.list_collections())

    def list_latest(self) -> tuple[str, ...]:
        """Return the collections that have a latest in any store, sorted."""
        return self._merge(lambda store: store.list_latest())

    def list_snapshots(self, collection: str, *, held_back: bool = False) -> tuple[StoredSnapshot, ...]:
        """Return a collection's snapshots of the first store that has any."""
        for name, found in self._query_named(lambda store: store.list_snapshots(collection, held_back=held_back)):
            if found:
                return tuple(msgspec.structs.replace(one, store=name) for one in found)
        return ()

    def find_snapshot(self, collection: str, selector: str = "latest") -> StoredSnapshot | None:
        """Return the snapshot that `selector` selects in the first store that has one.

        Raise the error of the first store that could not be reached, when no other store has it.
        """
        for name, found in self._query_named(lambda store: store.find_snapshot(collection, selector)):
            if found is not None:
                return msgspec.structs.replace(found, store=name)
        return None

    def find_named(self, collection: str, name: str) -> StoredSnapshot | None:
        """Return the snapshot in the file of that name, of the first store that has it."""
        for store, found in self._query_named(lambda store: store.find_named(collection, name)):
            if found is not None:
                return msgspec.structs.replace(found, store=store)
        return None

    def find_copies(self, collection: str, selector: str) -> Iterator[StoredSnapshot]:
        """Yield what `selector` selects in each store that can be read; the store's order is the user's."""
        for name, _ in self._openings:
            with contextlib.suppress(RestoreError):
                if found := self._open(name).find_snapshot(collection, selector):
                    yield msgspec.structs.replace(found, store=name)

    def open_entry(self, entry: Entry) -> StoredSnapshot:
        """Return an entry's file as a snapshot, of the first store that has it."""
        for name, entries in self._query_named(lambda store: store.list_entries()):
            if entry in entries:
                return msgspec.structs.replace(self._open(name).open_entry(entry), store=name)
        raise NotFoundError(f"'{entry.file}' is in none of the stores {self.name}")

    def read_manifest(self, stored: StoredSnapshot) -> Manifest | None:
        """Return a snapshot's manifest; None when there is none."""
        return self._find(stored).read_manifest(stored)

    def read_checksum(self, stored: StoredSnapshot) -> str | None:
        """Return the SHA-256 that Qdrant wrote beside its own snapshot; None if there is none."""
        return self._find(stored).read_checksum(stored)

    def open_snapshot(self, stored: StoredSnapshot) -> SnapshotReader:
        """Open a snapshot's bytes as the server made them."""
        return self._find(stored).open_snapshot(stored)

    def open_stored(self, stored: StoredSnapshot) -> SnapshotReader:
        """Open a snapshot's stored bytes, still encoded."""
        return self._find(stored).open_stored(stored)

    def gives_urls_for(self, stored: StoredSnapshot) -> bool:
        """Return True if a snapshot's own store can sign a URL for it."""
        return self._find(stored).gives_urls_for(stored)

    def sign_url(self, stored: StoredSnapshot, seconds: int) -> Secret:
        """Return a URL from which anyone may read a snapshot for so many seconds: a secret."""
        return self._find(stored).sign_url(stored, seconds)

    def list_links(self) -> Mapping[str, str]:
        """Return every pointer and link of every store."""
        links: dict[str, str] = {}
        for found in self._list_each(lambda store: store.list_links()):
            links = {**found, **links}
        return links

    def read_document(self, name: str) -> bytes | None:
        """Return a document's bytes, of the first store that has it; None when none does."""
        return next((found for _, found in self._query_named(lambda store: store.read_document(name)) if found), None)

    def list_documents(self, suffix: str) -> tuple[str, ...]:
        """Return the names of the documents of all stores that end in `suffix`, sorted."""
        return self._merge(lambda store: store.list_documents(suffix))

    def _merge(self, query: Callable[[Store], tuple[str, ...]]) -> tuple[str, ...]:
        return tuple(sorted({name for names in self._list_each(query) for name in names}))

    def _list_each(self, query: Callable[[Store], Listing]) -> list[Listing]:
        """Return each store's listing; of stores that were not reached none, as long as another lists something."""
        listings: list[Listing] = []
        try:
            listings.extend(found for _, found in self._query_named(query))
        except _UNREACHABLE:
            if not any(listings):
                raise
        return listings

    def _query_named(self, query: Callable[[Store], Result]) -> Iterator[tuple[str, Result]]:
        """Yield each store's name and result; at the end, raise the first error of a store that was not reached."""
        failure: RestoreError | None = None
        for name, _ in self._openings:
            try:
                found = query(self._open(name))
            except _UNREACHABLE as error:
                self._log("store.passed_over", level="warning", store=name, reason=error.message)
                self._passed_over[name] = error.message
                failure = failure or error
            else:
                yield name, found
        if failure is not None:
            raise failure

    def _find(self, stored: StoredSnapshot) -> Store:
        return self._open(stored.store or self._openings[0][0])

    def _open(self, name: str) -> Store:
        if name not in self._opened:
            self._opened[name] = next(opening for known, opening in self._openings if known == name)()
        return self._opened[name]
