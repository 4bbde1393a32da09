"""What every step of a restore works with."""

import msgspec

from restore.qdrant.client import Qdrant
from restore.system.clock import Clock
from restore.system.events import Log, Progress


class RecoverySession(msgspec.Struct, frozen=True, kw_only=True):
    """The server of one run, with its clock, log and progress.

    `holder` names this host and process. `token` is random: 32 hexadecimal digits. `stall_seconds` is how long the
    server may go without a byte or a sign of life. `scoped` is true when the key is for single collections: markers
    cannot be seen with it.
    """

    qdrant: Qdrant
    clock: Clock
    log: Log
    progress: Progress
    holder: str
    token: str
    stall_seconds: float
    scoped: bool = False
