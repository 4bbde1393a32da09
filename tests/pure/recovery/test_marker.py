"""What a marker says, written and read; nothing else is ever taken for one."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.recovery.marker.model import (
    Marker,
    Phase,
    SentTransfer,
    TargetBefore,
    describe_marker,
    parse_beat,
    parse_marker,
)
from tests.pure.recovery.test_takeover import make_mark

TEXT = st.text(max_size=20)
SENT = st.none() | st.builds(
    SentTransfer, TEXT, st.integers(0, 2**60), st.floats(0, 1e11, allow_nan=False), st.text(max_size=20)
)
MARKS = st.builds(
    Marker,
    collection=TEXT,
    token=st.text("0123456789abcdef", min_size=32, max_size=32),
    holder=TEXT,
    since=TEXT,
    snapshot=TEXT,
    sha256=TEXT,
    size=st.integers(0, 2**60),
    was=st.sampled_from(TargetBefore),
    phase=st.sampled_from(Phase),
    aliases=st.lists(TEXT, max_size=3).map(tuple),
    sent=SENT,
)


@given(MARKS)
def test_a_mark_is_read_as_it_was_written(mark: Marker) -> None:
    """Rule 4: through JSON, as the server keeps it."""
    metadata = json.loads(json.dumps(describe_marker(mark)["metadata"]))
    assert parse_marker(metadata) == mark
    assert parse_beat(metadata, mark.token) == 0


@given(MARKS, st.integers(1, 10**6))
def test_a_beat_changes_nothing_of_a_mark(mark: Marker, beat: int) -> None:
    """PATCH merges top-level keys; the holder's own key is beside everything else."""
    metadata = describe_marker(mark)["metadata"] | {f"beat-{mark.token}": beat}
    assert (parse_marker(metadata), parse_beat(metadata, mark.token)) == (mark, beat)


def test_the_body_is_the_one_that_was_measured() -> None:
    """13 ms to make, 2 ms to drop: no vectors, one shard, the smallest log."""
    body = describe_marker(make_mark(Phase.MARKED, TargetBefore.ABSENT))
    assert {key: value for key, value in body.items() if key != "metadata"} == {
        "vectors": {},
        "shard_number": 1,
        "wal_config": {"wal_capacity_mb": 1, "wal_segments_ahead": 0},
        "optimizers_config": {"default_segment_number": 1},
    }


@pytest.mark.parametrize(
    "change",
    [
        {"phase": "a later idea"},
        {"was": None},
        {"size": "many"},
        {"sent": {"kind": "upload"}},
        {"token": 7},
    ],
)
def test_what_a_later_program_wrote_is_not_guessed_at(change: dict[str, Any]) -> None:
    """Rule 9: what cannot be read is not acted on."""
    metadata = describe_marker(make_mark(Phase.SENT, TargetBefore.ABSENT))["metadata"] | change
    assert parse_marker(metadata) is None


@pytest.mark.parametrize("metadata", [None, {}, {"purpose": "an application's own"}])
def test_what_is_no_mark_is_none(metadata: dict[str, Any] | None) -> None:
    """Half-made, or not ours."""
    assert (parse_marker(metadata), parse_beat(metadata, "d" * 32)) == (None, None)


def test_what_a_later_program_adds_is_ignored() -> None:
    """A new key beside those we know changes nothing."""
    mark = make_mark(Phase.SENT, TargetBefore.EMPTY)
    metadata = describe_marker(mark)["metadata"] | {"reason": "a later idea"}
    assert parse_marker(metadata) == mark


def test_a_phase_that_is_told_overwrites_no_beat() -> None:
    """What is patched are single keys; each is written as the marker itself would write it."""
    mark = make_mark(Phase.SENT, TargetBefore.ABSENT)
    output = msgspec.to_builtins(mark)
    patch = {key: output[key] for key in ("phase", "sent", "was", "aliases")}
    metadata = (
        describe_marker(make_mark(Phase.MARKED, TargetBefore.ABSENT))["metadata"] | {f"beat-{mark.token}": 9} | patch
    )
    assert (parse_marker(metadata), parse_beat(metadata, mark.token)) == (mark, 9)
