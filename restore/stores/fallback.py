"""Several stores as one to read from: each is asked in the order given, for what those before it lack.

A store that cannot be asked is told and passed over; when nobody has what is wanted its error counts, because nobody
knows then that it is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec

from restore.errors import AuthError, NotFoundError, RestoreError, StoreError
from restore.snapshots.manifest import Manifest
from restore.snapshots.stored import SnapshotReader, StoredSnapshot
from restore.stores.layout import Entry
from restore.stores.protocols import Store
from restore.system.events import Log
from restore.system.secret import Secret

# What a store away says, not what is wrong with a snapshot.
_AWAY = (StoreError, AuthError, NotFoundError)

Got = TypeVar("Got")


class FallbackStore:
    """Stores in an order. Each is opened when it is first asked; the first one's name is the chain's."""

    def __init__(self, openings: Sequence[tuple[str, Callable[[], Store]]], log: Log) -> None:
        self._openings = openings
        self._log = log
        self._opened: dict[str, Store] = {}

    @property
    def name(self) -> str:
        """Give the stores' names, in order."""
        return ", ".join(name for name, _ in self._openings)

    @property
    def has_pointers(self) -> bool:
        """Tell whether the first store has."""
        return self._open(self._openings[0][0]).has_pointers

    def list_entries(self) -> tuple[Entry, ...]:
        """Give every file of every store that answers, the first one's before another's of the same name."""
        entries: dict[str, Entry] = {}
        for store_entries in self._ask_each(lambda store: store.list_entries()):
            entries = {**{entry.file: entry for entry in store_entries}, **entries}
        return tuple(entries[file] for file in sorted(entries))

    def list_collections(self) -> tuple[str, ...]:
        """Give the collections of which something is anywhere, sorted."""
        return self._merge(lambda store: store.list_collections())

    def list_latest(self) -> tuple[str, ...]:
        """Give the collections that have a latest anywhere, sorted."""
        return self._merge(lambda store: store.list_latest())

    def list_snapshots(self, collection: str, *, held_back: bool = False) -> tuple[StoredSnapshot, ...]:
        """Give a collection's snapshots of the first store that has some."""
        for name, found in self._ask_named(lambda store: store.list_snapshots(collection, held_back=held_back)):
            if found:
                return tuple(msgspec.structs.replace(one, store=name) for one in found)
        return ()

    def find_snapshot(self, collection: str, selector: str = "latest") -> StoredSnapshot | None:
        """Give the snapshot of the first store that has one.

        `previous` is that of the store whose latest is the latest. Raises what the first store said that could not be
        asked, when none of the others has it.
        """
        for name, found in self._ask_named(lambda store: store.find_snapshot(collection, selector)):
            if found is not None:
                return msgspec.structs.replace(found, store=name)
        return None

    def find_named(self, collection: str, name: str) -> StoredSnapshot | None:
        """Give the snapshot in the file of that name, of the first store that has it."""
        for store, found in self._ask_named(lambda store: store.find_named(collection, name)):
            if found is not None:
                return msgspec.structs.replace(found, store=store)
        return None

    def open_entry(self, entry: Entry) -> StoredSnapshot:
        """Give an entry's file as a snapshot, of the first store that has it."""
        for name, entries in self._ask_named(lambda store: store.list_entries()):
            if entry in entries:
                return msgspec.structs.replace(self._open(name).open_entry(entry), store=name)
        raise NotFoundError(f"'{entry.file}' is in none of the stores {self.name}")

    def read_manifest(self, stored: StoredSnapshot) -> Manifest | None:
        """Give a snapshot's manifest; None when there is none."""
        return self._find(stored).read_manifest(stored)

    def read_checksum(self, stored: StoredSnapshot) -> str | None:
        """Give the checksum that stands beside a snapshot of Qdrant's own."""
        return self._find(stored).read_checksum(stored)

    def open_snapshot(self, stored: StoredSnapshot) -> SnapshotReader:
        """Open a snapshot's bytes as the server made them."""
        return self._find(stored).open_snapshot(stored)

    def open_stored(self, stored: StoredSnapshot) -> SnapshotReader:
        """Open a snapshot's bytes as they lie in their store."""
        return self._find(stored).open_stored(stored)

    def gives_urls_for(self, stored: StoredSnapshot) -> bool:
        """Tell whether a snapshot's own store can sign a URL for it."""
        return self._find(stored).gives_urls_for(stored)

    def sign_url(self, stored: StoredSnapshot, seconds: int) -> Secret:
        """Give a URL from which anybody may read a snapshot for so long."""
        return self._find(stored).sign_url(stored, seconds)

    def list_links(self) -> Mapping[str, str]:
        """Give every pointer and link of every store."""
        links: dict[str, str] = {}
        for found in self._ask_each(lambda store: store.list_links()):
            links = {**found, **links}
        return links

    def read_document(self, name: str) -> bytes | None:
        """Read a document of the first store that has it."""
        return next((found for found in self._ask_each(lambda store: store.read_document(name)) if found), None)

    def list_documents(self, suffix: str) -> tuple[str, ...]:
        """Give the names of the documents of every store, sorted."""
        return self._merge(lambda store: store.list_documents(suffix))

    def _merge(self, ask: Callable[[Store], tuple[str, ...]]) -> tuple[str, ...]:
        return tuple(sorted({name for names in self._ask_each(ask) for name in names}))

    def _ask_each(self, ask: Callable[[Store], Got]) -> Iterator[Got]:
        return (found for _, found in self._ask_named(ask))

    def _ask_named(self, ask: Callable[[Store], Got]) -> Iterator[tuple[str, Got]]:
        """Give what each store says, by its name; at the end, raise what one said that could not be asked."""
        trouble: RestoreError | None = None
        for name, _ in self._openings:
            try:
                found = ask(self._open(name))
            except _AWAY as error:
                self._log("store.passed_over", level="warning", store=name, reason=error.message)
                trouble = trouble or error
            else:
                yield name, found
        if trouble is not None:
            raise trouble

    def _find(self, stored: StoredSnapshot) -> Store:
        return self._open(stored.store or self._openings[0][0])

    def _open(self, name: str) -> Store:
        if name not in self._opened:
            self._opened[name] = next(opening for known, opening in self._openings if known == name)()
        return self._opened[name]
