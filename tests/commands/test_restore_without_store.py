"""A file given by its path is restored and verified where there is no store at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.program import run_program
from tests.support.sample_stores import FilledStore
from tests.support.server_under_test import Server


@pytest.fixture
def loose_snapshot(store: FilledStore, tmp_path: Path) -> Path:
    """Return a snapshot with a person's name, its manifest beside it, in a directory that is no store."""
    file = store.add("cities")
    place = tmp_path / "downloads"
    place.mkdir()
    (place / "x.snapshot").write_bytes(file.read_bytes())
    return place / "x.snapshot"


@pytest.mark.parametrize("where", [(), ("--store", "gone"), ("--store", "s3://bucket/prefix")])
def test_a_path_is_restored_without_a_store(
    target: Server, new_name: Callable[[str], str], loose_snapshot: Path, where: tuple[str, ...]
) -> None:
    """Neither the default one, nor one that is not there, nor a bucket is asked for; twice, and nothing is made."""
    name = new_name("elsewhere")
    command = ("restore", "--snapshot", str(loose_snapshot), "--to", name, *where)
    key = {"QDRANT_URL": target.url, "QDRANT_API_KEY": target.key}
    first = run_program(*command, "--json", cwd=loose_snapshot.parent, environment=key)
    again = run_program(*command, "--json", cwd=loose_snapshot.parent, environment=key)
    results = [json.loads(result.stdout)["outcomes"][0]["result"] for result in (first, again)]
    assert (first.status, again.status, results) == (0, 16, ["restored", "failed"])
    assert [path.name for path in loose_snapshot.parent.iterdir()] == ["x.snapshot"]


def test_a_path_that_is_not_there_is_said_and_no_store_is_blamed(
    target: Server, new_name: Callable[[str], str], loose_snapshot: Path, tmp_path: Path
) -> None:
    """Status 10, with the path."""
    gone = loose_snapshot.with_name("y.snapshot")
    result = run_program(
        "restore",
        "--snapshot",
        str(gone),
        "--to",
        new_name("gone"),
        cwd=loose_snapshot.parent,
        environment={"QDRANT_URL": target.url},
    )
    assert (result.status, f"snapshot '{gone}' does not exist" in result.stdout) == (10, True)


def test_a_path_is_verified_without_a_store(loose_snapshot: Path) -> None:
    """And nothing is written anywhere."""
    result = run_program("verify", str(loose_snapshot), cwd=loose_snapshot.parent)
    missing = run_program("verify", str(loose_snapshot), "./y.snapshot", cwd=loose_snapshot.parent)
    assert (result.status, missing.status) == (0, 10)
    assert result.stdout.splitlines()[-1].split(";")[0] == "1 file, none damaged"
    assert [path.name for path in loose_snapshot.parent.iterdir()] == ["x.snapshot"]


def test_a_name_still_needs_its_store(loose_snapshot: Path) -> None:
    """Status 10 where there is none."""
    result = run_program("verify", "cities", str(loose_snapshot), cwd=loose_snapshot.parent)
    assert (result.status, "store './qdrant_snapshots' does not exist" in result.stderr) == (10, True)
