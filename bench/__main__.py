"""`python -m bench`: measure, print the tables, save them in `bench/results/`, remove everything else."""

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
    parse_arguments,
)
from bench.fixtures.bucket_server import Bucket, open_bucket
from bench.fixtures.server import open_server
from bench.results import Peak, Results
from bench.rows.bucket import measure_bucket
from bench.rows.encoding import measure_encodings
from bench.rows.imports import measure_imports
from bench.rows.many import measure_many
from bench.rows.memory import measure_peaks
from bench.rows.retention import measure_retention
from bench.rows.single import measure_boots, measure_restores, measure_snapshots
from bench.runner.process import BenchError, measure_smallest_peak, run_process
from bench.snapshots import store_snapshots
from bench.tables import write_tables
from bench.workspace import Workspace
from restore.errors import RestoreError

_INTERRUPTED = 130
_PEAK_ROWS = {"restore", "snapshot", "snapshot into a bucket", "restore from a bucket"}
_ONE_COLLECTION_ROWS = {BOOT, RESTORE, SNAPSHOT, BUCKET, PACKING}
_BUCKET_ROWS = {BUCKET, MEMORY}


def main() -> None:
    """Measure the rows that the command line names."""
    options = parse_arguments(sys.argv[1:])
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="qdrant-bench-", dir=options.work) as work,
            open_server(options, Path(work)) as server,
            _open_bucket(options, Path(work)) as bucket,
            Workspace(server, Path(work), bucket, timeout_seconds=options.timeout_seconds) as workspace,
        ):
            results = _measure(workspace, options)
    except (BenchError, RestoreError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(_INTERRUPTED)
    _save(results, options.results)


def _open_bucket(options: Options, work: Path) -> AbstractContextManager[Bucket | None]:
    return open_bucket(work) if _BUCKET_ROWS & set(options.rows) else nullcontext()


def _measure(workspace: Workspace, options: Options) -> Results:
    results = _describe(workspace, options)
    if workspace.bucket is None and _BUCKET_ROWS & set(options.rows):
        results.notes.append("nothing with a bucket: MinIO and mc are not installed (make test-stores does it)")
    if _ONE_COLLECTION_ROWS & set(options.rows):
        _measure_one(workspace, options, results)
    if TEN in options.rows:
        measure_many(workspace, options, results)
    if MEMORY in options.rows:
        _add_peaks(workspace, results)
        for size in options.memory_sizes:
            measure_peaks(workspace, size, results)
    if RETENTION in options.rows:
        measure_retention(workspace.environment, options, results)
    return results


def _measure_one(workspace: Workspace, options: Options, results: Results) -> None:
    """Measure the rows that share one collection, then remove it."""
    print(f"filling a collection with {options.size:,} bytes of vectors", flush=True)
    sources = workspace.make_sources(options.size)
    [stored] = store_snapshots(workspace, sources)
    results.points, results.file_bytes = stored.source.points, stored.manifest.size
    if BOOT in options.rows:
        measure_boots(workspace, stored.source, options, results)
        results.imports = measure_imports(workspace, stored.source)
    if RESTORE in options.rows:
        measure_restores(workspace, stored, options, results)
    if SNAPSHOT in options.rows:
        measure_snapshots(workspace, stored, options, results)
    if workspace.bucket and BUCKET in options.rows:
        results.ratios += measure_bucket(workspace, workspace.bucket, stored, options.rounds)
    if PACKING in options.rows:
        measure_encodings(workspace, stored, options, results)
    workspace.remove_sources(sources)
    workspace.remove_files(stored.source)


def _describe(workspace: Workspace, options: Options) -> Results:
    return Results(
        when=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        server_version=str(workspace.qdrant.get_version()),
        embedded=workspace.server.embedded,
        python=platform.python_version(),
        machine=f"{platform.system()} {platform.machine()}",
        cpus=os.cpu_count() or 1,
        load=os.getloadavg()[0],
        size=options.size,
        smallest_peak_kib=measure_smallest_peak(workspace.work),
    )


def _add_peaks(workspace: Workspace, results: Results) -> None:
    """Add the peaks of the runs that were timed."""
    if not results.file_bytes:
        return
    start = run_process(commands.start_only(), environment=workspace.environment, directory=workspace.work).peak_kib
    for row in results.ratios:
        if row.comparison in _PEAK_ROWS:
            peak = Peak(work=row.work, file_bytes=results.file_bytes, peak_kib=row.ours.peak_kib, start_kib=start)
            results.peaks.append(peak)


def _save(results: Results, directory: Path) -> None:
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
