"""`python -m bench.retention [NUMBER…]`: what it costs to prune a directory of so many snapshots.

Each number is measured in a directory of its own, filled with tiny snapshots and manifests of the size that real ones
have (2.5 kB), 1,000 snapshots a collection, one every hour. Each pass is a process of its own: its seconds from start
to end, and its peak of memory. The dry run reads and decides; the real one deletes what no rule keeps.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from restore.words.manifest import Manifest, Sample, write_manifest
from restore.words.snapshot import SnapshotName, name_latest, name_manifest
from restore.words.store import STAMP_FILE, STAMP_TEXT

_SNAPSHOTS = (10_000, 50_000, 100_000)
_EACH = 1_000
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_RULE = ("--keep-last", "24", "--keep-daily", "30", "--keep-weekly", "8", "--keep-yearly", "3")
_CONTENT = b"x" * 64
_MB = 1024.0


class Pass(NamedTuple):
    """One process: seconds, peak of memory in MB, and how many snapshots it deleted or would have."""

    seconds: float
    peak_mb: float
    pruned: int


def main(arguments: list[str]) -> None:
    """Measure and print a table."""
    numbers = [int(text.replace("_", "").replace(",", "")) for text in arguments] or list(_SNAPSHOTS)
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}\n")
    print("| Snapshots | Dry run | Per snapshot | Peak memory | Real run | Deleted | Per deletion | Second run |")
    print("|---|---|---|---|---|---|---|---|")
    for number in numbers:
        with tempfile.TemporaryDirectory(prefix="qdrant-bench-", dir=os.environ.get("BENCH_DIR")) as work:
            store = Path(work) / "store"
            _fill(store, number)
            dry, real, again = _run(store, "--dry-run"), _run(store), _run(store)
        print(
            f"| {number:,} | {dry.seconds:.1f} s | {1e6 * dry.seconds / number:.0f} µs | {dry.peak_mb:.0f} MB "
            f"| {real.seconds:.1f} s | {real.pruned:,} | {1000 * (real.seconds - dry.seconds) / real.pruned:.2f} ms "
            f"| {again.seconds:.1f} s |",
            flush=True,
        )


def _fill(store: Path, number: int) -> None:
    store.mkdir()
    (store / STAMP_FILE).write_bytes(STAMP_TEXT)
    for collection, at in _list_snapshots(number):
        name = str(SnapshotName(collection, at))
        (store / name).write_bytes(_CONTENT)
        (store / name_manifest(name)).write_bytes(write_manifest(_describe(collection, at)))
        link = store / name_latest(collection)
        link.unlink(missing_ok=True)
        link.symlink_to(name)


def _list_snapshots(number: int) -> Iterator[tuple[str, datetime]]:
    for place in range(number):
        yield f"collection-{place // _EACH:04}", _BEGIN + timedelta(hours=place % _EACH)


def _describe(collection: str, at: datetime) -> Manifest:
    return Manifest(
        collection=collection,
        created=at,
        server_version="1.18.3",
        size=len(_CONTENT),
        sha256="0" * 64,
        points=1_000,
        points_exact=True,
        config={"params": {"vectors": {"size": 768, "distance": "Cosine"}, "shard_number": 1}},
        payload_schema={},
        samples=tuple(Sample(number, "0" * 32) for number in range(32)),
        written_by="qdrant-restore bench",
    )


def _run(store: Path, *arguments: str) -> Pass:
    """Run the program, and read what it took from the kernel."""
    command = [sys.executable, "-m", "restore", "prune", "--json", "--store", str(store), *_RULE, *arguments]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    begin = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        report = json.loads(child.stdout.read())
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - begin
    assert (child.returncode, before >= 0) == (0, True)
    return Pass(seconds, used.ru_maxrss / _MB, sum(len(one["pruned"]) for one in report["outcomes"]))


if __name__ == "__main__":
    main(sys.argv[1:])
