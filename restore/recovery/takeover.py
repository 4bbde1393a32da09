"""Decide what becomes of a restore whose holder is gone, from its marker's phase and what its target looks like now.

protocol.md, Restore, rule 9. A half-made collection does not answer or has exactly no points (11 of 11 kills); one
with other points was written to by another program, and is never removed.
"""

import msgspec

from restore.qdrant.model import UnreadableCollection
from restore.recovery.comparison import Comparison
from restore.recovery.marker.model import Marker, Phase, TargetBefore
from restore.recovery.target_state import Absent, Present, TargetState


class StartOver(msgspec.Struct, frozen=True):
    """Nothing was sent: drop the markers and plan again."""


class Finish(msgspec.Struct, frozen=True):
    """It was verified: finish and drop the marker, nothing else."""


class Accept(msgspec.Struct, frozen=True):
    """The data is whole: write so into the marker, finish, and drop the marker."""


class SendAgain(msgspec.Struct, frozen=True):
    """Send the snapshot again. `delete_first` removes the half-made collection before."""

    delete_first: bool


class WrittenMeanwhile(msgspec.Struct, frozen=True):
    """The target holds points and is not what was sent: another program wrote. Nothing is removed."""

    points: int


class Unclear(msgspec.Struct, frozen=True):
    """The target does not answer, and not as a half-made one does. Nothing is removed."""

    reason: str


Takeover = StartOver | Finish | Accept | SendAgain | WrittenMeanwhile | Unclear


def decide_takeover(marker: Marker, state: TargetState, comparison: Comparison) -> Takeover:
    """Decide, once nothing is coming any more. `comparison` is of the target with what the marker says was sent."""
    match marker.phase, marker.was:
        case Phase.MARKED, _:
            return StartOver()
        case Phase.VERIFIED, _:
            return Finish()
        case Phase.SENT, TargetBefore.PRESENT:
            # The old data can pass the samples, so nothing that is seen here proves that it arrived.
            return SendAgain(delete_first=isinstance(state.target, UnreadableCollection))
        case Phase.SENT, was:
            return _decide_sent(was, state, comparison)


def _decide_sent(was: TargetBefore, state: TargetState, comparison: Comparison) -> Takeover:
    match state.target:
        case Absent():
            return SendAgain(delete_first=False)
        case _ if comparison.is_whole:
            return Accept()
        case Present(points=points) if points:
            return WrittenMeanwhile(points)
        case UnreadableCollection(reason=reason) as broken if not broken.is_half_made:
            return Unclear(reason)
        case _:
            return SendAgain(delete_first=was is TargetBefore.ABSENT)
