"""Peak memory above start-up: flat, whatever the size of the snapshot, in a directory and in a bucket."""

from __future__ import annotations

import shutil

from bench import commands
from bench.amounts import show_size
from bench.child import Run, run_child
from bench.commands import Stored
from bench.ground import Ground
from bench.results import Peak, Results
from bench.rows import find_stored

_WAYS = {"restore by upload": "upload", "restore by server file": "server-file"}
# What lies on the disk at the same time, at most: the file, its copy in the bucket, and a restore that unpacks.
_TIMES_SIZE = 5
_PREFIX = "memory"


def measure_peaks(ground: Ground, size: int, results: Results) -> None:
    """Run each of our commands once at a size of its own, and keep its peak."""
    free = shutil.disk_usage(ground.work).free
    if free < size * _TIMES_SIZE:
        results.notes.append(
            f"no peaks at {show_size(size)}: {show_size(free)} are free, {_TIMES_SIZE} times it is needed"
        )
        return
    print(f"filling a collection with {size:,} bytes of vectors", flush=True)
    # With one digit: memory does not depend on what the numbers are, and 10 GB come in minutes.
    sources = ground.make_sources(size, digits=1)
    start = _run(ground, commands.start_only()).peak_kib
    found = {"snapshot": _run(ground, commands.snapshot_ours(sources, ground.store)).peak_kib}
    if ground.bucket:
        store = f"{ground.bucket.url}/{_PREFIX}"
        found["snapshot into a bucket"] = _run(ground, commands.snapshot_ours(sources, store)).peak_kib
    stored = find_stored(sources[0], ground.store)
    ground.remove_sources(sources)
    for work, transfer in _WAYS.items():
        if transfer == "upload" or ground.server_store:
            found[work] = _restore(ground, stored, transfer)
    ground.forget(stored.source)
    if ground.bucket:
        found["restore from a bucket"] = _restore(ground, stored, "upload", store=f"{ground.bucket.url}/{_PREFIX}")
        ground.bucket.empty(_PREFIX)
    results.peaks += [
        Peak(work=work, file_bytes=stored.manifest.size, peak_kib=peak, start_kib=start)
        for work, peak in found.items()
    ]
    print(f"memory at {show_size(size)} measured", flush=True)


def _restore(ground: Ground, stored: Stored, transfer: str, *, store: str = "") -> int:
    """Restore once, and remove it again; gives the peak in KiB."""
    peak = _run(ground, commands.restore_ours(ground, stored, transfer, store=store)).peak_kib
    ground.expect(ground.target, stored.source.points)
    ground.remove_target()
    return peak


def _run(ground: Ground, command: list[str]) -> Run:
    return run_child(command, environment=ground.environment, directory=ground.work)
