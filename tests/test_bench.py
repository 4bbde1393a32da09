"""The benchmark runs to its end and saves a number for every row. Speed is not checked here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.bucket_server_installs import MINIO, MINIO_CLIENT, AbsentError, find_go
from tests.support.program import ROOT

SMALL = ("--size", "1MB", "--many", "3", "--many-size", "1MB", "--memory-size", "1MB", "--retention", "30")
ONCE = ("--rounds", "1", "--boot-rounds", "1")
PLAIN = "boot,restore,snapshot,ten,packing,memory,retention"


def measure(results: Path, rows: str) -> dict[str, Any]:
    """Run the benchmark on its own embedded server. Return the saved results."""
    command = [sys.executable, "-m", "bench", *SMALL, *ONCE, "--rows", rows, "--results", str(results)]
    own = {name: text for name, text in os.environ.items() if not name.startswith("QDRANT_")}
    process = subprocess.run(
        [*command, "--work-dir", str(results)],
        cwd=ROOT,
        env=own,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    [saved] = results.glob("*.json")
    assert f"kept in {saved}" in process.stdout
    results_json: dict[str, Any] = json.loads(saved.read_bytes())
    return results_json


def name(ratio: dict[str, Any]) -> str:
    """Return a ratio's work and what it is compared with."""
    return f"{ratio['contest']} {ratio['way']}".strip() + f" / {ratio['against']['name']}"


@pytest.mark.timeout(330)
def test_every_row_comes_out_with_its_numbers(tmp_path: Path) -> None:
    """One command measures every row, and leaves only its results."""
    found = measure(tmp_path, PLAIN)
    seconds = [
        run["seconds"] for ratio in found["ratios"] for run in (*ratio["ours"]["runs"], *ratio["against"]["runs"])
    ]
    works = [peak["work"] for peak in found["peaks"]]
    assert [name(ratio) for ratio in found["ratios"]] == [
        "boot with nothing to do / requests",
        "restore by upload / curl",
        "restore by server file / curl",
        "restore by upload / requests",
        "snapshot / curl",
        "snapshot / requests",
        "3 snapshots / curl loop",
        "3 restores by upload / curl loop",
        "3 restores by server file / curl loop",
    ]
    assert min(seconds) > 0
    assert [one["packing"] for one in found["packed"]] == ["none", "zstd", "age", "zstd, age"]
    assert min(one["stored_bytes"] for one in found["packed"]) > 0
    assert {"snapshot", "restore by upload", "restore by server file"} <= set(works)
    assert min(peak["peak_kib"] for peak in found["peaks"]) > 0
    assert {(one["snapshots"], one["deleted"]) for one in found["prunings"]} == {(30, 5)}
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".md"]


@pytest.mark.stores
@pytest.mark.xdist_group("buckets")
@pytest.mark.timeout(330)
def test_a_bucket_is_measured_both_ways(tmp_path: Path) -> None:
    """Runs if MinIO and its client are installed."""
    try:
        find_go(MINIO), find_go(MINIO_CLIENT)
    except AbsentError as absent:
        pytest.skip(str(absent))
    found = measure(tmp_path, "bucket")
    assert [name(ratio) for ratio in found["ratios"]] == [
        "snapshot into a bucket / curl and mc",
        "restore from a bucket by upload / curl and mc",
    ]
    assert found["notes"] == []
