"""Names in a store: any collection maps to a safe file name and back, and no two collections ever meet."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from restore.snapshots.name import (
    SnapshotName,
    decode_collection,
    encode_collection,
    is_cut,
    name_latest,
    name_manifest,
    parse_latest,
    parse_name,
    parse_server_name,
)
from restore.stores.layout import Kind, classify, find_case_conflict, find_pointer_problem, read_pointer

# What Qdrant accepts, and what it refuses: names reach us from files too, and none may lead outside.
NAMES = st.text(min_size=1, max_size=255)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0)
)
NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


@given(NAMES)
@example("../../etc/passwd")
@example("a/b")
@example(".")
@example("..")
@example(".hidden")
@example("🌍" * 60)
@example("x" * 255)
@example("a~0123456789abcdef")
@example("nul\0byte")
@example("line\nbreak")
def test_an_encoded_name_is_a_plain_visible_file_name(name: str) -> None:
    """Nothing is ever written outside the store, whatever a collection is called."""
    file = str(SnapshotName(encode_collection(name), NOON, 99))
    assert os.path.basename(file) == file  # noqa: PTH119
    assert not file.startswith(".")
    assert file.isascii()
    assert len(name_manifest(file)) <= 255
    assert find_pointer_problem(file) == ""


@given(NAMES)
@example("a b%20c")
@example("%2E")
@example("\ud800")
def test_a_name_comes_back_unless_it_was_cut(name: str) -> None:
    """The collection is read back from the file name; a cut one says that it cannot be."""
    encoded = encode_collection(name)
    assert decode_collection(encoded) == (None if is_cut(encoded) else name)
    assert is_cut(encoded) == (len(encoded) > 180)


@given(NAMES, MOMENTS, st.integers(1, 9999))
def test_parsing_a_name_back_gives_the_same_instant(name: str, at: datetime, sequence: int) -> None:
    """UTC, whole seconds, for every collection name."""
    written = SnapshotName(encode_collection(name), at, sequence)
    assert parse_name(str(written)) == written


@given(NAMES, NAMES, MOMENTS, MOMENTS)
@example("docs", "docs_v2", NOON, NOON)
@example("docs", "docs_latest", NOON, NOON)
@example("docs", "docs_20261120_120000", NOON, NOON)
@example("docs", "docs-2", NOON, NOON)
@example("Docs", "docs", NOON, NOON)
@example("é", "e\u0301", NOON, NOON)
def test_files_of_two_collections_never_meet(one: str, other: str, at: datetime, then: datetime) -> None:
    """A collection shares no file with another collection that has a longer name."""
    names = {str(SnapshotName(encode_collection(one), at)), name_latest(one)}
    others = {str(SnapshotName(encode_collection(other), then)), name_latest(other)}
    assert bool(names & others) == (one == other)
    assert {classify(file).encoded for file in names} == {encode_collection(one)}


@given(NAMES)
def test_the_latest_pointer_is_read_from_its_right_end(name: str) -> None:
    """`docs_latest` may be a collection's name too."""
    assert parse_latest(name_latest(name)) == encode_collection(name)
    assert parse_name(name_latest(name)) is None


@given(MOMENTS, MOMENTS)
def test_names_of_one_collection_sort_as_their_moments(one: datetime, other: datetime) -> None:
    """The order of the names is the order of their times."""
    assert (str(SnapshotName("docs", one)) < str(SnapshotName("docs", other))) == (one < other)


@pytest.mark.parametrize(
    "file",
    [
        "cities_20261320_101500.snapshot",
        "cities_20261120_246060.snapshot",
        "cities_20261120_101500-1.snapshot",
        "cities_20261120_101500-02.snapshot",
        "cities_20261120_101500.snapshot.json",
        "cities_2026112_101500.snapshot",
        "cities_٢٠٢٦١١٢٠_101500.snapshot",
        "_20261120_101500.snapshot",
        ".partial-0123456789abcdef",
        ".cities_20261120_101500.snapshot",
        "cities.snapshot",
    ],
)
def test_what_only_looks_like_our_name_is_not_parsed(file: str) -> None:
    """No such month, no such hour, a first file that says so, other digits, hidden ones."""
    assert parse_name(file) is None


def test_the_names_that_qdrant_gives_are_read() -> None:
    """A store that a person filled from the server's own directory is welcome."""
    found = parse_server_name("docs_v2-7374469262786114-2026-11-20-22-12-48.snapshot")
    assert found == ("docs_v2", datetime(2026, 11, 20, 22, 12, 48, tzinfo=UTC))


@pytest.mark.parametrize(
    "file",
    [
        "cities-shard-0-2026-11-20-22-12-51.snapshot",
        "full-snapshot-2026-11-20-22-12-51.snapshot",
        "cities-7374469262786114-2026-13-20-22-12-48.snapshot",
    ],
)
def test_shard_and_full_snapshots_are_no_snapshots_of_a_collection(file: str) -> None:
    """Their names would give collections called `cities-shard` and `full`."""
    assert (parse_server_name(file), classify(file).kind) == (None, Kind.FOREIGN)


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("cities_20261120_101500.snapshot", Kind.SNAPSHOT),
        ("cities_20261120_101500-2.snapshot", Kind.SNAPSHOT),
        ("cities-7374469262786114-2026-11-20-22-12-48.snapshot", Kind.SERVER_SNAPSHOT),
        ("cities_latest.snapshot", Kind.LATEST),
        ("cities_20261120_101500.snapshot.json", Kind.MANIFEST),
        ("cities-1-2026-11-20-22-12-48.snapshot.checksum", Kind.CHECKSUM),
        (".partial-0123456789abcdef", Kind.DEBRIS),
        (".partial-0123456789abcdef.link", Kind.DEBRIS),
        (".partial-mine", Kind.FOREIGN),
        ("README.md", Kind.OURS),
        (".lock", Kind.OURS),
        ("notes.txt", Kind.FOREIGN),
        ("backup.snapshot", Kind.FOREIGN),
        ("_latest.snapshot", Kind.FOREIGN),
    ],
)
def test_every_file_of_a_store_has_its_kind(file: str, kind: Kind) -> None:
    """The kind is told by the name alone."""
    assert classify(file).kind is kind


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("cities_20261120_101500.snapshot", ""),
        ("/srv/cities_20261120_101500.snapshot", "an absolute path"),
        ("C:\\cities_20261120_101500.snapshot", "an absolute path"),
        ("../cities_20261120_101500.snapshot", "outside the store"),
        ("old\\cities_20261120_101500.snapshot", "outside the store"),
        ("sub/cities_20261120_101500.snapshot", "outside the store"),
        ("..", "outside the store"),
        ("", "outside the store"),
        (".partial-0123456789abcdef", "a hidden or unfinished file"),
        ("towns_latest.snapshot", "another pointer"),
    ],
)
def test_only_a_sibling_is_followed(target: str, problem: str) -> None:
    """No pointer leads out of the store, to an unfinished file, or to another pointer."""
    assert find_pointer_problem(target) == problem


@pytest.mark.parametrize(
    ("head", "target"),
    [
        (b"cities_20261120_101500.snapshot", "cities_20261120_101500.snapshot"),
        (b"cities_20261120_101500.snapshot\n", "cities_20261120_101500.snapshot"),
        (b"cities_20261120_101500.snapshot\r\n", "cities_20261120_101500.snapshot"),
        (b"../cities.snapshot\n", "../cities.snapshot"),
        (b"two\nlines.snapshot", None),
        (b"hello world\n", None),
        (b"\xff\xfe.snapshot", None),
        (b"", None),
        (b"x" * 2000 + b".snapshot", None),
    ],
)
def test_a_line_of_text_is_a_pointer_when_it_names_a_snapshot(head: bytes, target: str | None) -> None:
    """A link is checked out like this on systems without links."""
    assert read_pointer(head) == target


@given(NAMES)
def test_a_twin_differs_in_case_and_in_nothing_else(name: str) -> None:
    """Two such collections would share files where case makes no difference."""
    encoded = encode_collection(name)
    swapped = encode_collection(name.swapcase())
    found = find_case_conflict(encoded, [f"{swapped}_latest.snapshot", f"{encoded}_latest.snapshot", "README.md"])
    assert (found is not None) == (swapped != encoded and swapped.casefold() == encoded.casefold())
