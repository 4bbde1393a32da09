"""What a snapshot run works with, built by a door."""

from __future__ import annotations

import msgspec

from restore.edges.clock import Clock
from restore.edges.journal import Journal
from restore.edges.packing import Packer
from restore.edges.qdrant import Qdrant
from restore.words.log import Log, Progress
from restore.words.store import WritableStore


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """The edges of one run, built by a door. `scoped`: our key is for single collections and sees no marks.

    `packer` compresses and encrypts; None stores the server's own bytes. `run_id` is random, 32 hex digits; without
    one the run makes no set. `journal` is where it writes down what it creates on the server.
    """

    qdrant: Qdrant
    shelf: WritableStore
    clock: Clock
    log: Log
    progress: Progress
    scoped: bool = False
    packer: Packer | None = None
    run_id: str = ""
    journal: Journal | None = None
