"""All collections and aliases of the storage directory."""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qdrant_embedded import documents
from qdrant_embedded.engine import configuration
from qdrant_embedded.engine.collection import CONFIGURATION, KEYS, SCHEMA, VERSION_FILE, Collection
from qdrant_embedded.engine.collection_names import check_directory_name, check_name
from qdrant_embedded.errors import ApiError, bad_request, conflict, missing_collection, service_error, wrong_input

if TYPE_CHECKING:
    from collections.abc import Callable

COLLECTION_FORMAT = "0.4.2"


class Catalog:
    """The table of collections. Its lock is held for moments only; a collection's own lock is held for its work."""

    def __init__(self, storage: Path, limit: Callable[[], int | None]) -> None:
        self.collections_path = storage / "collections"
        self.temporary_path = storage / "tmp"
        self.aliases_path = storage / "aliases"
        self._limit = limit
        self.lock = threading.RLock()
        shutil.rmtree(self.temporary_path, ignore_errors=True)
        for path in (self.collections_path, self.temporary_path, self.aliases_path):
            path.mkdir(parents=True, exist_ok=True)
        self._collections = {
            path.name: Collection(path.name, path)
            for path in self.collections_path.iterdir()
            if (path / CONFIGURATION).is_file()
        }
        self.aliases: dict[str, str] = documents.read(self.aliases_path / "data.json", {})

    def names(self) -> list[str]:
        """Return all collection names, sorted."""
        with self.lock:
            return sorted(self._collections)

    def all(self) -> list[Collection]:
        """Return all collections, sorted by name."""
        with self.lock:
            return [self._collections[name] for name in sorted(self._collections)]

    def find(self, name: str) -> Collection | None:
        """Return the collection of that name or behind that alias, None if there is none."""
        with self.lock:
            return self._collections.get(self.aliases.get(name, name))

    def get(self, name: str) -> Collection:
        """Return the collection of that name or behind that alias. Raise ApiError 404."""
        collection = self.find(check_name(name, strict=False))
        if collection is None:
            raise missing_collection(name)
        return collection

    def create(self, name: str, settings: configuration.Configuration, schema: dict[str, Any]) -> Collection:
        """Return a new collection; it is on disk and listed when this returns.

        Raise ApiError 409 if it exists, 400 if an alias has the name or the server's limit is reached.
        """
        check_name(name, strict=True)
        check_directory_name(name, str(self.collections_path))
        with self.lock:
            if name in self._collections:
                raise conflict(f"Collection `{name}` already exists!")
            if name in self.aliases:
                raise wrong_input(
                    f"Can't create collection with name {name}. Alias with the same name already exists"
                )
            self._refuse_beyond_limit(name)
            path = self.collections_path / name
            try:
                path.mkdir(exist_ok=True)
            except OSError as error:
                raise service_error(f"Can't create directory for collection {name}. Error: {error}") from error
            documents.write(path / KEYS, [])
            documents.write(path / SCHEMA, {"schema": schema})
            (path / VERSION_FILE).write_text(COLLECTION_FORMAT)
            documents.write(path / CONFIGURATION, settings)
            collection = Collection(name, path)
            self._collections[name] = collection
            return collection

    @property
    def max_collections(self) -> int | None:
        """The largest number of collections, None for no limit."""
        return self._limit()

    def _refuse_beyond_limit(self, name: str) -> None:
        limit = self.max_collections
        if limit is not None and len(self._collections) >= limit:
            raise bad_request(f"Can't create collection with name {name}. Max collections limit reached: {limit}")

    def delete(self, name: str) -> bool:
        """Delete a collection and its aliases. Return False if there is none; an alias is no collection here."""
        with self.lock:
            collection = self._collections.get(name)
        if collection is None:
            return False
        with collection.lock, self.lock:  # in this order everywhere: waiting for the first may take long
            if self._collections.get(name) is not collection:
                return False
            self.write_aliases({alias: of for alias, of in self.aliases.items() if of != name})
            del self._collections[name]
            collection.close()
            removed = Path(tempfile.mkdtemp(prefix="deleted-", dir=self.temporary_path))
            collection.path.rename(removed / "collection")
        shutil.rmtree(removed, ignore_errors=True)
        return True

    def write_aliases(self, aliases: dict[str, str]) -> None:
        """Replace all aliases, on disk first."""
        if aliases != self.aliases:
            documents.write(self.aliases_path / "data.json", aliases)
            self.aliases = aliases

    def change_aliases(self, actions: list[dict[str, Any]]) -> None:
        """Create, delete and rename aliases, all or none of them. Creating an existing alias moves it."""
        with self.lock:
            aliases = dict(self.aliases)
            for action in actions:
                self._change_alias(aliases, action)
            self.write_aliases(aliases)

    def _change_alias(self, aliases: dict[str, str], action: dict[str, Any]) -> None:
        match action:
            case {"create_alias": {"collection_name": str(name), "alias_name": str(alias)}}:
                if name not in self._collections:
                    raise missing_collection(name)
                if alias in self._collections:
                    raise conflict(f"Collection `{alias}` already exists!")
                aliases[alias] = name
            case {"delete_alias": {"alias_name": str(alias)}}:
                aliases.pop(alias, None)
            case {"rename_alias": {"old_alias_name": str(old), "new_alias_name": str(new)}}:
                if old not in aliases:
                    raise ApiError(404, f"Not found: Alias {old} does not exists!")
                aliases[new] = aliases.pop(old)
            case _:
                raise ApiError(400, "Format error in JSON body: data did not match any variant of AliasOperations")
