"""What a drill works with."""

from restore.checks.record import RESTORE
from restore.checks.recorder import CheckRecorder
from restore.recovery.session import RecoverySession
from restore.stores.protocols import Store


class DrillSession(RecoverySession, frozen=True, kw_only=True):
    """The server that gets the temporary collections, and the store, of which only its records are written.

    `depth` is what a success proves. `server_store` is where that server sees the store, empty when it does not.
    """

    store: Store
    recorder: CheckRecorder
    depth: str = RESTORE
    server_store: str = ""
