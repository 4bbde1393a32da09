"""The row `retention`: the cost of pruning a directory and a bucket with many snapshots.

Each number of snapshots has a store of its own, filled with tiny snapshots and manifests of a usual size (2.5 kB):
1,000 snapshots per collection, one every hour. Each run is a process of its own. The dry run reads and decides; the
real one deletes what no rule keeps; the second real one finds nothing to delete.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.arguments import Options
from bench.fixtures.bucket_server import open_bucket
from bench.results import Pruning, Results
from bench.runner.process import BenchError, Run, run_process

_RULE = ("--keep-last", "24", "--keep-daily", "30", "--keep-weekly", "8", "--keep-yearly", "3")
# The time that a disk takes for hundreds of thousands of small files is not ours.
_MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there has a random name


def measure_retention(environment: Mapping[str, str], options: Options, results: Results) -> None:
    """Prune a directory, and a bucket if there is a server for one, for each number of snapshots."""
    with _open_directory(options.work) as directory, open_bucket(directory) as bucket:
        results.notes.append(f"retention was measured with files in {'memory' if _is_memory() else str(directory)}")
        pruner = _Pruner({**environment, **(bucket.environment if bucket else {})}, directory)
        for number in options.retention:
            store = directory / "directory"
            results.prunings.append(pruner.measure("directory", str(store), number))
            shutil.rmtree(store)
        if bucket is None:
            return
        for number in options.retention:
            # The objects that are left are deleted with the bucket.
            results.prunings.append(pruner.measure("bucket", f"{bucket.url}/kept-{number}", number))


class _Pruner:
    """Fill stores and prune them, each in a process of its own."""

    def __init__(self, environment: Mapping[str, str], directory: Path) -> None:
        self._environment = environment
        self._directory = directory

    def measure(self, kind: str, store: str, number: int) -> Pruning:
        """Measure one store. Raise BenchError if the dry run and the real run differ."""
        print(f"publishing {number:,} snapshots in a {kind}", flush=True)
        self._run([sys.executable, "-m", "bench.fixtures.fill_store", store, str(number)])
        expected, dry = self._prune(store, "--dry-run")
        deleted, real = self._prune(store)
        left, again = self._prune(store)
        if (expected, left) != (deleted, 0):
            raise BenchError(f"pruning {store}: {expected:,} would go, {deleted:,} went, then {left:,} more")
        print(f"retention in a {kind}: dry {dry.seconds:.1f} s, real {real.seconds:.1f} s", flush=True)
        return Pruning(store=kind, snapshots=number, deleted=deleted, dry=dry, real=real, again=again)

    def _prune(self, store: str, *arguments: str) -> tuple[int, Run]:
        """Run the program. Return how many snapshots it deleted, or would delete, and the run."""
        report = self._directory / "prune.json"
        command = [sys.executable, "-m", "restore", "prune", "--json", "--store", store, *_RULE, *arguments]
        run = self._run(["sh", "-c", 'exec "$@" >"$0"', str(report), *command])
        output = json.loads(report.read_bytes())
        return sum(len(one["pruned"]) for one in output["outcomes"]), run

    def _run(self, command: list[str]) -> Run:
        return run_process(command, environment=self._environment, directory=self._directory)


@contextmanager
def _open_directory(work: Path | None) -> Iterator[Path]:
    """Yield a temporary directory: in memory if the system has one there, else below `work`."""
    with tempfile.TemporaryDirectory(prefix="qdrant-bench-", dir=_MEMORY if _is_memory() else work) as directory:
        yield Path(directory)


def _is_memory() -> bool:
    return os.access(_MEMORY, os.W_OK)
