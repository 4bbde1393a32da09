"""What the creation and the download of one snapshot share: the server, the clock, and how long either may take."""

import msgspec

from restore.errors import DeadlineError
from restore.qdrant.client import Qdrant
from restore.system.clock import Clock
from restore.system.events import Log, Progress


class CreationContext(msgspec.Struct, frozen=True, kw_only=True):
    """The server with clock, log and progress.

    `stall_seconds`: how long the server may go without a sign of life. `deadline`: a moment of the clock's seconds.
    """

    qdrant: Qdrant
    clock: Clock
    log: Log
    progress: Progress
    stall_seconds: float
    deadline: float | None = None

    def check_deadline(self, sentence: str, *, left: str) -> None:
        """Raise `DeadlineError` with this sentence when the deadline has come."""
        if self.deadline is not None and self.clock.read_seconds() > self.deadline:
            raise DeadlineError(sentence, left=left, hint="give it longer with --deadline")
