"""What becomes of a restore whose holder is dead: rule 9 as a table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.qdrant.model import UnreadableCollection
from restore.recovery.comparison import Comparison
from restore.recovery.marker.model import Marker, Phase, SentTransfer, TargetBefore
from restore.recovery.takeover import (
    Accept,
    Finish,
    SendAgain,
    StartOver,
    Takeover,
    Unclear,
    WrittenMeanwhile,
    decide_takeover,
)
from restore.recovery.target_state import Absent, Present, Target, TargetState
from tests.pure.recovery.test_plan import make_info

WHOLE, NOT_WHOLE = Comparison(), Comparison(("3 of 43 points",))
EMPTY, FILLED = Present(0, make_info()), Present(3, make_info())
DIRTY = UnreadableCollection(
    "Service internal error: 1 of 1 read operations failed: Dirty shard - shard is not fully initialized"
)
BROKEN = UnreadableCollection("Service internal error: Too many open files")


def make_mark(phase: Phase, was: TargetBefore) -> Marker:
    """Return a dead holder's marker."""
    return Marker(
        collection="cities",
        token="d" * 32,
        holder="another host",
        since="2026-11-20T12:00:00+00:00",
        snapshot="cities_20261120_120000.snapshot",
        sha256="0" * 64,
        size=1,
        was=was,
        phase=phase,
        sent=None if phase is Phase.MARKED else SentTransfer("upload", 1, 0.0, "file"),
    )


@pytest.mark.parametrize(
    ("was", "target", "comparison", "expected"),
    [
        (TargetBefore.ABSENT, Absent(), NOT_WHOLE, SendAgain(delete_first=False)),
        (TargetBefore.ABSENT, FILLED, WHOLE, Accept()),
        (TargetBefore.ABSENT, EMPTY, WHOLE, Accept()),
        (TargetBefore.ABSENT, EMPTY, NOT_WHOLE, SendAgain(delete_first=True)),
        (TargetBefore.ABSENT, DIRTY, NOT_WHOLE, SendAgain(delete_first=True)),
        (TargetBefore.ABSENT, FILLED, NOT_WHOLE, WrittenMeanwhile(3)),
        (TargetBefore.ABSENT, BROKEN, NOT_WHOLE, Unclear(BROKEN.reason)),
        (TargetBefore.EMPTY, Absent(), NOT_WHOLE, SendAgain(delete_first=False)),
        (TargetBefore.EMPTY, FILLED, WHOLE, Accept()),
        (TargetBefore.EMPTY, EMPTY, NOT_WHOLE, SendAgain(delete_first=False)),
        (TargetBefore.EMPTY, DIRTY, NOT_WHOLE, SendAgain(delete_first=False)),
        (TargetBefore.EMPTY, FILLED, NOT_WHOLE, WrittenMeanwhile(3)),
        (TargetBefore.EMPTY, BROKEN, NOT_WHOLE, Unclear(BROKEN.reason)),
        (TargetBefore.PRESENT, Absent(), NOT_WHOLE, SendAgain(delete_first=False)),
        (TargetBefore.PRESENT, FILLED, WHOLE, SendAgain(delete_first=False)),
        (TargetBefore.PRESENT, FILLED, NOT_WHOLE, SendAgain(delete_first=False)),
        (TargetBefore.PRESENT, DIRTY, NOT_WHOLE, SendAgain(delete_first=True)),
        (TargetBefore.PRESENT, BROKEN, NOT_WHOLE, SendAgain(delete_first=True)),
    ],
)
def test_what_was_sent_is_judged_by_what_stands_there(
    was: TargetBefore, target: Target, comparison: Comparison, expected: Takeover
) -> None:
    """Rule 9, `sent`: every row of the protocol."""
    assert decide_takeover(make_mark(Phase.SENT, was), TargetState(target=target), comparison) == expected


TARGETS = st.sampled_from([Absent(), EMPTY, FILLED, DIRTY, BROKEN])
VERDICTS = st.sampled_from([WHOLE, NOT_WHOLE])


@given(st.sampled_from(TargetBefore), TARGETS, VERDICTS)
def test_before_anything_was_sent_it_starts_over(was: TargetBefore, target: Target, comparison: Comparison) -> None:
    """Rule 9, `marked`: whatever stands there was not made by it."""
    assert decide_takeover(make_mark(Phase.MARKED, was), TargetState(target=target), comparison) == StartOver()


@given(st.sampled_from(TargetBefore), TARGETS, VERDICTS)
def test_what_was_verified_is_only_finished(was: TargetBefore, target: Target, comparison: Comparison) -> None:
    """Rule 9, `verified`: whatever the collection holds by now, an application has had it since."""
    assert decide_takeover(make_mark(Phase.VERIFIED, was), TargetState(target=target), comparison) == Finish()


@given(st.sampled_from([TargetBefore.ABSENT, TargetBefore.EMPTY]), st.integers(1, 10**9), VERDICTS)
def test_points_that_are_not_the_snapshots_are_never_removed(
    was: TargetBefore, points: int, comparison: Comparison
) -> None:
    """Design: a collection that holds points the snapshot does not have is never removed by a takeover."""
    decided = decide_takeover(
        make_mark(Phase.SENT, was), TargetState(target=Present(points, make_info())), comparison
    )
    assert decided in (Accept(), WrittenMeanwhile(points))
