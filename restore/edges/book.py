"""One document of a store that outlives the process: read whole, replaced whole."""

from __future__ import annotations

from typing import Protocol


class Documents(Protocol):
    """What is asked of a store: a directory and a bucket can both do it."""

    def read_document(self, name: str) -> bytes | None:
        """Give a document; None when there is none."""
        ...

    def write_document(self, name: str, content: bytes, *, create_only: bool = False) -> bool:
        """Replace a document."""
        ...


class StoreKeeper:
    """Keeps one document in a store, so that another container with the same store goes on with it."""

    def __init__(self, store: Documents, name: str) -> None:
        self._store = store
        self._name = name

    def read(self) -> bytes | None:
        """Give what was written last; None when there is nothing. Raises `RestoreError`."""
        return self._store.read_document(self._name)

    def write(self, content: bytes) -> None:
        """Replace it as a whole. Raises `RestoreError`."""
        self._store.write_document(self._name, content)
