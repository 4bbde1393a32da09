"""The row `retention`: what it costs to prune a directory and a bucket of so many snapshots.

Each number is measured in a store of its own, filled with tiny snapshots and manifests of the size that real ones
have (2.5 kB), 1,000 snapshots a collection, one every hour. Each pass is a process of its own. The dry run reads and
decides; the real one deletes what no rule keeps; the second real one finds nothing left to delete.
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
from bench.child import FailedError, Run, run_child
from bench.minio import open_bucket
from bench.results import Pruning, Results

_RULE = ("--keep-last", "24", "--keep-daily", "30", "--keep-weekly", "8", "--keep-yearly", "3")
# What a disk takes for hundreds of thousands of small files says nothing about us.
_MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there has a random name


def measure_retention(environment: Mapping[str, str], options: Options, results: Results) -> None:
    """Prune a directory, and a bucket where there is a server for one, of each number of snapshots."""
    with _open_place(options.work) as place, open_bucket(place) as bucket:
        results.notes.append(f"retention was measured with files in {'memory' if _is_memory() else str(place)}")
        pruner = _Pruner({**environment, **(bucket.environment if bucket else {})}, place)
        for number in options.retention:
            directory = place / "directory"
            results.prunings.append(pruner.measure("directory", str(directory), number))
            shutil.rmtree(directory)
        if bucket is None:
            return
        for number in options.retention:
            # What is left there goes with the bucket.
            results.prunings.append(pruner.measure("bucket", f"{bucket.url}/kept-{number}", number))


class _Pruner:
    """Fills stores and prunes them, each in a process of its own."""

    def __init__(self, environment: Mapping[str, str], place: Path) -> None:
        self._environment = environment
        self._place = place

    def measure(self, kind: str, store: str, number: int) -> Pruning:
        """Measure one store. Raises `FailedError` when what was said and what was done differ."""
        print(f"publishing {number:,} snapshots in a {kind}", flush=True)
        self._run([sys.executable, "-m", "bench.publish", store, str(number)])
        would, dry = self._prune(store, "--dry-run")
        deleted, real = self._prune(store)
        left, again = self._prune(store)
        if (would, left) != (deleted, 0):
            raise FailedError(f"pruning {store}: {would:,} would go, {deleted:,} went, then {left:,} more")
        print(f"retention in a {kind}: dry {dry.seconds:.1f} s, real {real.seconds:.1f} s", flush=True)
        return Pruning(store=kind, snapshots=number, deleted=deleted, dry=dry, real=real, again=again)

    def _prune(self, store: str, *arguments: str) -> tuple[int, Run]:
        """Run the program; give how many snapshots it deleted, or would have, and what it took."""
        report = self._place / "prune.json"
        command = [sys.executable, "-m", "restore", "prune", "--json", "--store", store, *_RULE, *arguments]
        run = self._run(["sh", "-c", 'exec "$@" >"$0"', str(report), *command])
        told = json.loads(report.read_bytes())
        return sum(len(one["pruned"]) for one in told["outcomes"]), run

    def _run(self, command: list[str]) -> Run:
        return run_child(command, environment=self._environment, directory=self._place)


@contextmanager
def _open_place(work: Path | None) -> Iterator[Path]:
    """Give a directory of our own: in memory where the system has such, else where temporary files go."""
    with tempfile.TemporaryDirectory(prefix="qdrant-bench-", dir=_MEMORY if _is_memory() else work) as place:
        yield Path(place)


def _is_memory() -> bool:
    return os.access(_MEMORY, os.W_OK)
