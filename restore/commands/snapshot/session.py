"""What one run of `snapshot` is handed."""

from collections.abc import Callable

import msgspec

from restore.creation.journal import CreationJournal
from restore.qdrant.client import Qdrant
from restore.snapshots.codec import Encoder
from restore.stores.protocols import WritableStore
from restore.system.clock import Clock
from restore.system.events import Log, Progress


def _pack_nothing(_collection: str) -> None:
    """Return None: the server's own bytes are stored."""


class SnapshotSession(msgspec.Struct, frozen=True, kw_only=True):
    """What one run is handed. `scoped`: the key is for single collections, and markers cannot be seen with it.

    `find_encoder` gives what compresses and encrypts a collection's snapshot, None for the server's own bytes; it is
    the `encoder` while that snapshot is made. `run_id` is random, 32 hex digits; without one the run makes no set.
    `journal` is where it writes down what it creates on the server.
    """

    qdrant: Qdrant
    store: WritableStore
    clock: Clock
    log: Log
    progress: Progress
    scoped: bool = False
    find_encoder: Callable[[str], Encoder | None] = _pack_nothing
    encoder: Encoder | None = None
    run_id: str = ""
    journal: CreationJournal | None = None
