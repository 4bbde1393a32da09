"""Pruning beside others: a second prune, a snapshot that is made, a restore that reads. As people start them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.program import run_program
from tests.support.recording_proxy import Fault, Seen
from tests.support.restore_environment import Ground
from tests.support.run_prune import OURS, fill
from tests.support.run_publish import find_trouble
from tests.support.run_restore import Running
from tests.support.run_snapshot import start_snapshot
from tests.support.sample_stores import NOON

UPLOAD = r"POST /collections/[^/]+/snapshots/upload"
DOWNLOAD = r"GET /collections/[^/]+/snapshots/.+"
RULE = ("--keep-last", "1", "--min-keep", "0")


class Held:
    """A hook that tells when a request has come, and holds it until it is let go."""

    def __init__(self) -> None:
        self.come = threading.Event()
        self.release = threading.Event()

    def __call__(self, _seen: Seen) -> None:
        """Come, and stay."""
        self.come.set()
        self.release.wait(30)


@pytest.fixture
def held() -> Iterator[Held]:
    """Give such a hook."""
    hook = Held()
    yield hook
    hook.release.set()


def prune(store: Path, *arguments: str) -> tuple[int, list[str]]:
    """Prune with the installed command; give the status and what was deleted."""
    ended = run_program("prune", *RULE, *arguments, "--json", "--store", str(store), cwd=store.parent)
    outcomes = json.loads(ended.stdout).get("outcomes", [])
    return ended.status, [one["file"] for outcome in outcomes for one in outcome["pruned"]]


def test_two_prunes_at_once_delete_each_file_once(ground: Ground) -> None:
    """One waits for the other; together they delete what one would have, and both end with 0."""
    files = fill(ground.store, ground.name, range(60))
    where = ("prune", *RULE, "--json", "--store", str(ground.store.path))
    ended: list[tuple[int, list[str]]] = []
    threads = [threading.Thread(target=lambda: ended.append(prune(ground.store.path))) for _ in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    deleted = [file for _, gone in ended for file in gone]
    assert [status for status, _ in ended] == [0, 0, 0], where
    assert sorted(deleted) == files[:-1]
    assert find_trouble(ground.store.path) == []


def test_a_prune_waits_for_a_snapshot_that_is_being_made(ground: Ground, held: Held) -> None:
    """And counts it then: the new one is the last one, and latest."""
    ground.add()
    ground.restore()
    files = fill(ground.store, ground.name, [1, 2, 3])
    ground.proxy.inject(DOWNLOAD, Fault(before=held))
    child = start_snapshot(ground.name, "--allow-smaller", url=ground.proxy.url, store=ground.store.path)
    assert held.come.wait(20)
    too_soon = prune(ground.store.path, "--lock-timeout", "0.3s")
    threading.Timer(0.5, held.release.set).start()
    patient = prune(ground.store.path)
    child.communicate(timeout=30)
    newest = (ground.store.path / f"{ground.name}_latest.snapshot").readlink().name
    assert (child.returncode, too_soon) == (0, (11, []))
    assert (patient[0], set(files) - set(patient[1]), newest in patient[1]) == (0, set(), False)
    assert find_trouble(ground.store.path) == []


@pytest.mark.parametrize("transfer", ["upload", "server-file"])
def test_what_a_restore_reads_stays_until_it_has_ended(shared_ground: Ground, held: Held, transfer: str) -> None:
    """The kernel's lock works across processes, also while the server reads the file by itself."""
    ground = shared_ground
    old = ground.add(at=NOON - timedelta(days=3), written_by=OURS)
    ground.proxy.inject(UPLOAD if transfer == "upload" else r"PUT .*/snapshots/recover", Fault(before=held))
    with ground.start(ground.name, "--transfer", transfer, "--snapshot", old.name) as running:
        assert held.come.wait(20)
        newest = fill(ground.store, ground.name, [1, 2])
        while_read = prune(ground.store.path)
        there = old.exists()
        held.release.set()
        ended = running.wait()
    afterwards = prune(ground.store.path)
    assert (while_read, there) == ((0, newest[:1]), True)
    assert (ended.status, ground.server.count(ground.name) > 0) == (0, True), ended
    assert (afterwards, old.exists()) == ((0, [old.name]), False)


def test_a_reader_that_was_killed_holds_nothing(ground: Ground, held: Held) -> None:
    """After kill -9 of the restore its file can be pruned at once."""
    old = ground.add(at=NOON - timedelta(days=3), written_by=OURS)
    fill(ground.store, ground.name, [1])
    ground.proxy.inject(UPLOAD, Fault(before=held, refused=True))
    with Running(
        ground.name, "--transfer", "upload", "--snapshot", old.name, url=ground.proxy.url, store=ground.store.path
    ) as running:
        assert held.come.wait(20)
        running.kill()
        running.wait()
    assert prune(ground.store.path) == (0, [old.name])
