"""`python -m bench`: measure, print, keep in `bench/results/`, leave nothing behind."""

from __future__ import annotations

import os
import platform
import signal
import sys
import tempfile
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

import msgspec

from bench import commands
from bench.arguments import (
    BOOT,
    BUCKET,
    MEMORY,
    PACKING,
    RESTORE,
    RETENTION,
    SNAPSHOT,
    TEN,
    Options,
    read_arguments,
)
from bench.bucket import measure_bucket
from bench.child import FailedError, measure_floor, run_child
from bench.ground import Ground
from bench.imports import measure_imports
from bench.many import measure_many
from bench.memory import measure_peaks
from bench.minio import Bucket, open_bucket
from bench.packing import measure_packing
from bench.results import Peak, Results
from bench.retention import measure_retention
from bench.rows import measure_boots, measure_restores, measure_snapshots, store_snapshots
from bench.server import open_server
from bench.tables import write_tables
from restore.errors import RestoreError

_INTERRUPTED = 130
_PEAKS = {"restore", "snapshot", "snapshot into a bucket", "restore from a bucket"}
_OF_ONE = {BOOT, RESTORE, SNAPSHOT, BUCKET, PACKING}
_OF_BUCKETS = {BUCKET, MEMORY}


def main() -> None:
    """Measure what was asked for."""
    options = read_arguments(sys.argv[1:])
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="qdrant-bench-", dir=options.work) as work,
            open_server(options, Path(work)) as server,
            _open_bucket(options, Path(work)) as bucket,
            Ground(server, Path(work), bucket, timeout_seconds=options.timeout_seconds) as ground,
        ):
            results = _measure(ground, options)
    except (FailedError, RestoreError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(_INTERRUPTED)
    _keep(results, options.results)


def _open_bucket(options: Options, work: Path) -> AbstractContextManager[Bucket | None]:
    return open_bucket(work) if _OF_BUCKETS & set(options.rows) else nullcontext()


def _measure(ground: Ground, options: Options) -> Results:
    results = _describe(ground, options)
    if ground.bucket is None and _OF_BUCKETS & set(options.rows):
        results.notes.append("nothing with a bucket: MinIO and mc are not installed (make test-stores does it)")
    if _OF_ONE & set(options.rows):
        _measure_one(ground, options, results)
    if TEN in options.rows:
        measure_many(ground, options, results)
    if MEMORY in options.rows:
        _add_peaks(ground, results)
        for size in options.memory_sizes:
            measure_peaks(ground, size, results)
    if RETENTION in options.rows:
        measure_retention(ground.environment, options, results)
    return results


def _measure_one(ground: Ground, options: Options, results: Results) -> None:
    """Measure the rows that share one collection, and remove it."""
    print(f"filling a collection with {options.size:,} bytes of vectors", flush=True)
    sources = ground.make_sources(options.size)
    [stored] = store_snapshots(ground, sources)
    results.points, results.file_bytes = stored.source.points, stored.manifest.size
    if BOOT in options.rows:
        measure_boots(ground, stored.source, options, results)
        results.imports = measure_imports(ground, stored.source)
    if RESTORE in options.rows:
        measure_restores(ground, stored, options, results)
    if SNAPSHOT in options.rows:
        measure_snapshots(ground, stored, options, results)
    if ground.bucket and BUCKET in options.rows:
        results.ratios += measure_bucket(ground, ground.bucket, stored, options.rounds)
    if PACKING in options.rows:
        measure_packing(ground, stored, options, results)
    ground.remove_sources(sources)
    ground.forget(stored.source)


def _describe(ground: Ground, options: Options) -> Results:
    return Results(
        when=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        server_version=str(ground.qdrant.get_version()),
        embedded=ground.server.embedded,
        python=platform.python_version(),
        machine=f"{platform.system()} {platform.machine()}",
        cpus=os.cpu_count() or 1,
        load=os.getloadavg()[0],
        size=options.size,
        floor_kib=measure_floor(ground.work),
    )


def _add_peaks(ground: Ground, results: Results) -> None:
    """Keep the peaks of the runs that were timed."""
    if not results.file_bytes:
        return
    start = run_child(commands.start_only(), environment=ground.environment, directory=ground.work).peak_kib
    for row in results.ratios:
        if row.contest in _PEAKS:
            peak = Peak(work=row.work, file_bytes=results.file_bytes, peak_kib=row.ours.peak_kib, start_kib=start)
            results.peaks.append(peak)


def _keep(results: Results, directory: Path) -> None:
    tables = write_tables(results)
    print(f"\n{tables}")
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
    path.with_suffix(".json").write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")
    path.with_suffix(".md").write_text(tables, encoding="utf-8")
    print(f"kept in {path}.json and .md")


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
