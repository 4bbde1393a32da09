"""A snapshot that is asked for by name, where the collection is there: checked first, and never passed over."""

# Parameters are handed over by name, so their number confuses nobody.
# ruff: noqa: PLR0917

import shlex
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from restore.recovery.marker.model import Phase, TargetBefore
from tests.support.restore_scenario import RestoreScenario
from tests.support.run_snapshot import take_here
from tests.support.sample_stores import NOON, FilledStore, damage
from tests.support.server_under_test import Server
from tests.support.targets import make_empty, put_written

EARLIER = NOON - timedelta(days=1)
OLDER, NEWER = "cities_20261119_120000.snapshot", "cities_20261120_120000.snapshot"
SKIP, REPLACE = ("--on-existing", "skip"), ("--on-existing", "replace")
Prepare = Callable[[Server, str], None]
PINNED = {"RESTORE_COLLECTIONS": "cities", "RESTORE_SNAPSHOT": "previous"}


@pytest.fixture
def filled(own_scenario: RestoreScenario) -> RestoreScenario:
    """Return a scenario with 3 points on the server, and two snapshots: 60 points, then 43."""
    own_scenario.add("shards", at=EARLIER, latest=False)
    own_scenario.add()
    own_scenario.store.add("towns")
    put_written(own_scenario.server, "cities")
    return own_scenario


def command(hint: str) -> list[str]:
    """Return the words after `qdrant-restore restore` of a hint's command."""
    return shlex.split(hint.partition("qdrant-restore restore ")[2].partition(";")[0])


@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["restore", "dry run"])
@pytest.mark.parametrize("asked", ["previous", OLDER, "./qdrant_snapshots/" + OLDER])
def test_a_snapshot_that_was_asked_for_is_refused_where_points_are(
    filled: RestoreScenario, asked: str, more: tuple[str, ...]
) -> None:
    """Status 16, only reads, and a sentence that names this snapshot and what it holds."""
    result = filled.run("cities", "--snapshot", asked, *more)

    assert (result.status, result.outcome["message"], filled.proxy.writes) == (
        16,
        f"is there with 3 points; snapshot '{OLDER}', which was asked for, of 19 Nov 12:00 has 60; left as it is",
        [],
    )
    assert result.outcome["hint"] == (
        f"to take it: qdrant-restore restore cities --snapshot {OLDER} --on-existing replace; "
        "to keep what is there: --on-existing skip"
    )


@pytest.mark.parametrize("asked", ["previous", OLDER, NEWER])
def test_the_command_of_the_hint_restores_that_snapshot(filled: RestoreScenario, asked: str) -> None:
    """Not the latest."""
    hint = filled.run("cities", "--snapshot", asked).outcome["hint"]
    filled.store.add("cities", at=NOON + timedelta(days=1))
    taken = filled.run(*command(hint)).outcome

    expected = (OLDER, 60) if asked != NEWER else (NEWER, 43)
    assert (taken["result"], taken["snapshot"], taken["points"]) == ("restored", *expected)


def test_the_command_of_the_hint_repeats_target_and_store(filled: RestoreScenario, tmp_path: Path) -> None:
    """Else it would restore something else, or onto something else."""
    filled.server.create("copy", vectors={"size": 4, "distance": "Dot"})
    filled.server.upsert("copy", range(1, 8))
    FilledStore(tmp_path / "other store").add("cities", "named", at=EARLIER)
    asked = ("cities", "--snapshot", OLDER, "--to", "copy", "--store", "./other store")
    hint = filled.run(*asked, "--qdrant-url", filled.proxy.url).outcome["hint"]
    again = command(hint)
    taken = filled.run(*again).outcome

    assert again == [*asked[:3], "--qdrant-url", filled.proxy.url, *asked[5:], *asked[3:5], *REPLACE]
    assert (taken["collection"], taken["result"], filled.server.count("cities")) == ("copy", "restored", 3)


def test_a_file_that_is_asked_for_in_the_way_of_old_scripts_is_refused(
    filled: RestoreScenario, tmp_path: Path
) -> None:
    """`restore --snapshot F --collection X` replaced there; here it says so, and what would."""
    file = FilledStore(tmp_path / "backups").add("cities", "shards", manifest=False)
    result = filled.run("--snapshot", "backups/" + file.name, "--collection", "cities")

    assert (result.status, result.outcome["message"]) == (
        16,
        f"is there with 3 points; snapshot '{file}', which was asked for, has no manifest; left as it is",
    )
    assert filled.run(*command(result.outcome["hint"])).outcome["points"] == 60


@pytest.mark.parametrize(
    ("asked", "status", "message"),
    [
        ("typo.snapshot", 10, "no snapshot 'typo.snapshot' of collection 'cities' in store"),
        ("/no/such/file", 10, "snapshot '/no/such/file' does not exist"),
        ("lastest", 10, "no snapshot 'lastest' of collection 'cities' in store"),
        ("towns_20261120_120000.snapshot", 2, "snapshot 'towns_20261120_120000.snapshot' is one of collection"),
        ("README.md", 2, "'README.md' in store"),
    ],
)
@pytest.mark.parametrize("given", ["flag", "variable"])
@pytest.mark.parametrize("prepare", [put_written, make_empty])
def test_what_cannot_be_meant_is_an_error_also_where_the_collection_is(
    own_scenario: RestoreScenario, asked: str, status: int, message: str, given: str, prepare: Prepare
) -> None:
    """Typos, missing files, another collection's file: never "3 points here" and 0."""
    own_scenario.add()
    own_scenario.store.add("towns")
    prepare(own_scenario.server, "cities")
    flags = ("--snapshot", asked) if given == "flag" else ()
    environment = {"RESTORE_SNAPSHOT": asked} if given == "variable" else {}
    result = own_scenario.run("cities", *flags, environment=environment)

    assert (result.status, own_scenario.proxy.writes) == (status, [])
    assert result.outcome["message"].startswith(message)


@pytest.mark.parametrize("flags", [("--snapshot", OLDER), ()], ids=["flag", "variable"])
def test_a_damaged_snapshot_that_was_asked_for_is_found_where_the_collection_is(
    filled: RestoreScenario, flags: tuple[str, ...]
) -> None:
    """It is opened and compared with its manifest before anything else is said."""
    file = filled.store.path / OLDER
    file.write_bytes(file.read_bytes()[:-1000])
    result = filled.run("cities", *flags, environment={} if flags else PINNED)

    assert (result.status, filled.proxy.writes) == (13, [])


@pytest.mark.parametrize("source", ["variable", "file", "own", "flag that skips"])
def test_a_boot_that_pins_its_snapshot_skips_what_is_there_and_names_it(filled: RestoreScenario, source: str) -> None:
    """Status 0: the snapshot is good, and the collection is left alone."""
    documents = {
        "file": "collections: [cities]\nsnapshot: previous\n",
        "own": "collections:\n  cities:\n    snapshot: previous\n",
    }
    (filled.store.path.parent / "restore.yaml").write_text(documents.get(source, ""))
    flags = ("cities", "--snapshot", "previous", *SKIP) if source == "flag that skips" else ()
    result = filled.run(*flags, environment=PINNED if source == "variable" else {})

    assert (result.status, result.outcome["result"], result.outcome["snapshot"]) == (0, "skipped_exists", OLDER)
    assert result.outcome["message"] == (
        f"3 points here; snapshot '{OLDER}' (19 Nov 12:00) has 60; to take it: "
        f"qdrant-restore restore cities --snapshot {OLDER} --on-existing replace"
    )


def test_a_pinned_snapshot_that_may_be_missing_keeps_no_boot_from_going_on(filled: RestoreScenario) -> None:
    """`on_missing: skip` says so, with the collection there as without it."""
    environment = {"RESTORE_SNAPSHOT": "gone.snapshot", "RESTORE_ON_MISSING": "skip"}
    result = filled.run("cities", environment=environment)

    assert (result.status, result.outcome["message"]) == (
        0,
        "3 points here; snapshot 'gone.snapshot' is not in the store",
    )


def test_a_variable_that_skips_does_not_weigh_against_a_flag(filled: RestoreScenario) -> None:
    """`RESTORE_ON_EXISTING=skip` stands in many environments; the snapshot was typed."""
    result = filled.run("cities", "--snapshot", OLDER, environment={"RESTORE_ON_EXISTING": "skip"})

    assert result.status == 16


@pytest.mark.parametrize("more", [{}, {"RESTORE_SNAPSHOT": "latest"}])
def test_the_latest_without_a_name_is_as_quiet_as_ever(filled: RestoreScenario, more: dict[str, str]) -> None:
    """It is not looked into: a damaged file is no error where the collection is."""
    damage(filled.store.path / NEWER)
    result = filled.run("cities", environment=more)

    assert (result.status, result.outcome["message"]) == (
        0,
        (
            "3 points here; the latest snapshot (20 Nov 12:00) has 43; to take it: "
            "qdrant-restore restore cities --on-existing replace"
        ),
    )


@pytest.mark.parametrize("named", [(), ("cities",)], ids=["all", "named"])
def test_a_set_is_refused_where_points_are(own_scenario: RestoreScenario, named: tuple[str, ...]) -> None:
    """And the command takes the set's snapshot, not the latest."""
    server, folder = own_scenario.server, own_scenario.store.path
    server.create("cities", vectors={"size": 4, "distance": "Dot"})
    server.upsert("cities", range(1, 11))
    first = take_here(url=server.url, store=folder, run_id="a" * 32).outcomes[0].snapshot
    server.upsert("cities", range(11, 16))
    take_here(url=server.url, store=folder, run_id="b" * 32)
    result = own_scenario.run("--set", "previous", *named)
    replaced = own_scenario.run("--set", "previous", *named, *REPLACE) if not named else result
    taken = own_scenario.run(*command(replaced.outcome["hint"]))

    assert (result.status, replaced.status) == (16, 16)
    assert result.outcome["message"].startswith(f"is there with 15 points; snapshot '{first}', which was asked for")
    assert (taken.status, taken.outcome["snapshot"], server.count("cities")) == (0, first, 10)


def test_a_typo_is_told_before_a_dead_runs_restore_is_finished(own_scenario: RestoreScenario) -> None:
    """Whatever stands on the server, also a marker."""
    own_scenario.add()
    own_scenario.plant(Phase.MARKED, TargetBefore.ABSENT)
    result = own_scenario.run("cities", "--snapshot", "typo.snapshot")

    assert (result.status, own_scenario.proxy.writes) == (10, [])


def test_a_dead_runs_restore_of_another_snapshot_is_not_the_one_that_was_asked_for(
    filled: RestoreScenario,
) -> None:
    """It is finished, and then the collection is there."""
    filled.server.drop("cities")
    filled.restore()
    filled.plant(Phase.VERIFIED, TargetBefore.ABSENT, snapshot=NEWER)
    outcome = filled.restore("--snapshot", OLDER)

    assert (outcome.status, filled.markers, filled.server.count("cities")) == (16, [], 43)
