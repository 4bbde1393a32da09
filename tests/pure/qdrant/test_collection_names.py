"""Collection names: what Qdrant refuses, and the names of our markers and uploads beside them."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from restore.qdrant.collection_names import (
    digest_name,
    find_attempts,
    find_name_problem,
    is_marker,
    name_marker,
    name_upload,
)

NAMES = st.text(min_size=1, max_size=64)
ATTEMPTS = st.integers(1, 10**6)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("cities", None),
        ("two words", None),
        (".hidden", None),
        ("ünï-🌍", None),
        ("new\nline", None),
        ("-rf", None),
        ("x" * 255, None),
        ("", "is empty"),
        (".", "would make the server touch its own parent directory"),
        ("..", "would make the server touch its own parent directory"),
        ("a/b", "contains '/', which Qdrant refuses"),
        ("a\\b:c", "contains ':', '\\\\', which Qdrant refuses"),
        ('*?"<>|', "contains '\"', '*', '<', '>', '?', '|', which Qdrant refuses"),
        ("nul\0", "contains '\\x00', which Qdrant refuses"),
        ("x" * 256, "has 256 bytes, Qdrant accepts 255"),
        ("ü" * 128, "has 256 bytes, Qdrant accepts 255"),
        (".restoring-x", "begins with '.restoring-', which marks a restore in progress"),
    ],
)
def test_what_qdrant_refuses_is_told_before_it_is_asked(name: str, problem: str | None) -> None:
    """Recorded on 1.18.3: 422 for these; `..` made the server delete its parent directory."""
    assert find_name_problem(name) == problem


@given(NAMES, ATTEMPTS)
def test_a_mark_is_found_again_by_its_collection(name: str, attempt: int) -> None:
    """Rules 4 and 9: the next run finds it by the name alone."""
    mark = name_marker(name, attempt)
    assert is_marker(mark)
    assert find_attempts(name, ["cities", mark, ".restoring-old"]) == [attempt]


@given(NAMES, NAMES)
def test_two_collections_never_share_a_mark(one: str, other: str) -> None:
    """Nor the file that an upload leaves."""
    assume(one != other)
    assert name_marker(one, 1) != name_marker(other, 1)
    assert name_upload(one) != name_upload(other)
    assert find_attempts(one, [name_marker(other, 1)]) == []


def test_attempts_are_numbers_and_ascend() -> None:
    """The tenth is after the ninth."""
    names = [name_marker("cities", attempt) for attempt in (10, 9, 2)]
    assert find_attempts("cities", names) == [2, 9, 10]


@given(NAMES)
def test_a_marks_name_is_one_that_qdrant_accepts(name: str) -> None:
    """Whatever the collection is called: plain letters, and short."""
    assert name_marker(name, 1) == f".restoring-{digest_name(name)}-1"
    assert name_upload(name) == f".restoring-{digest_name(name)}.snapshot"
    assert name_marker(name, 1).isascii()
    assert len(digest_name(name)) == 16


@pytest.mark.parametrize(
    "name",
    [
        "cities",
        ".restoring-",
        ".restoring-0123456789abcdef",
        ".restoring-0123456789abcdef-0",
        ".restoring-0123456789abcdef-01",
        ".restoring-0123456789ABCDEF-1",
        ".restoring-0123456789abcdef-1\n",
        ".restoring-0123456789abcdef-1-1",
        ".restoring-0123456789abcdef.snapshot",
        "x.restoring-0123456789abcdef-1",
    ],
)
def test_what_only_looks_like_a_mark_is_none(name: str) -> None:
    """A person's collection is never hidden, and never dropped as a marker."""
    assert not is_marker(name)
