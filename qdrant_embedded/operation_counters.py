"""Count running snapshots and recoveries per collection name, for telemetry and metrics."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class CollectionOperations:
    """The counters of one name; they stay until the server ends."""

    recoveries: int = 0
    creations: int = 0
    creations_total: int = 0


class OperationCounters:
    """The counters of every name with a snapshot or a recovery since the start."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: dict[str, CollectionOperations] = {}

    def copy(self) -> dict[str, CollectionOperations]:
        """Return a copy of the counters, sorted by name."""
        with self._lock:
            return {name: CollectionOperations(**vars(self._names[name])) for name in sorted(self._names)}

    @contextlib.contextmanager
    def count_recovery(self, name: str) -> Iterator[None]:
        """Count a recovery of that name while it runs."""
        with self._lock:
            self._names.setdefault(name, CollectionOperations()).recoveries += 1
        try:
            yield
        finally:
            with self._lock:
                self._names[name].recoveries -= 1

    @contextlib.contextmanager
    def count_creation(self, name: str) -> Iterator[None]:
        """Count a snapshot creation of that name while it runs."""
        with self._lock:
            running = self._names.setdefault(name, CollectionOperations())
            running.creations += 1
            running.creations_total += 1
        try:
            yield
        finally:
            with self._lock:
                self._names[name].creations -= 1
