"""`mirror`: what the target lacks is copied and compared; the rest is left. Each command runs twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from restore.commands.mirror.command import is_same_store
from restore.stores.location import parse_location
from tests.support.program import ProgramResult, run_program
from tests.support.run_publish import FIRST, SECOND, THIRD, list_names, read_latest
from tests.support.store_harness import StoreHarness, make_directory_harness

ONE, TWO, THREE = b"the first" * 1000, b"the second one" * 1000, b"the third" * 1000


@pytest.fixture
def source(tmp_path: Path) -> StoreHarness:
    """Return a store with two snapshots of one collection and one of another."""
    harness = make_directory_harness(tmp_path / "source")
    harness.publish(ONE, FIRST)
    harness.publish(TWO, SECOND)
    harness.publish(THREE, FIRST, collection="towns")
    return harness


def mirror(tmp_path: Path, *arguments: str, **environment: str) -> ProgramResult:
    """Mirror the source into the target."""
    return run_program("mirror", *arguments, cwd=tmp_path, environment=environment)


def state(path: Path) -> dict[str, bytes]:
    """Return every file with its content."""
    return {file.name: file.read_bytes() for file in path.iterdir() if not file.name.startswith(".lock")}


def test_what_is_missing_is_copied_and_the_second_run_copies_nothing(source: StoreHarness, tmp_path: Path) -> None:
    """Names, bytes, manifests and latest are the source's."""
    first = mirror(tmp_path, "source", "target")
    made = state(tmp_path / "target")
    second = mirror(tmp_path, "source", "target", "--json")
    report = json.loads(second.stdout)
    assert (first.status, second.status) == (0, 0)
    assert made == state(tmp_path / "source") == state(tmp_path / "target")
    assert [(one["collection"], one["copied"], one["present"]) for one in report["outcomes"]] == [
        ("cities", [], 2),
        ("towns", [], 1),
    ]
    assert first.stdout.splitlines()[:2] == [
        "cities: 2 copied (23 kB), 0 there",
        "towns: 1 copied (9 kB), 0 there",
    ]


def test_only_what_is_chosen_is_copied(source: StoreHarness, tmp_path: Path) -> None:
    """By pattern and by name; a name of which nothing is there is an error."""
    assert mirror(tmp_path, "source", "target", "--exclude", "c*").status == 0
    assert list_names(tmp_path / "target")[:1] == ["towns_20261118_101500.snapshot"]
    assert mirror(tmp_path, "source", "other", "--collection", "cities").status == 0
    assert read_latest(tmp_path / "other") == TWO
    assert mirror(tmp_path, "source", "other", "--collection", "nothing").status == 10


def test_a_dry_run_says_and_writes_nothing(source: StoreHarness, tmp_path: Path) -> None:
    """Not even into a target that is there."""
    make_directory_harness(tmp_path / "target")
    before = state(tmp_path / "target")
    result = mirror(tmp_path, "source", "target", "--dry-run")
    assert (result.status, state(tmp_path / "target")) == (0, before)
    assert result.stdout.splitlines()[0] == "cities: 2 would be copied (23 kB), 0 there"


def test_damage_in_the_source_is_not_copied_and_the_others_are(source: StoreHarness, tmp_path: Path) -> None:
    """Every byte is compared with the manifest on the way; 3 says that some failed."""
    source.write("cities_20261118_101500.snapshot", b"x" * len(ONE))
    result = mirror(tmp_path, "source", "target")
    assert result.status == 3
    assert "cities_20261118_101500.snapshot" not in state(tmp_path / "target")
    assert (read_latest(tmp_path / "target"), read_latest(tmp_path / "target", "towns")) == (TWO, THREE)
    assert (
        "snapshot 'cities_20261118_101500.snapshot' in store 'source' has 9,000 bytes with checksum" in result.stdout
    )


def test_another_snapshot_under_the_same_name_is_left_and_told(source: StoreHarness, tmp_path: Path) -> None:
    """Nothing in the target is ever overwritten."""
    target = make_directory_harness(tmp_path / "target")
    target.publish(b"somebody else's", FIRST)
    result = mirror(tmp_path, "source", "target")
    assert result.status == 3
    assert target.read(target.open(), selector="cities_20261118_101500.snapshot") == b"somebody else's"
    assert "is another one than in 'source'; both are left as they are" in result.stdout


def test_a_strangers_file_of_that_name_is_left_and_told(source: StoreHarness, tmp_path: Path) -> None:
    """Bytes without a manifest of ours belong to somebody else."""
    target = make_directory_harness(tmp_path / "target")
    target.write("cities_20261118_101500.snapshot", b"mine")
    result = mirror(tmp_path, "source", "target")
    assert result.status == 3
    assert (tmp_path / "target" / "cities_20261118_101500.snapshot").read_bytes() == b"mine"
    assert "something else lies in store 'target' under the name 'cities_20261118_101500.snapshot'" in result.stdout


def test_a_newer_latest_of_the_target_stays(source: StoreHarness, tmp_path: Path) -> None:
    """Latest never moves backwards."""
    target = make_directory_harness(tmp_path / "target")
    target.publish(b"newer", THIRD)
    assert mirror(tmp_path, "source", "target").status == 0
    assert read_latest(tmp_path / "target") == b"newer"


def test_what_the_target_has_besides_stays(source: StoreHarness, tmp_path: Path) -> None:
    """A copy, no synchronisation: what was pruned in the source is kept here by a rule of its own."""
    target = make_directory_harness(tmp_path / "target")
    target.publish(b"older", FIRST.replace(day=1))
    assert mirror(tmp_path, "source", "target").status == 0
    assert [one.file for one in target.open().list_snapshots("cities")] == [
        f"cities_202611{day}_101500.snapshot" for day in ("01", "18", "19")
    ]


def test_the_two_stores_may_be_settings(source: StoreHarness, tmp_path: Path) -> None:
    """As serve runs it."""
    result = mirror(tmp_path, RESTORE_STORE="source", RESTORE_MIRROR_TO="target")
    assert (result.status, read_latest(tmp_path / "target")) == (0, TWO)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "error: mirror: two stores are wanted, from where and to where; 0 are given"),
        (("source",), "error: mirror: two stores are wanted, from where and to where; 1 are given"),
        (
            ("source", "ftp://x/y"),
            "error: mirror: store 'ftp://x/y' begins with ftp://, a store is a directory or one of file://, s3://",
        ),
    ],
)
def test_wrong_arguments_are_2(tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    """Nothing was touched."""
    result = mirror(tmp_path, *arguments)
    assert (result.status, result.stderr.startswith(sentence), list(tmp_path.iterdir())) == (2, True, [])


@pytest.mark.parametrize(
    "target",
    ["source", "source/", "./source/../source", "link", "file://{}/link/"],
)
@pytest.mark.parametrize("flags", [(), ("--dry-run",)])
def test_a_store_is_not_mirrored_onto_itself(
    source: StoreHarness, tmp_path: Path, target: str, flags: tuple[str, ...]
) -> None:
    """As its own target it would be pruned by the target's rule: the snapshots that were to be protected."""
    (tmp_path / "link").symlink_to("source")
    before = state(tmp_path / "source")
    other = target.format(tmp_path)
    named = mirror(tmp_path, "source", other, "--keep", "last=1", *flags)
    by_settings = mirror(
        tmp_path, *flags, RESTORE_STORE="source", RESTORE_MIRROR_TO=other, RESTORE_MIRROR_KEEP="last=1"
    )
    assert (named.status, by_settings.status) == (16, 16)
    assert f"'source' and '{other}' are one store, and a mirror is a second one; nothing was copied" in named.stderr
    assert state(tmp_path / "source") == before


@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
def test_a_bucket_is_not_mirrored_onto_itself(tmp_path: Path, scheme: str) -> None:
    """A slash more names no other place. Nothing is asked of the server, which is not there."""
    result = mirror(tmp_path, f"{scheme}://backups/daily", f"{scheme}://backups//daily/")
    assert (result.status, list(tmp_path.iterdir())) == (16, [])
    assert not is_same_store(parse_location(f"{scheme}://backups/daily"), parse_location(f"{scheme}://backups"))


def test_a_source_that_is_not_there_is_10_and_makes_no_target(tmp_path: Path) -> None:
    """A missing source is an error, and the target is not created."""
    result = mirror(tmp_path, "source", "target")
    assert (result.status, list(tmp_path.iterdir())) == (10, [])
