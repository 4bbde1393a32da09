"""A disk without a byte left: what is there stays whole, the sentence says so, and pruning can still make room."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from restore.snapshots.manifest import write_manifest
from restore.stores.local.reader import LocalStore
from restore.stores.local.writer import WritableLocalStore, open_writable_local_store
from tests.support.hostile_files import FILE
from tests.support.program import make_environment
from tests.support.restore_scenario import RestoreScenario
from tests.support.run_prune import fill
from tests.support.run_publish import FIRST, describe, find_trouble, list_names
from tests.support.run_serve import read_events, remember_missed
from tests.support.sample_stores import FilledStore
from tests.support.state_dump import digest_files

OLD = "cities_20261118_120000.snapshot"
_FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
sys.argv[:1] = ["qdrant-restore"]
from restore.__main__ import main
main()
"""


def run_full(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the program where no file can be given a byte, as on a full disk; needs no privileges."""
    return subprocess.run(
        [sys.executable, "-B", "-c", _FULL, *arguments],
        cwd=cwd,
        env=make_environment(RESTORE_LOG_FORMAT="json", **variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a store on a disk of its own of two megabytes; only who may mount can have one."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m,nr_inodes=64", "tmpfs", place], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("only who may mount can have a small disk; the tests beside this one need none")
    try:
        (place / "store").mkdir()
        yield place / "store"
    finally:
        subprocess.run(["umount", place], check=True)


def fill_up(place: Path) -> None:
    """Leave no byte on the disk."""
    with contextlib.suppress(OSError), (place.parent / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))
    with contextlib.suppress(OSError):
        for number in range(1000):
            (place.parent / f"more-{number}").touch()
    assert os.statvfs(place).f_bavail == 0


def test_a_full_disk_can_be_pruned(store: FilledStore) -> None:
    """Deleting takes no room; the rule is followed, and nothing unfinished is left."""
    fill(store, "cities", [0, 1, 2])
    (store.path / ".lock").touch()
    result = run_full("prune", "--keep-last", "1", cwd=store.path.parent, RESTORE_STORE=str(store.path))

    assert (result.returncode, result.stderr.count("snapshot.pruned")) == (0, 2)
    assert list_names(store.path) == [FILE, f"{FILE}.json", "cities_latest.snapshot"]


def test_a_small_disk_without_a_byte_can_be_pruned(small_disk: Path) -> None:
    """The same where the file system itself has no room and no name left."""
    store = FilledStore(small_disk)
    fill(store, "cities", [0, 1, 2])
    (small_disk / ".lock").touch()
    fill_up(small_disk)
    environment = make_environment(RESTORE_STORE=str(small_disk))
    command = [sys.executable, "-B", "-m", "restore", "prune", "--keep-last", "1"]
    result = subprocess.run(command, cwd=small_disk, env=environment, capture_output=True, text=True, check=False)

    assert (result.returncode, find_trouble(small_disk)) == (0, [])
    assert list_names(small_disk) == [FILE, f"{FILE}.json", "cities_latest.snapshot"]


def test_a_kill_while_a_full_disk_is_pruned_is_finished_by_the_next_run(tmp_path: Path) -> None:
    """Killed after the bytes have lost their name: they and their manifest go, and nothing else does."""
    store = FilledStore(tmp_path / "store")
    fill(store, "cities", [0, 2])
    (store.path / OLD).rename(store.path / ".partial-0123456789abcdef")
    removed = WritableLocalStore(str(store.path)).remove_debris()

    assert removed == (f"{OLD}.json", ".partial-0123456789abcdef")
    assert list_names(store.path) == [FILE, f"{FILE}.json", "cities_latest.snapshot"]


def test_an_unfinished_packed_snapshot_takes_its_manifest_along(tmp_path: Path) -> None:
    """The size that counts is the store's in the manifest, not that of the server's file."""
    store = open_writable_local_store(str(tmp_path / "store"))
    manifest = msgspec.structs.replace(
        describe(bytes(1000), FIRST), stored_size=7, stored_sha256="0" * 64, compression="zstd"
    )
    name = "cities_20261118_101500.snapshot.zst"
    (tmp_path / "store" / f"{name}.json").write_bytes(write_manifest(manifest))
    (tmp_path / "store" / ".partial-0123456789abcdef").write_bytes(bytes(7))

    assert store.remove_debris() == (f"{name}.json", ".partial-0123456789abcdef")


def test_a_mirror_onto_a_full_disk_leaves_the_copies_that_are_there(store: FilledStore) -> None:
    """Status 15 and a sentence; nothing unfinished, and latest is the one that was copied before."""
    fill(store, "cities", [1])
    copy = store.path.parent / "copy"
    words = ("mirror", str(store.path), str(copy))
    first = subprocess.run(
        [sys.executable, "-m", "restore", *words], cwd=copy.parent, env=make_environment(), check=False
    )
    before = digest_files(copy)
    fill(store, "cities", [0])
    result = run_full(*words, cwd=copy.parent)

    assert (first.returncode, result.returncode) == (0, 15)
    assert "cannot be written after 0 bytes" in result.stdout + result.stderr
    assert (digest_files(copy), find_trouble(copy)) == (before, [])


def test_a_snapshot_onto_a_small_disk_leaves_the_old_latest(small_disk: Path, scenario: RestoreScenario) -> None:
    """Reported before the first byte where the disk says so; nothing is left here or on the server."""
    scenario.server.create(scenario.name, vectors={"size": 4, "distance": "Dot"})
    store = FilledStore(small_disk)
    store.add(scenario.name)
    (small_disk / ".lock").touch()
    before = store.files()
    fill_up(small_disk)
    environment = make_environment(QDRANT_URL=scenario.proxy.url, RESTORE_STORE=str(small_disk))
    command = [sys.executable, "-B", "-m", "restore", "snapshot", scenario.name]
    result = subprocess.run(command, cwd=small_disk, env=environment, capture_output=True, text=True, check=False)

    assert (result.returncode, store.files()) == (15, before)
    assert scenario.server.snapshots_of(scenario.name) == []


def test_a_check_that_cannot_be_remembered_is_a_check_all_the_same(store: FilledStore) -> None:
    """The store takes no record; the result is reported, with a warning that it is not remembered."""
    fill(store, "cities", [0])
    result = run_full("verify", "--depth", "hash", cwd=store.path.parent, RESTORE_STORE=str(store.path))

    assert result.returncode == 0
    assert "cannot be written" in result.stdout + result.stderr
    assert list_names(store.path) == [FILE, f"{FILE}.json", "cities_latest.snapshot"]


def test_serve_goes_on_where_its_book_cannot_be_written(store: FilledStore) -> None:
    """The job runs once by what the process knows; the log says what is not remembered; the end is as usual."""
    fill(store, "cities", [0])
    schedule = {"RESTORE_SCHEDULE_VERIFY": "@daily"}
    remember_missed(store.path, schedule)
    given = {"RESTORE_STORE": str(store.path), "RESTORE_LISTEN": "off", "RESTORE_LOG_FORMAT": "json", **schedule}
    command = [sys.executable, "-B", "-c", _FULL, "serve"]
    with subprocess.Popen(
        command, cwd=store.path.parent, env=make_environment(**given), stderr=subprocess.PIPE, text=True
    ) as serving:
        assert serving.stderr is not None
        watchdog = threading.Timer(40.0, serving.kill)
        watchdog.start()
        lines = list(itertools.takewhile(lambda line: "job.ended" not in line, serving.stderr))
        time.sleep(1.0)
        serving.terminate()
        rest = serving.stderr.read()
        watchdog.cancel()
    events = [one["event"] for one in read_events("".join([*lines, rest]))]

    assert (serving.returncode, events.count("job.began"), "Traceback" in rest) == (143, 1, False)
    assert "schedule.not_saved" in events
    assert LocalStore(str(store.path)).list_collections() == ("cities",)
