"""`python -m bench`: measure, print, keep in `bench/results/`, leave nothing behind."""

from __future__ import annotations

import os
import platform
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

import msgspec

from bench import commands
from bench.arguments import BOOT, MEMORY, RESTORE, SNAPSHOT, Options, read_arguments
from bench.child import FailedError, measure_floor, run_child
from bench.ground import Ground
from bench.imports import measure_imports
from bench.memory import measure_peaks
from bench.results import Peak, Results
from bench.rows import measure_boots, measure_restores, measure_snapshots, store_snapshot
from bench.server import Server, open_server
from bench.tables import write_tables
from restore.errors import RestoreError

_INTERRUPTED = 130


def main() -> None:
    """Measure what was asked for."""
    options = read_arguments(sys.argv[1:])
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="qdrant-bench-", dir=options.work) as work,
            open_server(options, Path(work)) as server,
            Ground(server, Path(work), patience_seconds=options.patience_seconds) as ground,
        ):
            results = _measure(ground, server, options)
    except (FailedError, RestoreError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(_INTERRUPTED)
    _keep(results, options.results)


def _measure(ground: Ground, server: Server, options: Options) -> Results:
    results = _describe(ground, server, options)
    print(f"filling a collection with {options.size:,} bytes of vectors", flush=True)
    source = ground.make_source(options.size)
    stored = store_snapshot(ground, source)
    results.points, results.file_bytes = source.points, stored.manifest.size
    if BOOT in options.rows:
        measure_boots(ground, source, options, results)
        results.imports = measure_imports(ground, source)
    if RESTORE in options.rows:
        measure_restores(ground, stored, options, results)
    if SNAPSHOT in options.rows:
        measure_snapshots(ground, stored, options, results)
    if MEMORY in options.rows:
        _add_peaks(ground, results)
        ground.remove_source(source)
        for size in options.memory_sizes:
            measure_peaks(ground, size, results)
    return results


def _describe(ground: Ground, server: Server, options: Options) -> Results:
    return Results(
        when=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        server_version=str(ground.qdrant.get_version()),
        embedded=server.embedded,
        python=platform.python_version(),
        machine=f"{platform.system()} {platform.machine()}",
        cpus=os.cpu_count() or 1,
        load=os.getloadavg()[0],
        size=options.size,
        floor_kib=measure_floor(ground.work),
    )


def _add_peaks(ground: Ground, results: Results) -> None:
    """Keep the peaks of the runs that were timed."""
    start = run_child(commands.start_only(), environment=ground.environment, directory=ground.work).peak_kib
    for row in results.ratios:
        if row.target is not None and not row.work.startswith("boot"):
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
