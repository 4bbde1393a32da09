"""Restoring from several stores: the order given counts, and one that is away is never one that has nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from tests.support.program import Ended, run_program
from tests.support.sample_stores import NOON, FilledStore

NEWER = NOON.replace(day=21)


def restore(root: Path, qdrant: EmbeddedQdrant, *arguments: str, store: str = "first", more: str = "second") -> Ended:
    """Restore everything, or what is named."""
    environment = {"QDRANT_URL": qdrant.url, "RESTORE_STORE": store, "RESTORE_FALLBACK_STORES": more}
    return run_program("restore", "--json", *arguments, cwd=root, environment=environment)


def outcome(ended: Ended) -> dict[str, Any]:
    """Give the only outcome."""
    (found,) = json.loads(ended.stdout)["outcomes"]
    return dict(found)


@pytest.fixture
def second(tmp_path: Path) -> FilledStore:
    """Give a store that has a snapshot."""
    filled = FilledStore(tmp_path / "second")
    filled.add("cities")
    return filled


def test_a_store_that_is_away_is_passed_over_and_said(
    tmp_path: Path, embedded: EmbeddedQdrant, second: FilledStore
) -> None:
    """A volume that was not mounted: the copy elsewhere is as good, and the log names what was passed over."""
    ended = restore(tmp_path, embedded, "cities")
    assert (ended.status, outcome(ended)["result"]) == (0, "restored")
    assert "store.passed_over" in ended.stderr
    assert "store=first" in ended.stderr


def test_what_the_first_store_lacks_is_taken_from_the_next(
    tmp_path: Path, embedded: EmbeddedQdrant, second: FilledStore
) -> None:
    """Without a name: everything that any of them has."""
    FilledStore(tmp_path / "first").add("towns", "named")
    ended = restore(tmp_path, embedded)
    found = {one["collection"]: one["result"] for one in json.loads(ended.stdout)["outcomes"]}
    assert (ended.status, found) == (0, {"cities": "restored", "towns": "restored"})


def test_the_order_given_counts_and_not_the_time(
    tmp_path: Path, embedded: EmbeddedQdrant, second: FilledStore
) -> None:
    """The first that has one decides which is the latest."""
    FilledStore(tmp_path / "first").add("cities", "named")
    second.add("cities", at=NEWER)
    ended = restore(tmp_path, embedded, "cities")
    assert (ended.status, outcome(ended)["snapshot"]) == (0, "cities_20261120_120000.snapshot")


def test_where_none_has_it_a_store_that_is_away_is_the_trouble(tmp_path: Path, embedded: EmbeddedQdrant) -> None:
    """Only a store that answers can say that there is no snapshot."""
    FilledStore(tmp_path / "second").add("towns")
    ended = restore(tmp_path, embedded, "cities", "--on-missing", "skip")
    assert ended.status == 10
    assert outcome(ended)["message"].startswith("store 'first' does not exist")


def test_where_all_answer_and_none_has_it_it_is_missing(
    tmp_path: Path, embedded: EmbeddedQdrant, second: FilledStore
) -> None:
    """Both are named."""
    FilledStore(tmp_path / "first")
    ended = restore(tmp_path, embedded, "towns")
    assert ended.status == 10
    assert outcome(ended)["message"].startswith("no snapshot of collection 'towns' in store 'first, second'")
