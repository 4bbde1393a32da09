"""kill -9 at every executed line of pruning: what stays is not touched, and the next run ends with the same set."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from restore.commands.prune import command
from restore.retention import pruner as prune
from restore.snapshots.manifest import read_manifest, write_manifest
from restore.stores.local import debris, partial_file
from restore.stores.local import reader as directory
from restore.stores.local import writer as store
from restore.system import files
from tests.support.kill_at_line import run_to_line
from tests.support.run_prune import OURS, names, pin_here, prune_here
from tests.support.run_publish import find_trouble, list_names, publish_once
from tests.support.sample_stores import NOON

CODE = {
    debris.__file__,
    directory.__file__,
    files.__file__,
    partial_file.__file__,
    store.__file__,
    prune.__file__,
    command.__file__,
}
RULE = ("--keep-last", "2")
SET = b"""{"schema":1,"run_id":"0123456789abcdef","created":"2026-11-11T12:00:00Z","server":"1.18.3","collections":[
{"collection":"cities","file":"cities_20261111_120000.snapshot","sha256":"%s"}]}""" % (b"0" * 64)


def prepare(path: Path) -> None:
    """Make a store with a history: two go, one of them with a record of a check; a pinned one and two more stay."""
    for age in (9, 8, 7, 1, 0):
        content = b"%d" % age * 3000
        file = publish_once(path, content, NOON - timedelta(days=age)).file
        manifest = path / f"{file}.json"
        found = read_manifest(manifest.read_bytes(), where=file)
        manifest.write_bytes(write_manifest(msgspec.structs.replace(found, written_by=OURS)))
    pin_here("cities_20261113_120000.snapshot", store=path)
    (path / "cities_20261112_120000.snapshot.check.json").write_bytes(b"{}")
    (path / "20261111_120000_01234567.set.json").write_bytes(SET)
    (path / "notes.txt").write_bytes(b"mine")


def find_bare(place: Path) -> list[str]:
    """Return the manifests that have no snapshot any more."""
    there = set(list_names(place))
    manifests = {name for name in there if name.endswith(".snapshot.json")}
    return sorted(name for name in manifests if name.removesuffix(".json") not in there)


def find_harm(place: Path, stay: dict[str, bytes]) -> list[str]:
    """Return the files that should be unchanged and are not."""
    return [
        name
        for name, content in stay.items()
        if not (place / name).exists() or (place / name).read_bytes() != content
    ]


@pytest.mark.timeout(300)
def test_a_kill_at_any_line_leaves_the_rest_whole_and_a_second_run_ends_with_the_same_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Never a manifest without its snapshot; the rest is as it was; a second run ends with the same set."""
    template, trials = tmp_path / "template", Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else tmp_path
    prepare(template)
    place = trials / f"prune-{os.getpid()}"
    shutil.copytree(template, place, symlinks=True)
    gone = names(prune_here(*RULE, store=place))
    wanted = list_names(place)
    stay = {name: (place / name).read_bytes() for name in wanted}
    lines = run_to_line(lambda: _begin(template, place), None, CODE)
    wrong = []
    for line in range(1, lines + 1):
        shutil.rmtree(place)
        shutil.copytree(template, place, symlinks=True)
        run_to_line(lambda: prune_here(*RULE, store=place), line, CODE)
        after_kill = (find_harm(place, stay), find_bare(place))
        prune_here(*RULE, store=place)
        after_next = (list_names(place), find_trouble(place))
        if after_kill != ([], []) or after_next != (wanted, []):
            wrong.append((line, after_kill, after_next))
    shutil.rmtree(place)
    with capsys.disabled():
        print(f"\nkilled at each of {lines} points of the pruning code")  # noqa: T201 - the test says how many
    assert gone == ["cities_20261111_120000.snapshot", "cities_20261112_120000.snapshot"]
    assert wrong == []
    assert lines > 150


def _begin(template: Path, place: Path) -> None:
    shutil.rmtree(place)
    shutil.copytree(template, place, symlinks=True)
    prune_here(*RULE, store=place)
