"""Restoring from several stores: the order given counts, and one that is away is never one that has nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from tests.support.program import ProgramResult, run_program
from tests.support.sample_stores import NOON, FilledStore

NEWER = NOON.replace(day=21)


def restore(
    root: Path, qdrant: EmbeddedQdrant, *arguments: str, store: str = "first", more: str = "second"
) -> ProgramResult:
    """Restore everything, or what is named."""
    environment = {"QDRANT_URL": qdrant.url, "RESTORE_STORE": store, "RESTORE_FALLBACK_STORES": more}
    return run_program("restore", "--json", *arguments, cwd=root, environment=environment)


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
