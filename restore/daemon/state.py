"""The state of the scheduler that outlives the process: one document in the store, shared by machines."""

from __future__ import annotations

from typing import Protocol

import msgspec

from restore.daemon.slots import JobRecord


class SwapStore(Protocol):
    """What is asked of a store: a directory and a bucket can both do it."""

    def read_document(self, name: str) -> bytes | None:
        """Give a document; None when there is none."""
        ...

    def swap_document(self, name: str, seen: bytes | None, content: bytes) -> bool:
        """Replace a document that still is as it was seen."""
        ...


class SharedDocument:
    """Keeps one document in a store, so that another container with the same store goes on with it."""

    def __init__(self, store: SwapStore, name: str) -> None:
        self._store = store
        self._name = name
        self._seen: bytes | None = None

    def read(self) -> bytes | None:
        """Give what was written last; None when there is nothing. Raises `RestoreError`."""
        self._seen = self._store.read_document(self._name)
        return self._seen

    def write(self, content: bytes) -> bool:
        """Replace what was read last, as a whole. False: somebody else did so meanwhile. Raises `RestoreError`."""
        return self._store.swap_document(self._name, self._seen, content)


class SchedulerState(msgspec.Struct, frozen=True, kw_only=True):
    """What outlives the process, as JSON beside the snapshots. Unknown fields are ignored."""

    jobs: tuple[JobRecord, ...] = ()
    metrics: str = ""
    schema: int = 1


class StateStore(Protocol):
    """Where the book is kept."""

    def read(self) -> bytes | None:
        """Give what was written last; None when there is nothing. Raises `RestoreError`."""
        ...

    def write(self, content: bytes) -> bool:
        """Replace what was read last, as a whole. False: another machine did so first. Raises `RestoreError`."""
        ...
