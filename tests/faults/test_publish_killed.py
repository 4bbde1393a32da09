"""kill -9 at every executed line of publishing: latest is always whole, and the next run cleans up by itself.

A child process counts the lines and returns of our own code (`sys.settrace`) and kills itself at the n-th; there is
one child for every n. What this does not cover, a loss of what was not synced, is `test_publish_power_loss.py`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from restore.commands.snapshot import publish
from restore.snapshots.manifest import write_manifest
from restore.stores.local import debris, partial_file
from restore.stores.local import reader as directory
from restore.stores.local import writer as store
from restore.system import files
from tests.support.kill_at_line import run_to_line
from tests.support.run_publish import (
    FIRST,
    SECOND,
    THIRD,
    describe,
    find_trouble,
    list_names,
    publish_once,
    read_latest,
)

OLD, NEW, NEXT = b"old" * 5000, b"new one" * 5000, b"the next" * 5000
CODE = {
    debris.__file__,
    directory.__file__,
    files.__file__,
    partial_file.__file__,
    store.__file__,
    publish.__file__,
}


def prepare_nothing(_path: Path) -> None:
    """Make nothing: the store is not there yet."""


def prepare_old(path: Path) -> None:
    """Make a store with a latest."""
    publish_once(path, OLD, FIRST)


def prepare_debris(path: Path) -> None:
    """Make a store with a latest and what a killed run left."""
    publish_once(path, OLD, FIRST)
    (path / ".partial-0123456789abcdef").write_bytes(NEW)
    (path / ".partial-0123456789abcde0.link").symlink_to("gone")
    orphan = write_manifest(describe(NEW, datetime(2026, 11, 17, tzinfo=UTC)))
    (path / "cities_20261117_000000.snapshot.json").write_bytes(orphan)


def prepare_plain(path: Path) -> None:
    """Make a store where a person put a snapshot there as latest itself."""
    path.mkdir()
    (path / "cities_latest.snapshot").write_bytes(OLD)
    os.utime(path / "cities_latest.snapshot", (FIRST.timestamp(), FIRST.timestamp()))


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("prepare", "kept"),
    [
        (prepare_nothing, []),
        (prepare_old, ["cities_20261118_101500.snapshot", "cities_20261118_101500.snapshot.json"]),
        (prepare_debris, ["cities_20261118_101500.snapshot", "cities_20261118_101500.snapshot.json"]),
        (prepare_plain, ["cities_20261118_101500.snapshot"]),
    ],
)
def test_a_kill_at_any_line_leaves_latest_whole_and_the_next_run_cleans_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], prepare: Callable[[Path], None], kept: list[str]
) -> None:
    """Latest is the old snapshot or the new one, both whole; a normal run then leaves no debris."""
    template = tmp_path / "template"
    prepare(template)
    first = read_latest(template)
    trials = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else tmp_path
    place = trials / f"publish-{os.getpid()}"
    lines = run_to_line(lambda: publish_once(_copy(template, place), NEW, SECOND), None, CODE)
    wrong = []
    for line in range(1, lines + 1):
        _copy(template, place)
        run_to_line(lambda: publish_once(place, NEW, SECOND), line, CODE)
        after_kill = (read_latest(place) if place.exists() else None, find_unexplained(place))
        publish_once(place, NEXT, THIRD)
        after_next = (read_latest(place), find_trouble_of_ours(place), find_left(place, kept), holds_old(place))
        if after_kill not in {(first, ()), (NEW, ())} or after_next != (NEXT, [], set(), first is not None):
            wrong.append((line, after_kill, after_next))
    shutil.rmtree(place)
    with capsys.disabled():
        print(f"\n{prepare.__name__}: killed at each of {lines} points of the publishing code")  # noqa: T201 - the test says how many
    assert wrong == []
    assert lines > 150


def _copy(template: Path, place: Path) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    if template.exists():
        shutil.copytree(template, place, symlinks=True)
    return place


def find_unexplained(place: Path) -> tuple[str, ...]:
    """Return the faults of a store right after a kill: files with a final name that are not whole."""
    return tuple(find_trouble_of_ours(place)) if place.exists() else ()


def find_trouble_of_ours(place: Path) -> list[str]:
    """Return the faults of a store; a person's own file needs no manifest."""
    mine = {"cities_latest.snapshot", "cities_20261118_101500.snapshot"}
    own = [f"{name} is not what its manifest says" for name in mine if _is_old(place / name)]
    return [trouble for trouble in find_trouble(place) if trouble not in own]


def _is_old(path: Path) -> bool:
    return path.exists() and path.read_bytes() == OLD


def holds_old(place: Path) -> bool:
    """Return True if the first snapshot is still there: it is never lost, whoever made it."""
    return _is_old(place / "cities_20261118_101500.snapshot")


def find_left(place: Path, kept: list[str]) -> set[str]:
    """Return the debris: all files but the kept ones, latest, and snapshots with their manifests."""
    names = set(list_names(place))
    ours = {f"cities_{stamp}.snapshot" for stamp in ("20261119_101500", "20261120_101500")} & names
    return names - {*kept, *ours, *(f"{name}.json" for name in ours), "cities_latest.snapshot"}
