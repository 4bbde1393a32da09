"""Which set is meant, whatever was made, failed or was pruned; and which documents are never followed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.errors import IntegrityError, NotFoundError, RefusedError
from restore.qdrant.collection_names import find_name_problem
from restore.sets.document import SetDocument, SetFailure, SetMember, is_run_id, name_set
from restore.sets.selection import StoredSet, find_document_problem, find_set, incomplete_set_error, select_set
from restore.snapshots.document import read_document, write_document
from restore.snapshots.name import SnapshotName, encode_collection
from restore.stores.layout import Kind, classify

NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
NAMES = st.text(min_size=1, max_size=40).filter(lambda name: find_name_problem(name) is None)


def make(run: int, *names: str, whole: bool = True, failed: bool = False) -> SetDocument:
    """Return the document of the run of some minute."""
    at = NOON + timedelta(minutes=run)
    return SetDocument(
        run_id=f"{run:032x}",
        created=at,
        server="1.18.3",
        whole=whole,
        collections=tuple(
            SetMember(collection=name, file=str(SnapshotName(encode_collection(name), at)), sha256="0" * 64)
            for name in names
        ),
        failed=(SetFailure(collection="towns", error="refused"),) if failed else (),
    )


def found(*documents: SetDocument) -> list[StoredSet]:
    """Return them with every file there."""
    files = [member.file for document in documents for member in document.collections]
    return [find_set(document, name_set(document.created, document.run_id), files) for document in documents]


@given(
    st.lists(st.tuples(st.integers(0, 30), st.booleans(), st.booleans()), max_size=12, unique_by=lambda one: one[0])
)
def test_latest_is_the_newest_without_failures_of_the_whole_server(runs: list[tuple[int, bool, bool]]) -> None:
    """Of some collections only where none of all was made; previous is the one before it."""
    sets = found(*(make(run, "a", whole=whole, failed=failed) for run, whole, failed in runs))
    good = [run for run, whole, failed in runs if not failed and whole] or [
        run for run, _, failed in runs if not failed
    ]
    expected = [f"{run:032x}" for run in sorted(good, reverse=True)[:2]]
    picked = []
    for selector in ("latest", "previous"):
        try:
            picked.append(select_set(sets, selector, store="s").document.run_id)
        except NotFoundError:
            break
    assert picked == expected


def test_a_set_with_failures_is_said_where_there_is_no_other() -> None:
    """So that a person knows why there is no latest."""
    with pytest.raises(NotFoundError) as caught:
        select_set(found(make(1, "a", failed=True)), "latest", store="s")
    assert str(caught.value) == "store 's' has no latest set; 1 with failures, which is never taken by itself"


def test_the_beginning_of_an_id_means_one_set() -> None:
    """Also one with failures; what several share means none."""
    ones = found(
        msgspec.structs.replace(make(1, "a"), run_id="abcdef01" + "0" * 24),
        msgspec.structs.replace(make(2, "a", failed=True), run_id="abcdef02" + "0" * 24),
    )
    assert select_set(ones, "abcdef02", store="s").document.failed
    with pytest.raises(RefusedError, match=r"^'abcdef0' is the beginning of 2 sets: abcdef01"):
        select_set(ones, "abcdef0", store="s")
    with pytest.raises(NotFoundError, match=r"^store 's' has no set '12345678'$"):
        select_set(ones, "12345678", store="s")


@given(st.lists(NAMES, min_size=1, max_size=6, unique=True), st.data())
def test_a_set_is_thinned_when_a_file_of_it_is_gone(names: list[str], data: st.DataObject) -> None:
    """And then it is refused; whole, it is not."""
    document = make(1, *names)
    there = data.draw(st.sets(st.sampled_from([member.file for member in document.collections])))
    one = find_set(document, "x", there)
    assert {member.file for member in one.missing} == {member.file for member in document.collections} - there
    assert (incomplete_set_error(one) is None) == (not one.missing) == (one.state == "whole")


@given(NAMES)
def test_what_we_write_is_followed(name: str) -> None:
    """For any collection that Qdrant accepts, and read back it is the same."""
    document = make(1, name)
    assert find_document_problem(document) == ""
    assert read_document(write_document(document), SetDocument, where="x") == document


@given(NAMES, st.text(max_size=60))
def test_a_member_leads_to_a_snapshot_of_its_own_collection_or_nowhere(name: str, file: str) -> None:
    """Whatever an attacker writes as a file's name."""
    document = make(1, name)
    evil = msgspec.structs.replace(document.collections[0], file=file)
    problem = find_document_problem(msgspec.structs.replace(document, collections=(evil,)))
    entry = classify(file)
    assert (problem == "") == (entry.kind is Kind.SNAPSHOT and entry.encoded == encode_collection(name))
    assert problem or "/" not in file


@pytest.mark.parametrize("name", [".", "..", "a/b", "", ".restoring-0123456789abcdef-1", "x" * 256])
def test_a_name_that_no_collection_has_is_not_followed(name: str) -> None:
    """Nor is one that markers a restore."""
    document = make(1, "a")
    evil = msgspec.structs.replace(document.collections[0], collection=name)
    with pytest.raises(IntegrityError, match="must not be followed"):
        find_set(msgspec.structs.replace(document, collections=(evil,)), "x", [])


def test_a_collection_that_stands_twice_is_not_followed() -> None:
    """One target has one source."""
    assert find_document_problem(make(1, "a", "a")) == "collection 'a' stands twice"


@given(st.text(max_size=12))
def test_an_id_is_hexadecimal_and_no_short_one(text: str) -> None:
    """Eight digits at least: as they are shown."""
    assert is_run_id(text) == (len(text) >= 8 and set(text) <= set("0123456789abcdef"))


def test_the_name_of_a_document_sorts_by_time_and_is_recognised() -> None:
    """`<UTC time>_<8 digits>.set.json`."""
    name = name_set(NOON, "0123456789abcdef0123456789abcdef")
    assert (name, classify(name).kind) == ("20261120_120000_01234567.set.json", Kind.SET)
