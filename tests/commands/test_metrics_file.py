"""The metrics file of single runs: every command's, shared by several, and nobody else's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from restore.commands.observe import measure_store, read_samples
from restore.monitoring.prometheus import update_metrics_file
from restore.stores.layout import PROVEN_FILE
from restore.system.events import no_log
from tests.support.program import Ended, make_environment, run_program
from tests.support.resolve_settings import settle
from tests.support.sample_stores import FilledStore
from tests.support.server_under_test import Server

VECTORS = {"size": 4, "distance": "Dot"}
ADD_ONE = """
import re, sys
from restore.monitoring.prometheus import update_metrics_file
for _ in range(25):
    update_metrics_file(sys.argv[1], lambda text: b"qdrant_restore_x %d" % (int((text.split() or ["0", "0"])[1]) + 1))
"""


class Bench:
    """A place with a store and a metrics file, and the program run in it."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self.store = path / "store"
        self.file = path / "metrics" / "qdrant.prom"
        self.file.parent.mkdir()
        self.url = url

    def run(self, *arguments: str, **environment: str) -> Ended:
        """Run a command that writes the file."""
        given = {"QDRANT_URL": self.url, "RESTORE_STORE": str(self.store), "RESTORE_METRICS_FILE": str(self.file)}
        return run_program(*arguments, cwd=self.path, environment={**given, **environment})

    def read(self, name: str) -> dict[tuple[str, ...], float]:
        """Give one metric by its labels."""
        return {key.labels: value for key, value in read_samples(self.file.read_text()).items() if key.name == name}


@pytest.fixture
def bench(tmp_path: Path, target: Server) -> Bench:
    """Give such a place before the server under test."""
    return Bench(tmp_path, target.url)


@pytest.fixture
def cities(target: Server, name: str) -> str:
    """Give a collection with 100 points."""
    target.create(name, vectors=VECTORS)
    target.upsert(name, range(1, 101))
    return name


def test_every_command_that_can_be_scheduled_writes_the_file_and_keeps_what_others_wrote(
    bench: Bench, cities: str
) -> None:
    """Snapshot, restore, verify, drill, mirror and prune: each has its run and its collection's four metrics."""
    ended = [
        bench.run("snapshot", cities),
        bench.run("restore", cities),
        bench.run("verify"),
        bench.run("drill", cities),
        bench.run("mirror", RESTORE_MIRROR_TO=str(bench.path / "away")),
        bench.run("prune", "--keep-last", "1"),
    ]
    commands = ("snapshot", "restore", "verify", "drill", "mirror", "prune")

    assert [one.status for one in ended] == [0] * 6, [one.stderr for one in ended]
    assert bench.read("run_last_status") == {(command,): 1 for command in commands}
    assert [bench.read(f"{command}_last_status") for command in commands] == [{(cities,): 1}] * 6
    assert [set(bench.read(f"{command}_total").values()) for command in commands] == [{1}] * 6
    assert [set(bench.read(f"{command}_last_success_timestamp_seconds")) for command in commands] == [{(cities,)}] * 6
    # Restoring what is there already has no length.
    timed = [command for command in commands if bench.read(f"{command}_duration_seconds")]
    assert timed == ["snapshot", "verify", "drill", "mirror", "prune"]
    assert set(bench.read("bytes_transferred_total")) == {("download",), ("upload",), ("mirror",)}


def test_a_run_for_one_collection_takes_away_nothing_of_the_others(
    bench: Bench, cities: str, target: Server, new_name: object
) -> None:
    """What rests in the store is told of all collections, whichever the run was for; also after one that failed."""
    other = new_name("towns")  # type: ignore[operator]
    target.create(other, vectors=VECTORS)
    bench.run("snapshot", cities, other)
    before = bench.read("latest_snapshot_points")
    bench.run("snapshot", cities)
    bench.run("verify", "--include", f"{cities}*")
    bench.run("verify", "no-such-collection")

    assert before == {(cities,): 100, (other,): 0}
    assert bench.read("latest_snapshot_points") == before
    assert bench.read("run_last_status")["verify",] == 0


def test_a_proof_is_known_although_its_snapshot_was_pruned_and_the_file_is_new(bench: Bench, cities: str) -> None:
    """The store remembers it for the collection: seconds since the last proven backup are no matter of one file."""
    bench.run("snapshot", cities)
    bench.run("drill", cities)
    proven = bench.read("last_proven_timestamp_seconds")
    bench.file.unlink()
    bench.run("snapshot", cities, "--keep-last", "1", "--grace", "0s")

    assert set(proven) == {(cities,)}
    assert len(list(bench.store.glob("*.snapshot.json"))) == 1
    assert list(bench.store.glob("*.check.json")) == []
    assert bench.read("last_proven_timestamp_seconds")[cities,] == pytest.approx(proven[cities,], abs=0.001)


def test_a_drill_that_failed_proves_nothing(bench: Bench, cities: str) -> None:
    """Neither does the embedded engine, which proves less: absence is what an alert looks for."""
    bench.run("snapshot", cities)
    embedded = bench.run("drill", cities, "--on", "embedded")
    (snapshot,) = bench.store.glob(f"{cities}_2*.snapshot")
    snapshot.write_bytes(snapshot.read_bytes()[:-20_000] + b"\0" * 20_000)
    failed = bench.run("drill", cities)

    assert (embedded.status, failed.status) == (0, 13), failed.stderr
    assert bench.read("last_proven_timestamp_seconds") == {}
    assert not (bench.store / PROVEN_FILE).exists()
    assert bench.read("drill_last_status") == {(cities,): 0}


def test_what_a_verification_found_broken_stays_so_until_it_is_found_right(bench: Bench, cities: str) -> None:
    """One bit is wrong: a look at names and sizes would call it verified again after the next good run."""
    bench.run("snapshot", cities)
    (snapshot,) = bench.store.glob(f"{cities}_2*.snapshot")
    content = bytearray(snapshot.read_bytes())
    content[len(content) // 2] ^= 1
    snapshot.write_bytes(content)
    found = bench.run("verify")
    bench.run("verify", "--depth", "list")
    bench.run("restore", cities)
    broken = bench.read("snapshots")
    listed = bench.run("list").stdout
    content[len(content) // 2] ^= 1
    snapshot.write_bytes(content)
    bench.run("verify")

    assert found.status == 13
    assert broken == {(cities, "verified"): 0, (cities, "unverified"): 0, (cities, "broken"): 1}
    assert "failed its last check: " in listed
    assert bench.read("snapshots")[cities, "verified"] == 1


def test_a_file_in_which_something_else_stands_is_left_as_it_is(bench: Bench, cities: str) -> None:
    """Never delete what we did not make: a name that was mistyped costs a warning."""
    text = "# HELP node_load1 1m load average.\nnode_load1 0.5\n"
    bench.file.write_text(text)
    ended = bench.run("snapshot", cities)

    assert ended.status == 0
    assert bench.file.read_text() == text
    assert f"metrics file '{bench.file}' holds what is not ours: '# HELP node_load1 1m load average.'" in ended.stderr


def test_half_a_file_of_ours_is_begun_anew(bench: Bench, cities: str) -> None:
    """A disk that was full once must not end the metrics for ever."""
    bench.file.write_text('qdrant_restore_run_total{command="snap')
    bench.run("snapshot", cities)

    assert bench.read("run_total") == {("snapshot", "succeeded"): 1}


def test_runs_that_end_together_lose_nothing_of_each_other(tmp_path: Path) -> None:
    """Four processes count to 25 in one file."""
    file = tmp_path / "x.prom"
    command = [sys.executable, "-c", ADD_ONE, str(file)]
    running = [subprocess.Popen(command, env=make_environment()) for _ in range(4)]

    assert [one.wait(60) for one in running] == [0] * 4
    assert file.read_text() == "qdrant_restore_x 100"
    assert [path.name for path in tmp_path.iterdir()] == ["x.prom"]


def test_a_reader_sees_the_old_text_or_the_new_one(tmp_path: Path) -> None:
    """A change that fails half-way changes nothing."""
    file = tmp_path / "x.prom"
    update_metrics_file(str(file), lambda _: b"qdrant_restore_x 1\n")

    def fail(_text: str) -> bytes:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        update_metrics_file(str(file), fail)
    assert file.read_text() == "qdrant_restore_x 1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["x.prom"]


def test_a_dry_run_counts_nothing(bench: Bench, cities: str) -> None:
    """It has done nothing."""
    bench.run("restore", cities, "--dry-run")

    assert not bench.file.exists()


def test_the_file_is_one_that_a_collector_reads(bench: Bench, cities: str) -> None:
    """Every line is a comment or a sample of ours, with a type for each metric."""
    bench.run("snapshot", cities)
    line = re.compile(r"# (HELP|TYPE) qdrant_restore_|qdrant_restore_[a-z_]+[{ ]")

    assert [one for one in bench.file.read_text().splitlines() if not line.match(one)] == []
    assert len(bench.read("build_info")) == 1


def test_a_look_at_the_store_is_a_sign_of_life_at_each_file(store: FilledStore) -> None:
    """Serve looks after each run: at a hundred thousand files that takes longer than work may be silent."""
    for name in ("cities", "docs", "towns"):
        store.add(name)
    signs: list[str] = []
    measure_store(settle("list", "cities", store=store.path), no_log, lambda: signs.append("a file"))

    assert signs == ["a file"] * 6
