"""Reading versions and comparing them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.qdrant.version import FIRST_WITHOUT_ROCKSDB, OLDEST_SUPPORTED, Version, parse_version

NUMBERS = st.integers(0, 999)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.18.3", Version(1, 18, 3, "1.18.3")),
        ("v1.16", Version(1, 16, 0, "v1.16")),
        ("1.18.3-dev", Version(1, 18, 3, "1.18.3-dev")),
        ("1.18.3-embedded", Version(1, 18, 3, "1.18.3-embedded")),
        (" 1.17.0\n", Version(1, 17, 0, "1.17.0")),
        ("", None),
        ("dev", None),
        ("18", None),
        ("x1.18.3", None),
    ],
)
def test_a_version_is_read_or_it_is_none(text: str, version: Version | None) -> None:
    """As servers and manifests write them."""
    assert parse_version(text) == version


@given(NUMBERS, NUMBERS, NUMBERS)
def test_what_is_written_is_read_back(major: int, minor: int, patch: int) -> None:
    """The numbers, and the words as they were."""
    version = parse_version(f"{major}.{minor}.{patch}")
    assert version is not None
    assert (version.major, version.minor, version.patch, str(version)) == (
        major,
        minor,
        patch,
        f"{major}.{minor}.{patch}",
    )
    assert version.line == (major, minor)


@given(st.tuples(NUMBERS, NUMBERS, NUMBERS), st.tuples(NUMBERS, NUMBERS, NUMBERS))
def test_versions_are_ordered_by_their_numbers(one: tuple[int, int, int], other: tuple[int, int, int]) -> None:
    """1.9 is before 1.16; as texts it would not be."""
    assert (Version(*one) < Version(*other)) == (one < other)


def test_words_after_the_numbers_do_not_make_a_server_too_old() -> None:
    """`1.16.0-dev` is supported, and is 1.16.0 for every comparison with a number."""
    read = parse_version("1.16.0-dev")
    assert read is not None
    assert not read < OLDEST_SUPPORTED
    assert read.line < FIRST_WITHOUT_ROCKSDB
