"""What a drill works with, built by a door."""

from __future__ import annotations

import msgspec

from restore.edges.clock import Clock
from restore.edges.qdrant import Qdrant
from restore.steps.record import Recorder
from restore.words.check import RESTORE
from restore.words.log import Log, Progress
from restore.words.store import Store


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """The edges of one run. `qdrant` is where the scratch collections are made; `store` is only read.

    `holder` names this host and process; `token` is random, 32 hex digits. `depth` is what a success proves;
    `server_store` is where that server sees the store, empty when it cannot.
    """

    qdrant: Qdrant
    store: Store
    clock: Clock
    log: Log
    progress: Progress
    recorder: Recorder
    holder: str
    token: str
    depth: str = RESTORE
    server_store: str = ""
