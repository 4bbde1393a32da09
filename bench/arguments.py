"""The command line of `python -m bench`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import msgspec

from bench.units import parse_size

BOOT, RESTORE, SNAPSHOT, TEN = "boot", "restore", "snapshot", "ten"
BUCKET, PACKING, MEMORY, RETENTION = "bucket", "packing", "memory", "retention"
ROWS = (BOOT, RESTORE, SNAPSHOT, TEN, BUCKET, PACKING, MEMORY, RETENTION)
_REAL_BYTES = 10**9
_EMBEDDED_BYTES = 50 * 10**6
_SMALL_BYTES = 100 * 10**6
_EMBEDDED_MANY_BYTES = 5 * 10**6
_RETENTION = (10_000, 50_000, 100_000)
_EMBEDDED_RETENTION = (1_000, 5_000, 10_000)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The command line's options. `url` is empty for the embedded server; sizes are bytes of vectors.

    `retention` counts snapshots. `shared` is a local directory that the server sees as `server_store`, None for none.
    """

    url: str
    size: int
    rounds: int
    boot_rounds: int
    timeout_seconds: float
    rows: tuple[str, ...]
    many: int
    many_size: int
    memory_sizes: tuple[int, ...]
    retention: tuple[int, ...]
    shared: Path | None
    server_store: str
    work: Path | None
    results: Path


def parse_arguments(arguments: list[str]) -> Options:
    """Parse the command line. Exit with a message if it is invalid."""
    given = _build_parser().parse_args(arguments)
    embedded = not given.qdrant_url
    rows = tuple(given.rows.split(","))
    if unknown := set(rows) - set(ROWS):
        raise SystemExit(f"unknown row {min(unknown)!r}; there are {', '.join(ROWS)}")
    return Options(
        url=given.qdrant_url.rstrip("/"),
        size=given.size or (_EMBEDDED_BYTES if embedded else _REAL_BYTES),
        rounds=given.rounds,
        boot_rounds=given.boot_rounds,
        timeout_seconds=given.patience,
        rows=rows,
        many=given.many,
        many_size=given.many_size or (_EMBEDDED_MANY_BYTES if embedded else _SMALL_BYTES),
        memory_sizes=tuple(given.memory_size) or (() if embedded else (_SMALL_BYTES,)),
        retention=tuple(given.retention) or (_EMBEDDED_RETENTION if embedded else _RETENTION),
        shared=given.shared_store,
        server_store=given.server_store or str(given.shared_store or ""),
        work=given.work_dir,
        results=given.results,
    )


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure qdrant-restore against curl and hand-written scripts, alternating in one run. It makes "
        "collections of its own, called bench-…, and removes them, also when interrupted. The API key is taken from "
        "QDRANT_API_KEY.",
    )
    parser.add_argument(
        "--qdrant-url",
        default=os.environ.get("QDRANT_URL", ""),
        metavar="URL",
        help="the server to measure with (QDRANT_URL); without it the embedded one, which measures less",
    )
    parser.add_argument(
        "--size", type=parse_size, default=0, metavar="SIZE", help="bytes of vectors (1GB; embedded: 50MB)"
    )
    parser.add_argument("--rounds", type=int, default=7, help="runs of each contestant (7)")
    parser.add_argument("--boot-rounds", type=int, default=21, help="boots of each contestant (21)")
    parser.add_argument(
        "--patience",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="how long each run may wait until nothing else keeps the machine busy (0)",
    )
    parser.add_argument("--rows", default=",".join(ROWS), help=f"which rows ({','.join(ROWS)})")
    parser.add_argument("--many", type=int, default=10, metavar="NUMBER", help="collections of the row ten (10)")
    parser.add_argument(
        "--many-size", type=parse_size, default=0, metavar="SIZE", help="bytes of each (100MB; embedded: 5MB)"
    )
    parser.add_argument(
        "--memory-size",
        type=parse_size,
        action="append",
        default=[],
        metavar="SIZE",
        help="measure the peak at this size as well (100MB); may be given several times",
    )
    parser.add_argument(
        "--retention",
        type=int,
        action="append",
        default=[],
        metavar="NUMBER",
        help="prune a store of so many snapshots (10000, 50000, 100000); may be given several times",
    )
    parser.add_argument(
        "--shared-store", type=Path, metavar="DIR", help="a directory here that the server sees; for server-file"
    )
    parser.add_argument("--server-store", metavar="PATH", help="where the server sees it (the same path)")
    parser.add_argument("--work-dir", type=Path, metavar="DIR", help="where to put temporary files")
    parser.add_argument("--results", type=Path, default=Path("bench/results"), metavar="DIR", help="(bench/results)")
    return parser
