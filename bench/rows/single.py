"""The rows of one collection: restore, snapshot and boot."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from bench import commands
from bench.arguments import Options
from bench.commands import StoredSource
from bench.results import Ratio, Results
from bench.runner.comparison import Comparison, Variant
from bench.runner.idle import wait_until_idle
from bench.snapshots import empty, expect_files
from bench.workspace import Source, Workspace

_OURS, _SERVER_FILE, _CURL, _SCRIPT = "upload", "server file", "curl", "requests"
_SCRIPT_MEMORY_FACTOR = 2.5
# There are many boots, and each is short.
_BOOT_IDLE_TIMEOUT_SECONDS = 5.0


def measure_restores(workspace: Workspace, stored: StoredSource, options: Options, results: Results) -> None:
    """Restore by upload and by a file that the server sees, against curl and requests."""
    variants = [Variant(_OURS, commands.restore_ours(workspace, stored, "upload"))]
    if workspace.server_store:
        variants.append(Variant(_SERVER_FILE, commands.restore_ours(workspace, stored, "server-file")))
    else:
        results.notes.append("no restore by a file that the server sees: give --shared-store and --server-store")
    variants.append(Variant(_CURL, commands.restore_with_curl(workspace, stored)))
    if _fits(stored, results):
        variants.append(Variant(_SCRIPT, commands.restore_with_script(workspace, stored)))
    comparison = Comparison(
        title="restore",
        variants=tuple(variants),
        prepare=workspace.remove_target,
        check=lambda: workspace.expect_points(workspace.target, stored.source.points),
    )
    series = workspace.compare(comparison, options.rounds)
    workspace.remove_target()
    curl, script = series[_CURL], series.get(_SCRIPT)
    rows = [Ratio(comparison="restore", method="by upload", ours=series[_OURS], against=curl, target=1.05, aim=1.0)]
    if _SERVER_FILE in series:
        ours = series[_SERVER_FILE]
        rows.append(Ratio(comparison="restore", method="by server file", ours=ours, against=curl, target=0.8))
    rows += [Ratio(comparison="restore", method="by upload", ours=series[_OURS], against=script)] if script else []
    results.ratios += rows


def measure_snapshots(workspace: Workspace, stored: StoredSource, options: Options, results: Results) -> None:
    """Snapshot, against create, download and sha256sum with curl, and against requests."""
    source, fresh = stored.source, workspace.work / "fresh"
    variants = [
        Variant("ours", commands.snapshot_ours([source], fresh / "store")),
        Variant(_CURL, commands.snapshot_with_curl(workspace, [source], fresh)),
    ]
    if _fits(stored, results):
        variants.append(Variant(_SCRIPT, commands.snapshot_with_script(workspace, source, fresh)))

    comparison = Comparison(
        title="snapshot",
        variants=tuple(variants),
        prepare=lambda: empty(workspace, fresh, [source]),
        check=lambda: expect_files(fresh, [stored]),
    )
    series = workspace.compare(comparison, options.rounds)
    empty(workspace, fresh, [source])
    results.ratios.append(Ratio(comparison="snapshot", ours=series["ours"], against=series[_CURL], target=1.05))
    if _SCRIPT in series:
        results.ratios.append(Ratio(comparison="snapshot", ours=series["ours"], against=series[_SCRIPT]))


def measure_boots(workspace: Workspace, source: Source, options: Options, results: Results) -> None:
    """Measure a boot with nothing to do, against a script that makes the same reads with requests."""
    comparison = Comparison(
        title="boot",
        variants=(
            Variant("ours", commands.boot_ours(workspace, source)),
            Variant(_SCRIPT, commands.boot_with_script(workspace, source)),
            Variant("python alone", [sys.executable, "-c", "pass"]),
        ),
        prepare=lambda: wait_until_idle(min(options.timeout_seconds, _BOOT_IDLE_TIMEOUT_SECONDS)),
        check=lambda: None,
    )
    # The first run pays for compiling, and for files that are not cached yet.
    workspace.compare(comparison, 1)
    series = workspace.compare(comparison, options.boot_rounds)
    results.ratios.append(
        Ratio(comparison="boot with nothing to do", ours=series["ours"], against=series[_SCRIPT], target=2.5, aim=1.5)
    )
    results.others.append(series["python alone"])


def _fits(stored: StoredSource, results: Results) -> bool:
    """Return whether memory suffices for the hand-written scripts, which need twice the file."""
    if stored.manifest.size * _SCRIPT_MEMORY_FACTOR < _read_available():
        return True
    note = "the hand-written scripts were left out: they need more than twice the file in memory"
    results.notes += [note] if note not in results.notes else []
    return False


def _read_available() -> int:
    """Return the bytes of available memory; half of all memory if the system does not report them."""
    meminfo = Path("/proc/meminfo")
    match = re.search(r"MemAvailable:\s+(\d+) kB", meminfo.read_text(encoding="ascii")) if meminfo.exists() else None
    return int(match[1]) * 1024 if match else os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
