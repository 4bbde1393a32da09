"""`pin` and `unpin`: a document beside a snapshot, with a reason; nothing else is changed."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from restore.commands.pin.report import describe
from restore.retention.pin import Pin
from restore.snapshots.document import read_document
from tests.support.program import run_program
from tests.support.run_prune import fill, names, pin_here, prune_here, unpin_here
from tests.support.sample_stores import NOON, FilledStore

FILE = "cities_20261118_120000.snapshot"


def test_a_pin_says_why_and_since_when(store: FilledStore) -> None:
    """Beside the snapshot; a second pin has the new reason."""
    fill(store, "cities", range(4))
    before = set(store.files())
    pin_here(FILE, "--reason", "an old one", store=store.path)
    report = pin_here(FILE, "--reason", "before the move", store=store.path)
    pin = read_document((store.path / f"{FILE}.pin.json").read_bytes(), Pin, where=FILE)
    assert pin == Pin(reason="before the move", at=NOON)
    assert set(store.files()) - before == {f"{FILE}.pin.json", ".lock"}
    assert (report.status, describe(report)) == (0, [f"{FILE}: pinned, no rule prunes it"])


def test_a_collections_name_pins_its_latest(store: FilledStore) -> None:
    """The file that it is now: the next latest is not pinned."""
    files = fill(store, "cities", range(3))
    report = pin_here("cities", store=store.path)
    store.add("cities", at=NOON + timedelta(days=1), written_by="qdrant-restore 0")
    pruned = names(prune_here("--keep-last", "1", store=store.path, now=NOON + timedelta(days=1)))
    assert ([one.snapshot for one in report.outcomes], pruned) == ([files[2]], files[:2])


def test_without_its_pin_a_snapshot_goes_like_every_other(store: FilledStore) -> None:
    """And with it its check, and nothing of it is left."""
    fill(store, "cities", range(4))
    pin_here(FILE, store=store.path)
    unpinned = unpin_here(FILE, store=store.path)
    again = unpin_here(FILE, store=store.path)
    prune_here("--keep-last", "1", store=store.path)
    assert [one.changed for one in (*unpinned.outcomes, *again.outcomes)] == [True, False]
    assert describe(again) == [f"{FILE}: was not pinned"]
    assert [name for name in store.files() if name.startswith(FILE)] == []


@pytest.mark.parametrize(
    "argument",
    ["towns", "cities_20300101_000000.snapshot", "../cities_20261118_120000.snapshot", "notes.txt", "/etc/passwd"],
)
def test_what_is_no_snapshot_of_the_store_cannot_be_pinned(store: FilledStore, argument: str) -> None:
    """Nothing is written, here or elsewhere."""
    fill(store, "cities", range(2))
    (store.path / "notes.txt").write_bytes(b"mine")
    before = {name: content for name, content in store.files().items() if name != ".lock"}
    report = pin_here(argument, store=store.path)
    assert report.status in {10, 13}
    assert {name: content for name, content in store.files().items() if name != ".lock"} == before
    assert sorted(path.name for path in store.path.parent.iterdir()) == ["qdrant_snapshots"]


def test_a_listing_shows_pins_and_their_reasons(store: FilledStore, tmp_path: Path) -> None:
    """Also in JSON; a pin without its snapshot is shown with the way out."""
    fill(store, "cities", range(3))
    pin_here(FILE, "--reason", "before the move", store=store.path)
    pin_here("cities", store=store.path)
    orphan = "cities_20200101_000000.snapshot"
    (store.path / f"{orphan}.pin.json").write_bytes((store.path / f"{FILE}.pin.json").read_bytes())
    shown = run_program("list", "--store", str(store.path), cwd=tmp_path).stdout.splitlines()
    output = json.loads(run_program("list", "--json", "--store", str(store.path), cwd=tmp_path).stdout)["files"]
    pins = {one["file"]: (one["pinned"], one["pin_reason"]) for one in output if one["pinned"]}
    assert [line.split("  ")[2] for line in shown if "pinned  " in line] == ["pinned", "latest, pinned"]
    assert shown[2] == "    pinned: before the move"
    assert pins == {FILE: (True, "before the move"), "cities_20261120_120000.snapshot": (True, "")}
    assert [line.replace("          ", "") for line in shown[-3:]] == [
        f"  {orphan}.pin.json  foreign",
        "    pins a snapshot that is not there",
        f"    hint: qdrant-restore unpin {orphan}",
    ]


def test_a_pin_whose_snapshot_is_gone_can_be_taken_away(store: FilledStore, tmp_path: Path) -> None:
    """And is no failure of `verify`; nothing else goes with it."""
    fill(store, "cities", range(2))
    pin_here("cities_20261119_120000.snapshot", store=store.path)
    (store.path / "cities_20261119_120000.snapshot").unlink()
    (store.path / "cities_20261119_120000.snapshot.json").unlink()
    verified = run_program("verify", "--store", str(store.path), cwd=tmp_path)
    pruned = prune_here("--keep-last", "1", store=store.path)
    before = set(store.files())
    report = unpin_here("cities_20261119_120000.snapshot", store=store.path)
    assert (verified.status, pruned.status, report.status) == (0, 0, 0)
    assert before - set(store.files()) == {"cities_20261119_120000.snapshot.pin.json"}


def test_one_that_cannot_be_pinned_does_not_stop_the_others(store: FilledStore) -> None:
    """Status 3."""
    fill(store, "cities", range(2))
    report = pin_here("towns", "cities", store=store.path)
    assert (report.status, [one.status for one in report.outcomes]) == (3, [10, 0])


def test_the_installed_command_pins_and_unpins(store: FilledStore, tmp_path: Path) -> None:
    """Without an argument it says what is missing."""
    fill(store, "cities", range(2))
    where = ("--store", str(store.path))
    pinned = run_program("pin", "cities", "--reason", "kept for 2026", "--json", *where, cwd=tmp_path)
    unpinned = run_program("unpin", "cities_20261120_120000.snapshot", *where, cwd=tmp_path)
    missing = run_program("pin", *where, cwd=tmp_path)
    assert (pinned.status, json.loads(pinned.stdout)["outcomes"][0]["changed"]) == (0, True)
    assert (unpinned.status, unpinned.stdout) == (0, "cities_20261120_120000.snapshot: no longer pinned\n")
    assert (missing.status, missing.stderr.splitlines()[0]) == (
        2,
        "error: pin: which snapshot? give its file's name, or a collection for its latest",
    )
