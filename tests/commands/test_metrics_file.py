"""The metrics file of single runs: every command's, shared by several, and nobody else's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from restore.commands.observe import measure_store
from restore.monitoring.prometheus import parse_samples, update_metrics_file
from restore.stores.layout import PROVEN_FILE
from tests.support.hostile_files import put_device, put_directory, put_endless, put_pipe
from tests.support.no_output import no_log
from tests.support.program import ProgramResult, make_environment, run_program
from tests.support.resolve_settings import resolve_settings
from tests.support.sample_stores import FilledStore
from tests.support.server_under_test import Server

VECTORS = {"size": 4, "distance": "Dot"}
ADD_ONE = """
import re, sys
from restore.monitoring.prometheus import update_metrics_file
for _ in range(25):
    update_metrics_file(sys.argv[1], lambda text: b"qdrant_restore_x %d" % (int((text.split() or ["0", "0"])[1]) + 1))
"""


class MetricsScenario:
    """A place with a store and a metrics file, and the program run in it."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self.store = path / "store"
        self.file = path / "metrics" / "qdrant.prom"
        self.file.parent.mkdir()
        self.url = url

    def run(self, *arguments: str, **environment: str) -> ProgramResult:
        """Run a command that writes the file."""
        given = {"QDRANT_URL": self.url, "RESTORE_STORE": str(self.store), "RESTORE_METRICS_FILE": str(self.file)}
        return run_program(*arguments, cwd=self.path, environment={**given, **environment})

    def read(self, name: str) -> dict[tuple[str, ...], float]:
        """Return one metric by its labels."""
        return {key.labels: value for key, value in parse_samples(self.file.read_text()).items() if key.name == name}


@pytest.fixture
def scenario(tmp_path: Path, target: Server) -> MetricsScenario:
    """Return a scenario on the server under test."""
    return MetricsScenario(tmp_path, target.url)


def test_every_command_that_can_be_scheduled_writes_the_file_and_keeps_what_others_wrote(
    scenario: MetricsScenario, cities: str
) -> None:
    """Snapshot, restore, verify, drill, mirror and prune: each has its run and its collection's four metrics."""
    result = [
        scenario.run("snapshot", cities),
        scenario.run("restore", cities),
        scenario.run("verify"),
        scenario.run("drill", cities),
        scenario.run("mirror", RESTORE_MIRROR_TO=str(scenario.path / "away")),
        scenario.run("prune", "--keep-last", "1"),
    ]
    commands = ("snapshot", "restore", "verify", "drill", "mirror", "prune")

    assert [one.status for one in result] == [0] * 6, [one.stderr for one in result]
    assert scenario.read("run_last_status") == {(command,): 1 for command in commands}
    assert [scenario.read(f"{command}_last_status") for command in commands] == [{(cities,): 1}] * 6
    assert [set(scenario.read(f"{command}_total").values()) for command in commands] == [{1}] * 6
    assert [set(scenario.read(f"{command}_last_success_timestamp_seconds")) for command in commands] == [
        {(cities,)}
    ] * 6
    # Restoring what is there already has no length.
    timed = [command for command in commands if scenario.read(f"{command}_duration_seconds")]
    assert timed == ["snapshot", "verify", "drill", "mirror", "prune"]
    assert set(scenario.read("bytes_transferred_total")) == {("download",), ("upload",), ("mirror",)}


def test_a_run_for_one_collection_takes_away_nothing_of_the_others(
    scenario: MetricsScenario, cities: str, target: Server, new_name: object
) -> None:
    """What rests in the store is told of all collections, whichever the run was for; also after one that failed."""
    other = new_name("towns")  # type: ignore[operator]
    target.create(other, vectors=VECTORS)
    scenario.run("snapshot", cities, other)
    before = scenario.read("latest_snapshot_points")
    scenario.run("snapshot", cities)
    scenario.run("verify", "--include", f"{cities}*")
    scenario.run("verify", "no-such-collection")

    assert before == {(cities,): 100, (other,): 0}
    assert scenario.read("latest_snapshot_points") == before
    assert scenario.read("run_last_status")["verify",] == 0


def test_a_proof_is_known_although_its_snapshot_was_pruned_and_the_file_is_new(
    scenario: MetricsScenario, cities: str
) -> None:
    """The store remembers it for the collection: seconds since the last proven backup are no matter of one file."""
    scenario.run("snapshot", cities)
    scenario.run("drill", cities)
    proven = scenario.read("last_proven_timestamp_seconds")
    scenario.file.unlink()
    scenario.run("snapshot", cities, "--keep-last", "1", "--grace", "0s")

    assert set(proven) == {(cities,)}
    assert len(list(scenario.store.glob("*.snapshot.json"))) == 1
    assert list(scenario.store.glob("*.check.json")) == []
    assert scenario.read("last_proven_timestamp_seconds")[cities,] == pytest.approx(proven[cities,], abs=0.001)


def test_a_drill_that_failed_proves_nothing(scenario: MetricsScenario, cities: str) -> None:
    """Neither does the embedded engine, which proves less: absence is what an alert looks for."""
    scenario.run("snapshot", cities)
    embedded = scenario.run("drill", cities, "--on", "embedded")
    (snapshot,) = scenario.store.glob(f"{cities}_2*.snapshot")
    snapshot.write_bytes(snapshot.read_bytes()[:-20_000] + b"\0" * 20_000)
    failed = scenario.run("drill", cities)

    assert (embedded.status, failed.status) == (0, 13), failed.stderr
    assert scenario.read("last_proven_timestamp_seconds") == {}
    assert not (scenario.store / PROVEN_FILE).exists()
    assert scenario.read("drill_last_status") == {(cities,): 0}


def test_what_a_verification_found_broken_stays_so_until_it_is_found_right(
    scenario: MetricsScenario, cities: str
) -> None:
    """One bit is wrong: a look at names and sizes would call it verified again after the next good run."""
    scenario.run("snapshot", cities)
    (snapshot,) = scenario.store.glob(f"{cities}_2*.snapshot")
    content = bytearray(snapshot.read_bytes())
    content[len(content) // 2] ^= 1
    snapshot.write_bytes(content)
    found = scenario.run("verify")
    scenario.run("verify", "--depth", "list")
    scenario.run("restore", cities)
    broken = scenario.read("snapshots")
    listed = scenario.run("list").stdout
    content[len(content) // 2] ^= 1
    snapshot.write_bytes(content)
    scenario.run("verify")

    assert found.status == 13
    assert broken == {(cities, "verified"): 0, (cities, "unverified"): 0, (cities, "broken"): 1}
    assert "failed its last check: " in listed
    assert scenario.read("snapshots")[cities, "verified"] == 1


def test_a_file_in_which_something_else_stands_is_left_as_it_is(scenario: MetricsScenario, cities: str) -> None:
    """Never delete what we did not make: a name that was mistyped costs a warning."""
    text = "# HELP node_load1 1m load average.\nnode_load1 0.5\n"
    scenario.file.write_text(text)
    result = scenario.run("snapshot", cities)

    assert result.status == 0
    assert scenario.file.read_text() == text
    assert (
        f"metrics file '{scenario.file}' holds what is not ours: '# HELP node_load1 1m load average.'"
        in result.stderr
    )


def test_half_a_file_of_ours_is_begun_anew(scenario: MetricsScenario, cities: str) -> None:
    """A disk that was full once must not end the metrics for ever."""
    scenario.file.write_text('qdrant_restore_run_total{command="snap')
    scenario.run("snapshot", cities)

    assert scenario.read("run_total") == {("snapshot", "succeeded"): 1}


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


def test_a_dry_run_counts_nothing(scenario: MetricsScenario, cities: str) -> None:
    """It has done nothing."""
    scenario.run("restore", cities, "--dry-run")

    assert not scenario.file.exists()


def test_the_file_is_one_that_a_collector_reads(scenario: MetricsScenario, cities: str) -> None:
    """Every line is a comment or a sample of ours, with a type for each metric."""
    scenario.run("snapshot", cities)
    line = re.compile(r"# (HELP|TYPE) qdrant_restore_|qdrant_restore_[a-z_]+[{ ]")

    assert [one for one in scenario.file.read_text().splitlines() if not line.match(one)] == []
    assert len(scenario.read("build_info")) == 1


def test_a_look_at_the_store_is_a_sign_of_life_at_each_file(store: FilledStore) -> None:
    """Serve looks after each run: at a hundred thousand files that takes longer than work may be silent."""
    for name in ("cities", "docs", "towns"):
        store.add(name)
    signs: list[str] = []
    measure_store(resolve_settings("list", "cities", store=store.path), no_log, lambda: signs.append("a file"))

    assert signs == ["a file"] * 6


@pytest.mark.parametrize("put", [put_pipe, put_device, put_directory, put_endless])
def test_what_is_no_small_plain_file_is_neither_read_nor_replaced(
    put: Callable[[Path], None], store: FilledStore, tmp_path: Path
) -> None:
    """A pipe would block for ever, a device never ends. The run itself goes on."""
    store.add("cities")
    file = tmp_path / "m.prom"
    put(file)
    before = file.lstat()
    result = run_program("verify", "--store", str(store.path), "--metrics-file", str(file), cwd=tmp_path, timeout=20)

    assert (result.status, file.lstat()[:7]) == (0, before[:7])
    assert f"metrics file '{file}' cannot be replaced: " in result.stderr


def test_the_null_device_switches_the_file_off(store: FilledStore, tmp_path: Path) -> None:
    """`RESTORE_METRICS_FILE=/dev/null`, here through a link, which stays."""
    store.add("cities")
    (tmp_path / "off").symlink_to(os.devnull)
    result = run_program(
        "verify", cwd=tmp_path, environment={"RESTORE_STORE": str(store.path), "RESTORE_METRICS_FILE": "off"}
    )

    assert (result.status, "metrics" in result.stderr) == (0, False)
    assert str((tmp_path / "off").readlink()) == os.devnull
