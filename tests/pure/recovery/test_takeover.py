"""What becomes of a restore whose holder is dead: rule 9 as a table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.qdrant.model import Broken
from restore.recovery.comparison import Verdict
from restore.recovery.marker.model import Mark, Phase, Sent, Was
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
from restore.recovery.target_state import Absent, Look, Present, Target
from tests.pure.recovery.test_plan import make_info

WHOLE, NOT_WHOLE = Verdict(), Verdict(("3 of 43 points",))
EMPTY, FILLED = Present(0, make_info()), Present(3, make_info())
DIRTY = Broken("Service internal error: 1 of 1 read operations failed: Dirty shard - shard is not fully initialized")
BROKEN = Broken("Service internal error: Too many open files")


def make_mark(phase: Phase, was: Was) -> Mark:
    """Give a dead holder's mark."""
    return Mark(
        collection="cities",
        token="d" * 32,
        holder="another host",
        since="2026-11-20T12:00:00+00:00",
        snapshot="cities_20261120_120000.snapshot",
        sha256="0" * 64,
        size=1,
        was=was,
        phase=phase,
        sent=None if phase is Phase.MARKED else Sent("upload", 1, 0.0, "file"),
    )


@pytest.mark.parametrize(
    ("was", "target", "verdict", "expected"),
    [
        (Was.ABSENT, Absent(), NOT_WHOLE, SendAgain(delete_first=False)),
        (Was.ABSENT, FILLED, WHOLE, Accept()),
        (Was.ABSENT, EMPTY, WHOLE, Accept()),
        (Was.ABSENT, EMPTY, NOT_WHOLE, SendAgain(delete_first=True)),
        (Was.ABSENT, DIRTY, NOT_WHOLE, SendAgain(delete_first=True)),
        (Was.ABSENT, FILLED, NOT_WHOLE, WrittenMeanwhile(3)),
        (Was.ABSENT, BROKEN, NOT_WHOLE, Unclear(BROKEN.reason)),
        (Was.EMPTY, Absent(), NOT_WHOLE, SendAgain(delete_first=False)),
        (Was.EMPTY, FILLED, WHOLE, Accept()),
        (Was.EMPTY, EMPTY, NOT_WHOLE, SendAgain(delete_first=False)),
        (Was.EMPTY, DIRTY, NOT_WHOLE, SendAgain(delete_first=False)),
        (Was.EMPTY, FILLED, NOT_WHOLE, WrittenMeanwhile(3)),
        (Was.EMPTY, BROKEN, NOT_WHOLE, Unclear(BROKEN.reason)),
        (Was.PRESENT, Absent(), NOT_WHOLE, SendAgain(delete_first=False)),
        (Was.PRESENT, FILLED, WHOLE, SendAgain(delete_first=False)),
        (Was.PRESENT, FILLED, NOT_WHOLE, SendAgain(delete_first=False)),
        (Was.PRESENT, DIRTY, NOT_WHOLE, SendAgain(delete_first=True)),
        (Was.PRESENT, BROKEN, NOT_WHOLE, SendAgain(delete_first=True)),
    ],
)
def test_what_was_sent_is_judged_by_what_stands_there(
    was: Was, target: Target, verdict: Verdict, expected: Takeover
) -> None:
    """Rule 9, `sent`: every row of the protocol."""
    assert decide_takeover(make_mark(Phase.SENT, was), Look(target=target), verdict) == expected


TARGETS = st.sampled_from([Absent(), EMPTY, FILLED, DIRTY, BROKEN])
VERDICTS = st.sampled_from([WHOLE, NOT_WHOLE])


@given(st.sampled_from(Was), TARGETS, VERDICTS)
def test_before_anything_was_sent_it_starts_over(was: Was, target: Target, verdict: Verdict) -> None:
    """Rule 9, `marked`: whatever stands there was not made by it."""
    assert decide_takeover(make_mark(Phase.MARKED, was), Look(target=target), verdict) == StartOver()


@given(st.sampled_from(Was), TARGETS, VERDICTS)
def test_what_was_verified_is_only_finished(was: Was, target: Target, verdict: Verdict) -> None:
    """Rule 9, `verified`: whatever the collection holds by now, an application has had it since."""
    assert decide_takeover(make_mark(Phase.VERIFIED, was), Look(target=target), verdict) == Finish()


@given(st.sampled_from([Was.ABSENT, Was.EMPTY]), st.integers(1, 10**9), VERDICTS)
def test_points_that_are_not_the_snapshots_are_never_removed(was: Was, points: int, verdict: Verdict) -> None:
    """Design: a collection that holds points the snapshot does not have is never removed by a takeover."""
    decided = decide_takeover(make_mark(Phase.SENT, was), Look(target=Present(points, make_info())), verdict)
    assert decided in (Accept(), WrittenMeanwhile(points))
