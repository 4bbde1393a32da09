"""Names that look like paths, like our own files, or like each other's beginning, through every command."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from restore.monitoring.prometheus import parse_samples, render_samples
from restore.monitoring.run_result import CollectionRun, RunResult
from restore.monitoring.samples import SeriesKey, record_run
from restore.snapshots.document import write_document
from restore.snapshots.name import encode_collection
from restore.stores.local.reader import LocalStore
from tests.stores.conftest import BucketScenario
from tests.support.program import run_program
from tests.support.restore_scenario import RestoreScenario
from tests.support.sample_stores import NOON, FilledStore
from tests.support.server_under_test import Server
from tests.support.state_dump import digest_files
from tests.support.store_fixtures import minio

__all__ = ["bucket_scenario", "minio"]

from tests.stores.conftest import scenario as bucket_scenario

# Each has another's beginning or end, or is written like something of ours.
NAMES = (
    "docs",
    "docs_latest",
    "docs_20261120_120000",
    "docs_20261120_120000.snapshot",
    "docs.snapshot.json",
    "..x",
    ".partial-0123456789abcdef",
    ".restoring",
    ".drill",
    "%2e%2e%2fx",
    # No other control character: Qdrant 1.18.3 answers 500 to the download of such a snapshot.
    "a\nb\u202ec",
    "\U0001f30d",
    "x" * 180,
    "x" * 181,
)


def fill_server(server: Server, names: list[str]) -> None:
    """Give each collection as many points as its place in the list."""
    for number, name in enumerate(names):
        server.create(name, vectors={"size": 4, "distance": "Dot"})
        server.upsert(name, range(number + 1))


def test_every_command_takes_every_name_for_itself(
    scenario: RestoreScenario, new_name: Callable[[str], str], tmp_path: Path
) -> None:
    """Two snapshots of each name, then list, verify, pin, mirror, drill, prune of one, and restore of all."""
    names = [new_name("odd") + odd for odd in NAMES]
    fill_server(scenario.server, names)
    store, copy = scenario.store.path, tmp_path / "copy"
    beside = digest_files(tmp_path)
    environment = {
        "QDRANT_URL": scenario.server.url,
        "QDRANT_API_KEY": scenario.server.key,
        "RESTORE_STORE": str(store),
    }

    def run(*words: str) -> int:
        return run_program(*words, cwd=tmp_path, environment=environment, timeout=120).status

    taken = [run("snapshot", *names), run("snapshot", *names)]
    before = {name: [one.file for one in LocalStore(str(store)).list_snapshots(name)] for name in names}
    looked = [run("list"), run("verify"), run("pin", before[names[1]][0]), run("mirror", str(store), str(copy))]
    drilled = run("drill", *names[:6])
    pruned = run("prune", "--keep-last", "1", names[0])
    after = {name: [one.file for one in LocalStore(str(store)).list_snapshots(name)] for name in names}
    for name in names:
        scenario.server.drop(name)
    restored = run("restore", *names)
    counted = [scenario.server.count(name) for name in names]
    left = {path.partition("/")[0] for path in set(digest_files(tmp_path)) - set(beside)}

    assert (taken, looked, drilled, pruned, restored) == ([0, 0], [0, 0, 0, 0], 0, 0, 0)
    assert [len(files) for files in before.values()] == [2] * len(names)
    assert after == {**before, names[0]: before[names[0]][1:]}
    assert counted == list(range(1, len(names) + 1))
    assert left <= {store.name, "copy"}
    assert all(len(encode_collection(name)) <= 200 for name in names)


@pytest.mark.xdist_group("buckets")
def test_a_bucket_takes_every_name_for_itself(bucket_scenario: BucketScenario) -> None:
    """The same in a bucket, on a server of its own; pruning one name touches no other."""
    names = [f"odd{odd}" for odd in NAMES]
    server = Server(bucket_scenario.qdrant)
    fill_server(server, names)
    taken = [bucket_scenario.run("snapshot", *names, "--concurrency", "4").status for _ in range(2)]
    store = bucket_scenario.harness.open()
    before = {name: [one.file for one in store.list_snapshots(name)] for name in names}
    pruned = bucket_scenario.run("prune", "--keep-last", "1", names[0]).status
    after = {name: [one.file for one in store.list_snapshots(name)] for name in names}
    for name in names:
        server.drop(name)
    restored = bucket_scenario.run("restore", "--all").status

    assert (taken, pruned, restored) == ([0, 0], 0, 0)
    assert after == {**before, names[0]: before[names[0]][1:]}
    assert [server.count(name) for name in names] == list(range(1, len(names) + 1))


@pytest.mark.parametrize(
    "command",
    [
        ("verify",),
        ("verify", "--sample", "50%", "--depth", "archive", "--log-format", "json"),
        ("list",),
        ("prune", "--keep-last", "1"),
        ("mirror", "qdrant_snapshots", "copy"),
    ],
)
def test_names_that_are_no_text_end_no_run(command: tuple[str, ...], store: FilledStore, tmp_path: Path) -> None:
    """Files of other programs, damaged or not: they are told, and what is ours is handled."""
    store.add("cities")
    for name in (b"\xff.txt", b"caf\xe9-1-2026-11-18-10-15-00.snapshot", b"caf\xe9_20261118_101500.snapshot"):
        Path(os.fsdecode(os.fsencode(store.path) + b"/" + name)).write_bytes(b"x")
    metrics = {"RESTORE_METRICS_FILE": "m.prom", "RESTORE_STORE": str(store.path)}
    text = run_program(*command, cwd=tmp_path, environment=metrics)
    result = run_program(*command, "--json", cwd=tmp_path, environment=metrics)

    assert "this is a bug" not in text.stderr
    assert (text.status, result.status) in {(0, 0), (3, 3), (13, 13)}
    assert msgspec.json.decode(result.stdout)


def test_metrics_and_records_hold_names_that_are_no_text(tmp_path: Path) -> None:
    """The same escaped form in a report, a record and a metric."""
    run = CollectionRun(collection="caf\udce9", status=13)
    ended = RunResult(command="verify", operation_id="x", status=13, seconds=1.0, at=NOON, runs=(run,))
    twice = record_run(parse_samples(render_samples(record_run({}, ended)).decode()), ended)

    assert twice[SeriesKey("verify_total", ("caf\\udce9", "failed"))] == 2
    assert b"caf\\\\udce9" in write_document(ended)
