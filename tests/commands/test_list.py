"""`list`: everything in the store is shown, damaged and foreign files as such."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from restore.checks.file_report import FileReport, FileState
from restore.commands.list.command import run
from restore.commands.list.report import describe_list
from restore.errors import NotFoundError
from restore.snapshots.manifest import write_manifest
from restore.stores.layout import Kind
from restore.stores.local.reader import open_local_store
from tests.support.archives import read_recorded
from tests.support.program import make_environment, run_program
from tests.support.resolve_settings import resolve_settings
from tests.support.run_publish import FIRST, SECOND, publish_once
from tests.support.sample_stores import NOON, FilledStore, damage, describe

WITH_MODES = [sys.executable, "-m", "tests.support.unprivileged", sys.executable, "-m", "restore"]
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 270336\n"


def state(store: FilledStore, *collections: str) -> dict[str, FileReport]:
    """Run the command, and return its finding for each file."""
    settings = resolve_settings("list", *collections, store=store.path)
    return {one.file: one for one in run(settings, open_local_store(str(store.path)), NOON).files}


def test_a_checked_snapshot_is_shown_with_what_its_manifest_says(store: FilledStore) -> None:
    """When, size, points, server version, latest, checked."""
    file = store.add("cities", note="before the move")
    promised = describe("plain", "cities")
    assert state(store) == {
        file.name: FileReport(
            file=file.name,
            kind=Kind.SNAPSHOT,
            state=FileState.CHECKED,
            collection="cities",
            latest=True,
            created=NOON,
            size_bytes=promised.size,
            promised_sha256=promised.sha256,
            points=promised.points,
            points_exact=True,
            server_version="1.18.3",
            note="before the move",
        ),
        "cities_latest.snapshot": FileReport(
            file="cities_latest.snapshot",
            kind=Kind.LATEST,
            state=FileState.POINTER,
            collection="cities",
            target=file.name,
        ),
    }


def test_without_a_manifest_a_snapshot_is_shown_as_not_checked(store: FilledStore) -> None:
    """A store that a person filled by hand is welcome."""
    file = store.add("cities", manifest=False)
    found = state(store)[file.name]
    assert (found.state, found.points, found.created, found.latest) == (FileState.UNCHECKED, None, NOON, True)


def put(store: FilledStore, file: str, content: bytes) -> None:
    """Put a file into the store."""
    (store.path / file).write_bytes(content)


@pytest.mark.parametrize(
    ("file", "content", "shown"),
    [
        (
            "towns_20261120_101500.snapshot",
            read_recorded("plain")[:-1024],
            (
                FileState.DAMAGED,
                (
                    "snapshot 'towns_20261120_101500.snapshot' is cut at its end: it has 269,312 bytes, "
                    "with its end marker 270,336"
                ),
            ),
        ),
        (
            "towns_20261120_101500.snapshot",
            LFS,
            (FileState.DAMAGED, "'towns_20261120_101500.snapshot' is a Git LFS pointer, not the file itself"),
        ),
        (
            "towns_20261120_101500.snapshot.json",
            b"{}",
            (FileState.DAMAGED, "'towns_20261120_101500.snapshot.json' describes a snapshot that is not there"),
        ),
        (".partial-0123456789abcdef", b"half", (FileState.DEBRIS, "left by a run that was killed")),
        ("mine.snapshot", read_recorded("plain"), (FileState.FOREIGN, "")),
        (
            "mine.snapshot",
            b"hello",
            (FileState.FOREIGN, "snapshot 'mine.snapshot' is a text file, not a snapshot of Qdrant"),
        ),
        ("notes.txt", b"hello", (FileState.FOREIGN, "")),
        (
            "towns_latest.snapshot",
            b"../towns.snapshot\n",
            (
                FileState.DAMAGED,
                "'towns_latest.snapshot' in store '{store}' points to '../towns.snapshot', outside the store",
            ),
        ),
    ],
)
def test_damaged_and_foreign_files_are_shown_as_such(
    store: FilledStore, file: str, content: bytes, shown: tuple[FileState, str]
) -> None:
    """Never hidden, and the whole ones are shown beside them."""
    store.add("cities")
    put(store, file, content)
    found = state(store)
    assert (found[file].state, found[file].problem) == (shown[0], shown[1].format(store=store.path))
    assert [one.state for one in found.values() if one.collection == "cities"] == [
        FileState.CHECKED,
        FileState.POINTER,
    ]


def test_a_snapshot_that_was_held_back_is_shown_with_the_reason(store: FilledStore) -> None:
    """The snapshot is kept, and the listing says why it is not latest."""
    publish_once(store.path, read_recorded("plain"), FIRST, points=100)
    held = publish_once(store.path, read_recorded("plain"), SECOND, points=0).file
    found = state(store)[held]
    assert (found.state, found.latest) == (FileState.HELD_BACK, False)
    assert found.problem.startswith("the collection has 0 points, the latest snapshot has 100")


def test_a_manifest_that_contradicts_its_file_shows_the_file_as_damaged(store: FilledStore) -> None:
    """Swapped with another collection's."""
    file = store.add("cities")
    put(store, f"{file.name}.json", write_manifest(describe("plain", "towns")))
    found = state(store)[file.name]
    assert (found.state, found.problem) == (
        FileState.DAMAGED,
        f"manifest '{file.name}.json' is of collection 'towns', not of 'cities'",
    )


def test_a_damaged_snapshot_keeps_the_columns_that_its_manifest_has(store: FilledStore) -> None:
    """A file that was cut: when, how many points, of which server."""
    file = store.add("cities", note="before the move")
    file.write_bytes(file.read_bytes()[:-2048])
    found = state(store)[file.name]
    assert (found.state, found.created, found.points, found.server_version, found.note) == (
        FileState.DAMAGED,
        NOON,
        43,
        "1.18.3",
        "before the move",
    )


def test_a_snapshot_that_failed_its_last_check_is_not_called_checked(store: FilledStore) -> None:
    """Its headers are whole, and a byte of it is not."""
    damage(store.add("cities"))
    assert run_program("verify", "--store", str(store.path), cwd=store.path).status == 13
    settings = resolve_settings("list", store=store.path)
    shown = describe_list(run(settings, open_local_store(str(store.path)), datetime.now(UTC)))
    assert [line.split("  ")[-1] for line in shown[1:2]] == ["check failed"]
    assert shown[2].startswith("    failed its last check: ")


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX")
@pytest.mark.parametrize("suffix", ["", ".json"])
def test_a_file_that_may_not_be_read_is_unreadable_and_not_damaged(suffix: str, store: FilledStore) -> None:
    """Nothing is known of its bytes."""
    file = store.add("cities")
    closed = file.with_name(file.name + suffix)
    closed.chmod(0)
    result = subprocess.run(
        [*WITH_MODES, "list", "--json", "--store", str(store.path)],
        env=make_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    closed.chmod(0o644)
    found = {one["file"]: one for one in json.loads(result.stdout)["files"]}[file.name]
    assert (found["state"], found["status"]) == ("unreadable", 18)


def test_only_the_collections_named_are_shown(store: FilledStore) -> None:
    """`docs` is not `docs_v2`."""
    store.add("docs")
    file = store.add("docs_v2")
    assert sorted(state(store, "docs_v2")) == [file.name, "docs_v2_latest.snapshot"]


def test_a_collection_of_which_nothing_is_there_is_an_error(store: FilledStore) -> None:
    """Status 10, with what is there."""
    store.add("docs")
    with pytest.raises(NotFoundError, match=r"it has snapshots of 'docs'$"):
        state(store, "cities")


def test_people_read_a_line_per_file_under_a_heading_per_collection(store: FilledStore) -> None:
    """The oldest first, latest marked, trouble beneath its file."""
    store.add("cities", latest=False, manifest=False, at=FIRST)
    store.add("cities", note="before the move")
    put(store, "notes.txt", b"hello")
    put(store, "towns_20261120_101500.snapshot", b"")
    settings = resolve_settings("list", store=store.path)
    assert describe_list(run(settings, open_local_store(str(store.path)), NOON)) == [
        "cities",
        (
            "  cities_20261118_101500.snapshot          2026-11-18 10:15:00 UTC  270 kB                            "
            "not checked"
        ),
        (
            "  cities_20261120_120000.snapshot  latest  2026-11-20 12:00:00 UTC  270 kB  43 points  Qdrant 1.18.3  "
            "checked"
        ),
        "    note: before the move",
        "towns",
        "  towns_20261120_101500.snapshot    2026-11-20 10:15:00 UTC        damaged",
        "    snapshot 'towns_20261120_101500.snapshot' is an empty file",
        "    hint: make the snapshot again, or take another one with --snapshot",
        "(of no collection)",
        "  notes.txt            foreign",
    ]


def test_the_installed_command_prints_the_same_as_json(store: FilledStore, tmp_path: Path) -> None:
    """Status 0 whatever it sees; a second look changes nothing."""
    damage(store.add("cities"))
    before = store.files()
    result = run_program("list", "--json", "--store", str(store.path), cwd=tmp_path)
    shown = {one["file"]: one["state"] for one in json.loads(result.stdout)["files"]}
    assert (result.status, shown) == (
        0,
        {"cities_20261120_120000.snapshot": "checked", "cities_latest.snapshot": "pointer"},
    )
    assert store.files() == before


def test_an_empty_store_is_said_to_be_empty(store: FilledStore, tmp_path: Path) -> None:
    """And a missing one is an error."""
    empty = run_program("list", "--store", str(store.path), cwd=tmp_path)
    missing = run_program("list", "--store", "nowhere", cwd=tmp_path)
    assert (empty.status, empty.stdout) == (0, f"store '{store.path}' is empty\n")
    assert (missing.status, missing.stderr.splitlines()[0]) == (10, "error: store 'nowhere' does not exist")
