"""What `snapshot` prunes when a rule is set: after a verified snapshot, of its collection, and nothing else."""

# Fixtures are asked for by name, so their number confuses nobody.
# ruff: noqa: PLR0917
from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from restore.commands.snapshot.report import describe
from restore.errors import RefusedError
from restore.snapshots.manifest import read_manifest, write_manifest
from tests.support.recording_proxy import Fault, RecordedRequest, RecordingProxy
from tests.support.run_prune import fill, names, pin_here, prune_here
from tests.support.run_publish import find_trouble
from tests.support.run_restore import restore_here
from tests.support.run_snapshot import only, take_here
from tests.support.sample_stores import FilledStore
from tests.support.server_under_test import Server

VECTORS = {"size": 4, "distance": "Dot"}


@pytest.fixture
def cities(target: Server, name: str) -> str:
    """Return a collection with 43 points, as many as the recorded snapshots promise."""
    target.create(name, vectors=VECTORS)
    target.upsert(name, range(1, 44))
    return name


def test_a_verified_snapshot_is_followed_by_what_the_rule_wants_gone(
    target: Server, cities: str, store: FilledStore
) -> None:
    """Only older ones of this collection go; the new one is latest and whole; the report names what went."""
    files = fill(store, cities, range(1, 4))
    others = fill(store, "others", range(1, 4))
    report = take_here(cities, "--keep-last", "2", url=target.url, store=store.path)
    (pruned,) = report.pruned
    assert (report.status, [one.file for one in pruned.pruned]) == (0, files[:2])
    assert [file for file in (files[2], *others, only(report).snapshot) if not (store.path / file).exists()] == []
    assert f"{cities}: pruned {files[0]}" in describe(report)
    assert find_trouble(store.path) == []


def test_a_rule_that_keeps_nothing_is_refused_before_anything_is_made(
    proxy: RecordingProxy, cities: str, store: FilledStore
) -> None:
    """Afterwards the snapshot would be there, and the command would have failed all the same."""
    with pytest.raises(RefusedError, match=r"^the retention rule keeps nothing: it would prune everything; "):
        take_here(cities, "--keep-last", "0", url=proxy.url, store=store.path)
    assert proxy.writes == []
    assert list(store.path.glob("*.snapshot")) == []


def test_without_a_rule_nothing_is_pruned(target: Server, cities: str, store: FilledStore) -> None:
    """An empty rule deletes nothing, also after a snapshot."""
    files = fill(store, cities, range(1, 4))
    report = take_here(cities, url=target.url, store=store.path)
    assert (report.pruned, [file for file in files if not (store.path / file).exists()]) == ((), [])


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault(status=500), 17),
        (Fault(lost=True), 17),
    ],
)
def test_a_snapshot_that_failed_is_followed_by_no_pruning(
    proxy: RecordingProxy, cities: str, store: FilledStore, fault: Fault, status: int
) -> None:
    """A broken server must not cost a single good snapshot."""
    files = fill(store, cities, range(1, 4))
    proxy.inject(r"POST /collections/[^/]+/snapshots", fault)
    report = take_here(cities, "--keep-last", "1", url=proxy.url, store=store.path)
    assert (report.status, report.pruned) == (status, ())
    assert [file for file in files if not (store.path / file).exists()] == []


def test_a_snapshot_that_was_held_back_is_followed_by_no_pruning(
    target: Server, name: str, store: FilledStore
) -> None:
    """A snapshot with suspiciously few points is not a verified one, so nothing is pruned for it."""
    target.create(name, vectors=VECTORS)
    files = fill(store, name, range(1, 4))
    report = take_here(name, "--keep-last", "1", url=target.url, store=store.path)
    assert (report.status, report.pruned, only(report).latest) == (16, (), False)
    assert [file for file in files if not (store.path / file).exists()] == []


def test_a_deletion_that_fails_never_hides_the_good_snapshot(target: Server, cities: str, store: FilledStore) -> None:
    """Status 3; the snapshot is there and latest, and the file that stays is named."""
    files = fill(store, cities, range(1, 3))
    # A directory cannot be unlinked, whoever tries: what we wrote about this snapshot cannot go.
    (store.path / f"{files[0]}.check.json").mkdir()
    report = take_here(cities, "--keep-last", "1", url=target.url, store=store.path)
    outcome = only(report)
    (pruned,) = report.pruned
    assert (report.status, outcome.status, outcome.latest) == (3, 0, True)
    assert ([one.file for one in pruned.failed], [one.file for one in pruned.pruned]) == ([files[0]], [files[1]])
    assert any(line.startswith(f"{cities}: not pruned {files[0]}: ") for line in describe(report))


def test_a_snapshot_that_is_being_restored_is_not_pruned(
    target: Server, proxy: RecordingProxy, name: str, store: FilledStore
) -> None:
    """A prune during the upload keeps the file; a later one may delete it."""
    files = fill(store, name, range(3))
    pruned: list[list[str]] = []

    def prune(_seen: RecordedRequest) -> None:
        pruned.append(names(prune_here("--keep-last", "1", store=store.path)))

    proxy.inject(r"POST /collections/[^/]+/snapshots/upload", Fault(before=prune), times=1)
    report = restore_here(name, "--snapshot", files[0], "--transfer", "upload", url=proxy.url, store=store.path)
    afterwards = names(prune_here("--keep-last", "1", store=store.path))
    assert (report.status, target.count(name)) == (0, 43)
    assert (pruned, afterwards) == ([[files[1]]], [files[0]])


@pytest.fixture
def locked_store(store: FilledStore) -> Iterator[Path]:
    """Yield a store with a history and somebody who holds its lock."""
    fill(store, "cities", range(3))
    code = (
        "import sys, time; from restore.stores.local.writer import open_writable_local_store\n"
        "with open_writable_local_store(sys.argv[1]).lock(): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(store.path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    timer = threading.Timer(0.5, holder.kill)
    timer.start()
    yield store.path
    timer.join()
    holder.wait()


def test_prune_waits_for_a_snapshot_that_is_running(locked_store: Path) -> None:
    """Two hosts on one store: one after the other, and a killed holder's lock is free at once."""
    assert len(names(prune_here("--keep-last", "1", "--lock-timeout", "20s", store=locked_store))) == 2


def test_a_manifest_made_by_another_writer_keeps_its_snapshot(
    target: Server, cities: str, store: FilledStore
) -> None:
    """Files that this program did not write are never deleted, also after a snapshot."""
    (file,) = fill(store, cities, [1])
    manifest = store.path / f"{file}.json"
    found = read_manifest(manifest.read_bytes(), where=file)
    manifest.write_bytes(write_manifest(msgspec.structs.replace(found, written_by="another program")))
    pin_here(cities, store=store.path)
    report = take_here(cities, "--keep-last", "1", url=target.url, store=store.path)
    assert ([one.file for one in report.pruned[0].left], (store.path / file).exists()) == ([file], True)
