"""Restoring from several stores: the order given counts, and one that is away is never one that has nothing."""

# Fixtures are asked for by name, so their number confuses nobody.
# ruff: noqa: PLR0917

import json
from pathlib import Path
from typing import Any

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from tests.support.program import ProgramResult, run_program
from tests.support.run_snapshot import take_here
from tests.support.sample_stores import NOON, FilledStore, damage
from tests.support.server_under_test import Server

NEWER = NOON.replace(day=21)


def restore(
    root: Path, qdrant: EmbeddedQdrant, *arguments: str, store: str = "first", more: str = "second"
) -> ProgramResult:
    """Restore everything, or what is named."""
    environment = {"QDRANT_URL": qdrant.url, "RESTORE_STORE": store, "RESTORE_FALLBACK_STORES": more}
    return run_program("restore", "--json", *arguments, cwd=root, environment=environment)


def spoil(file: Path, how: str) -> None:
    """Damage a snapshot: one bit of it, its manifest, or its end."""
    match how:
        case "bytes":
            damage(file)
        case "manifest":
            file.with_name(file.name + ".json").write_text("{")
        case "cut":
            file.write_bytes(file.read_bytes()[:-1000])


def outcome(result: ProgramResult) -> dict[str, Any]:
    """Return the only outcome."""
    (found,) = json.loads(result.stdout)["outcomes"]
    return dict(found)


@pytest.fixture
def second_store(tmp_path: Path) -> FilledStore:
    """Return a store that has a snapshot."""
    filled = FilledStore(tmp_path / "second")
    filled.add("cities")
    return filled


def test_a_store_that_is_away_is_passed_over_and_said(
    tmp_path: Path, embedded: EmbeddedQdrant, second_store: FilledStore
) -> None:
    """A volume that was not mounted: the copy elsewhere is as good, and the log names what was passed over."""
    result = restore(tmp_path, embedded, "cities")
    assert (result.status, outcome(result)["result"]) == (0, "restored")
    assert "store.passed_over" in result.stderr
    assert "store=first" in result.stderr


def test_what_the_first_store_lacks_is_taken_from_the_next(
    tmp_path: Path, embedded: EmbeddedQdrant, second_store: FilledStore
) -> None:
    """Without a name: everything that any of them has."""
    FilledStore(tmp_path / "first").add("towns", "named")
    result = restore(tmp_path, embedded)
    found = {one["collection"]: one["result"] for one in json.loads(result.stdout)["outcomes"]}
    assert (result.status, found) == (0, {"cities": "restored", "towns": "restored"})


def test_the_order_given_counts_and_not_the_time(
    tmp_path: Path, embedded: EmbeddedQdrant, second_store: FilledStore
) -> None:
    """The first that has one decides which is the latest."""
    FilledStore(tmp_path / "first").add("cities", "named")
    second_store.add("cities", at=NEWER)
    result = restore(tmp_path, embedded, "cities")
    assert (result.status, outcome(result)["snapshot"]) == (0, "cities_20261120_120000.snapshot")


def test_where_none_has_it_a_store_that_is_away_is_the_trouble(tmp_path: Path, embedded: EmbeddedQdrant) -> None:
    """Only a store that answers can say that there is no snapshot."""
    FilledStore(tmp_path / "second").add("towns")
    result = restore(tmp_path, embedded, "cities", "--on-missing", "skip")
    assert result.status == 10
    assert outcome(result)["message"].startswith("store 'first' does not exist")


def test_where_all_answer_and_none_has_it_it_is_missing(
    tmp_path: Path, embedded: EmbeddedQdrant, second_store: FilledStore
) -> None:
    """Both are named."""
    FilledStore(tmp_path / "first")
    result = restore(tmp_path, embedded, "towns")
    assert result.status == 10
    assert outcome(result)["message"].startswith("no snapshot of collection 'towns' in store 'first, second'")


@pytest.mark.parametrize("arguments", [(), ("--all",), ("--include", "c*")], ids=["bare", "--all", "--include"])
@pytest.mark.parametrize("first", ["missing", "empty", "stamped"])
def test_without_a_name_the_fallback_is_asked_when_the_first_store_is_away_or_empty(
    tmp_path: Path, embedded: EmbeddedQdrant, second_store: FilledStore, arguments: tuple[str, ...], first: str
) -> None:
    """A bare `restore` in a disaster: what the copy has comes back, and what was passed over is told."""
    if first == "empty":
        (tmp_path / "first").mkdir()
    if first == "stamped":
        FilledStore(tmp_path / "first")
    result = restore(tmp_path, embedded, *arguments)
    warnings = json.loads(result.stdout)["warnings"]

    assert (result.status, outcome(result)["result"]) == (0, "restored")
    assert [one.partition(" so what")[0] for one in warnings] == (
        [] if first == "stamped" else ["store 'first' was passed over,"]
    )


def test_a_set_comes_from_the_fallback_when_the_first_store_is_away(tmp_path: Path, embedded: EmbeddedQdrant) -> None:
    """`--set latest`: its document and its snapshots."""
    server = Server(embedded.url)
    server.create("cities", vectors={"size": 4, "distance": "Dot"})
    server.upsert("cities", range(1, 11))
    take_here(url=embedded.url, store=tmp_path / "second", run_id="a" * 32)
    server.drop("cities")
    result = restore(tmp_path, embedded, "--set", "latest")

    assert (result.status, outcome(result)["result"], server.count("cities")) == (0, "restored", 10)


def test_where_no_store_that_answers_has_anything_the_one_that_is_away_is_the_trouble(
    tmp_path: Path, embedded: EmbeddedQdrant
) -> None:
    """Also without a name: an empty copy does not make a missing store an empty one."""
    FilledStore(tmp_path / "second")
    result = restore(tmp_path, embedded)

    assert (result.status, "store 'first' does not exist" in result.stderr) == (10, True)


@pytest.mark.parametrize("arguments", [("cities",), ()], ids=["named", "bare"])
@pytest.mark.parametrize("broken", ["bytes", "manifest", "cut"])
def test_a_good_copy_in_another_store_is_taken_when_asked_for(
    tmp_path: Path, embedded: EmbeddedQdrant, second_store: FilledStore, arguments: tuple[str, ...], broken: str
) -> None:
    """`--fallback other-store`: the same file, every byte compared, and the report says why."""
    file = FilledStore(tmp_path / "first").add("cities")
    spoil(file, broken)
    refused = restore(tmp_path, embedded, *arguments)
    taken = restore(tmp_path, embedded, *arguments, "--fallback", "other-store")

    assert (refused.status, taken.status) == (13, 0)
    assert (outcome(taken)["result"], outcome(taken)["snapshot"]) == ("restored", file.name)
    assert outcome(taken)["warnings"][0].startswith(f"'{file.name}' was taken from store 'second': ")


def test_a_broken_pointer_is_passed_over_too(
    tmp_path: Path, embedded: EmbeddedQdrant, second_store: FilledStore
) -> None:
    """Then the other store's latest is the copy."""
    FilledStore(tmp_path / "first").point("cities", "gone.snapshot")
    result = restore(tmp_path, embedded, "cities", "--fallback", "other-store")

    assert (result.status, outcome(result)["result"]) == (0, "restored")


@pytest.mark.parametrize("more", ["second", ""], ids=["damaged too", "no other store"])
def test_a_damaged_copy_is_not_taken(
    tmp_path: Path, embedded: EmbeddedQdrant, second_store: FilledStore, more: str
) -> None:
    """The first store's trouble is reported, and nothing is sent."""
    damage(FilledStore(tmp_path / "first").add("cities"))
    damage(second_store.path / "cities_20261120_120000.snapshot")
    result = restore(tmp_path, embedded, "cities", "--fallback", "other-store", more=more)

    assert (result.status, "is not what its manifest says" in outcome(result)["message"]) == (13, True)
    assert Server(embedded.url).collections() == []
