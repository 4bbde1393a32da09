"""Peak memory above start-up, which must not grow with the snapshot, in a directory and in a bucket."""

from __future__ import annotations

import shutil

from bench import commands
from bench.commands import StoredSource
from bench.results import Peak, Results
from bench.runner.process import Run, run_process
from bench.snapshots import find_stored
from bench.units import format_size
from bench.workspace import Workspace

_TRANSFERS = {"restore by upload": "upload", "restore by server file": "server-file"}
# The most that is on the disk at one time: the file, its copy in the bucket, and a restore that unpacks.
_DISK_FACTOR = 5
_PREFIX = "memory"


def measure_peaks(workspace: Workspace, size: int, results: Results) -> None:
    """Run each of our commands once with a snapshot of that size, and add its peak."""
    free = shutil.disk_usage(workspace.work).free
    if free < size * _DISK_FACTOR:
        results.notes.append(
            f"no peaks at {format_size(size)}: {format_size(free)} are free, {_DISK_FACTOR} times it is needed"
        )
        return
    print(f"filling a collection with {size:,} bytes of vectors", flush=True)
    # With one digit: memory does not depend on the numbers, and 10 GB are filled in minutes.
    sources = workspace.make_sources(size, digits=1)
    start = _run(workspace, commands.start_only()).peak_kib
    peaks = {"snapshot": _run(workspace, commands.snapshot_ours(sources, workspace.store)).peak_kib}
    if workspace.bucket:
        store = f"{workspace.bucket.url}/{_PREFIX}"
        peaks["snapshot into a bucket"] = _run(workspace, commands.snapshot_ours(sources, store)).peak_kib
    stored = find_stored(sources[0], workspace.store)
    workspace.remove_sources(sources)
    for work, transfer in _TRANSFERS.items():
        if transfer == "upload" or workspace.server_store:
            peaks[work] = _restore(workspace, stored, transfer)
    workspace.remove_files(stored.source)
    if workspace.bucket:
        peaks["restore from a bucket"] = _restore(
            workspace, stored, "upload", store=f"{workspace.bucket.url}/{_PREFIX}"
        )
        workspace.bucket.empty(_PREFIX)
    results.peaks += [
        Peak(work=work, file_bytes=stored.manifest.size, peak_kib=peak, start_kib=start)
        for work, peak in peaks.items()
    ]
    print(f"memory at {format_size(size)} measured", flush=True)


def _restore(workspace: Workspace, stored: StoredSource, transfer: str, *, store: str = "") -> int:
    """Restore once and remove the collection. Return the peak in KiB."""
    peak = _run(workspace, commands.restore_ours(workspace, stored, transfer, store=store)).peak_kib
    workspace.expect_points(workspace.target, stored.source.points)
    workspace.remove_target()
    return peak


def _run(workspace: Workspace, command: list[str]) -> Run:
    return run_process(command, environment=workspace.environment, directory=workspace.work)
