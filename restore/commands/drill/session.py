"""What a drill works with, built by a door."""

from __future__ import annotations

import msgspec

from restore.checks.record import RESTORE
from restore.checks.recorder import CheckRecorder
from restore.qdrant.client import Qdrant
from restore.stores.protocols import Store
from restore.system.clock import Clock
from restore.system.events import Log, Progress


class DrillSession(msgspec.Struct, frozen=True, kw_only=True):
    """The edges of one run. `qdrant` is where the scratch collections are made; `store` is only read.

    `holder` names this host and process; `token` is random, 32 hex digits. `depth` is what a success proves;
    `server_store` is where that server sees the store, empty when it cannot.
    """

    qdrant: Qdrant
    store: Store
    clock: Clock
    log: Log
    progress: Progress
    recorder: CheckRecorder
    holder: str
    token: str
    depth: str = RESTORE
    server_store: str = ""
