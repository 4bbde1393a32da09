"""Pruning beside others: a second prune, a snapshot that is made, a restore that reads. As people start them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.program import run_program
from tests.support.recording_proxy import Fault
from tests.support.request_hold import RequestHold
from tests.support.restore_scenario import RestoreScenario
from tests.support.run_prune import OURS, fill
from tests.support.run_publish import find_trouble
from tests.support.run_restore import RunningProgram
from tests.support.run_snapshot import start_snapshot
from tests.support.sample_stores import NOON

UPLOAD = r"POST /collections/[^/]+/snapshots/upload"
DOWNLOAD = r"GET /collections/[^/]+/snapshots/.+"
RULE = ("--keep-last", "1", "--min-keep", "0")


@pytest.fixture
def hold() -> Iterator[RequestHold]:
    """Yield a hook that holds requests."""
    hook = RequestHold()
    yield hook
    hook.release.set()


def prune(store: Path, *arguments: str) -> tuple[int, list[str]]:
    """Prune with the installed command; return the status and the deleted files."""
    result = run_program("prune", *RULE, *arguments, "--json", "--store", str(store), cwd=store.parent)
    outcomes = json.loads(result.stdout).get("outcomes", [])
    return result.status, [one["file"] for outcome in outcomes for one in outcome["pruned"]]


def test_two_prunes_at_once_delete_each_file_once(scenario: RestoreScenario) -> None:
    """One waits for the other; together they delete what one would have, and both end with 0."""
    files = fill(scenario.store, scenario.name, range(60))
    where = ("prune", *RULE, "--json", "--store", str(scenario.store.path))
    result: list[tuple[int, list[str]]] = []
    threads = [threading.Thread(target=lambda: result.append(prune(scenario.store.path))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    deleted = [file for _, gone in result for file in gone]
    assert [status for status, _ in result] == [0, 0, 0], where
    assert sorted(deleted) == files[:-1]
    assert find_trouble(scenario.store.path) == []


def test_a_prune_waits_for_a_snapshot_that_is_being_made(scenario: RestoreScenario, hold: RequestHold) -> None:
    """And counts it then: the new one is the last one, and latest."""
    scenario.add()
    scenario.restore()
    files = fill(scenario.store, scenario.name, [1, 2, 3])
    scenario.proxy.inject(DOWNLOAD, Fault(before=hold))
    child = start_snapshot(scenario.name, "--allow-smaller", url=scenario.proxy.url, store=scenario.store.path)
    assert hold.reached.wait(20)
    too_soon = prune(scenario.store.path, "--lock-timeout", "0.3s")
    threading.Timer(0.5, hold.release.set).start()
    patient = prune(scenario.store.path)
    child.communicate(timeout=30)
    newest = (scenario.store.path / f"{scenario.name}_latest.snapshot").readlink().name
    assert (child.returncode, too_soon) == (0, (11, []))
    assert (patient[0], set(files) - set(patient[1]), newest in patient[1]) == (0, set(), False)
    assert find_trouble(scenario.store.path) == []


@pytest.mark.parametrize("transfer", ["upload", "server-file"])
def test_what_a_restore_reads_stays_until_it_has_ended(
    shared_scenario: RestoreScenario, hold: RequestHold, transfer: str
) -> None:
    """The kernel's lock works across processes, also while the server reads the file by itself."""
    scenario = shared_scenario
    old = scenario.add(at=NOON - timedelta(days=3), written_by=OURS)
    scenario.proxy.inject(UPLOAD if transfer == "upload" else r"PUT .*/snapshots/recover", Fault(before=hold))
    with scenario.start(scenario.name, "--transfer", transfer, "--snapshot", old.name) as running:
        assert hold.reached.wait(20)
        newest = fill(scenario.store, scenario.name, [1, 2])
        while_read = prune(scenario.store.path)
        there = old.exists()
        hold.release.set()
        result = running.wait()
    afterwards = prune(scenario.store.path)
    assert (while_read, there) == ((0, newest[:1]), True)
    assert (result.status, scenario.server.count(scenario.name) > 0) == (0, True), result
    assert (afterwards, old.exists()) == ((0, [old.name]), False)


def test_a_reader_that_was_killed_holds_nothing(scenario: RestoreScenario, hold: RequestHold) -> None:
    """After kill -9 of the restore its file can be pruned at once."""
    old = scenario.add(at=NOON - timedelta(days=3), written_by=OURS)
    fill(scenario.store, scenario.name, [1])
    scenario.proxy.inject(UPLOAD, Fault(before=hold, refused=True))
    with RunningProgram(
        scenario.name,
        "--transfer",
        "upload",
        "--snapshot",
        old.name,
        url=scenario.proxy.url,
        store=scenario.store.path,
    ) as running:
        assert hold.reached.wait(20)
        running.kill()
        running.wait()
    assert prune(scenario.store.path) == (0, [old.name])
