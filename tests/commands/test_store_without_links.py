"""A store that was copied without its links (`rsync -r`, `rclone`, FAT, SMB): its snapshots are found."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from tests.support.program import ProgramResult, run_program
from tests.support.sample_stores import NOON, FilledStore
from tests.support.server_under_test import Server

NEWER = "cities_20261120_120000.snapshot"
MISSING = "'cities_latest.snapshot' is missing"


@pytest.fixture
def copied(store: FilledStore) -> FilledStore:
    """Return a store of two collections; newer snapshots of one are held back, and cut. It has no pointers."""
    store.add("cities", "shards", at=NOON - timedelta(days=1), latest=False)
    store.add("cities", latest=False)
    store.add("cities", at=NOON + timedelta(days=1), latest=False, held_back="fewer points")
    cut = store.add("cities", at=NOON + timedelta(days=2), latest=False)
    cut.write_bytes(cut.read_bytes()[:-1000])
    store.add("towns", latest=False)
    return store


def run(store: FilledStore, embedded: EmbeddedQdrant, *arguments: str) -> ProgramResult:
    """Run a command on the store."""
    environment = {"QDRANT_URL": embedded.url, "RESTORE_STORE": str(store.path)}
    return run_program(*arguments, cwd=store.path.parent, environment=environment)


@pytest.mark.parametrize("named", [(), ("cities", "towns")], ids=["bare", "named"])
def test_the_newest_whole_snapshot_is_restored(
    copied: FilledStore, embedded: EmbeddedQdrant, named: tuple[str, ...]
) -> None:
    """Neither one that was held back nor one that was cut; the report says that the pointer is missing, twice."""
    first, again = (run(copied, embedded, "restore", "--json", *named) for _ in range(2))
    outcomes, later = (json.loads(result.stdout)["outcomes"] for result in (first, again))

    assert (first.status, again.status) == (0, 0)
    assert [(one["collection"], one["result"]) for one in outcomes] == [("cities", "restored"), ("towns", "restored")]
    assert [one["snapshot"] for one in (outcomes[0], later[0])] == [NEWER, NEWER]
    assert [one["warnings"][0].partition(",")[0] for one in (outcomes[0], later[0])] == [MISSING, MISSING]


def test_one_lost_link_leaves_no_collection_out(copied: FilledStore, embedded: EmbeddedQdrant) -> None:
    """The other pointer is followed as ever, and nothing is said of it."""
    copied.point("towns", "towns_20261120_120000.snapshot")
    outcomes = json.loads(run(copied, embedded, "restore", "--json").stdout)["outcomes"]

    assert [(one["collection"], one["result"], len(one["warnings"])) for one in outcomes] == [
        ("cities", "restored", 1),
        ("towns", "restored", 0),
    ]


def test_a_drill_has_something_to_drill(copied: FilledStore, embedded: EmbeddedQdrant) -> None:
    """Both collections, not none."""
    outcomes = json.loads(run(copied, embedded, "drill", "--json").stdout)["outcomes"]

    assert [(one["collection"], one["status"]) for one in outcomes] == [("cities", 0), ("towns", 0)]


def test_verify_and_doctor_say_that_pointers_are_missing(copied: FilledStore, embedded: EmbeddedQdrant) -> None:
    """And that the next snapshot makes them again."""
    verified = json.loads(run(copied, embedded, "verify", "towns", "--json").stdout)
    doctored = json.loads(run(copied, embedded, "doctor", "--json").stdout)
    (latest,) = [one for one in doctored["findings"] if one["about"] == "latest"]

    assert [one.partition(":")[0] for one in verified["warnings"]] == ["'towns_latest.snapshot' is missing"]
    assert (latest["verdict"], latest["message"]) == (
        "warning",
        "missing, the newest whole snapshot is taken: cities_latest.snapshot, towns_latest.snapshot",
    )


def test_a_snapshot_makes_the_pointer_again(copied: FilledStore, embedded: EmbeddedQdrant) -> None:
    """Then nothing is said any more."""
    restored = run(copied, embedded, "restore", "towns")
    made = run(copied, embedded, "snapshot", "towns")
    again = json.loads(run(copied, embedded, "restore", "towns", "--json").stdout)["outcomes"]

    assert (restored.status, made.status, again[0]["warnings"]) == (0, 0, [])
    assert Path(copied.path / "towns_latest.snapshot").is_symlink()
    assert Server(embedded.url).collections() == ["towns"]
