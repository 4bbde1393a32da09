"""Peak memory above start-up: flat, whatever the size of the snapshot."""

from __future__ import annotations

from bench import commands
from bench.child import Run, run_child
from bench.ground import Ground
from bench.results import Peak, Results
from bench.rows import store_snapshot

_WAYS = {"restore by upload": "upload", "restore by server file": "server-file"}


def measure_peaks(ground: Ground, size: int, results: Results) -> None:
    """Run each of our commands once at a size of its own, and keep its peak."""
    source = ground.make_source(size)
    start = _run(ground, commands.start_only()).peak_kib
    snapshot = _run(ground, commands.snapshot_ours(source, ground.store))
    stored = store_snapshot(ground, source)
    found = {"snapshot": snapshot.peak_kib}
    for work, transfer in _WAYS.items():
        if transfer == "upload" or ground.server_store:
            ground.remove_target()
            found[work] = _run(ground, commands.restore_ours(ground, stored, transfer)).peak_kib
            ground.expect(ground.target, source.points)
    ground.remove_target()
    ground.remove_source(source)
    for path in ground.store.glob(f"{source.name}_*"):
        path.unlink()
    results.peaks += [
        Peak(work=work, file_bytes=stored.manifest.size, peak_kib=peak, start_kib=start)
        for work, peak in found.items()
    ]
    print(f"memory at {size:,} bytes measured", flush=True)


def _run(ground: Ground, command: list[str]) -> Run:
    return run_child(command, environment=ground.environment, directory=ground.work)
