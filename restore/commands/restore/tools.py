"""What a restore works with, built by a door."""

from __future__ import annotations

import msgspec

from restore.edges.clock import Clock
from restore.edges.qdrant import Qdrant
from restore.words.log import Log, Progress
from restore.words.store import Store


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """The edges of one run. `holder` names this host and process; `token` is random, 32 hex digits.

    `scoped` says that our key is for single collections, so that marks cannot be seen with it.
    """

    qdrant: Qdrant
    store: Store
    clock: Clock
    log: Log
    progress: Progress
    holder: str
    token: str
    scoped: bool = False
