"""The snapshots of a measurement: create, find and check them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench import commands
from bench.commands import StoredSource
from bench.runner.process import BenchError
from bench.workspace import Source, Workspace
from restore.snapshots.manifest import read_manifest


def store_snapshots(workspace: Workspace, sources: Sequence[Source]) -> list[StoredSource]:
    """Create the snapshots that are restored later."""
    workspace.run(commands.snapshot_ours(sources, workspace.store))
    return [find_stored(source, workspace.store) for source in sources]


def find_stored(source: Source, store: Path) -> StoredSource:
    """Return the latest snapshot of a collection in a store."""
    path = next(store.glob(f"{source.name}_latest.snapshot*")).resolve()
    manifest = read_manifest(path.with_name(path.name + ".json").read_bytes(), where=path.name)
    return StoredSource(source, path, manifest)


def empty(workspace: Workspace, fresh: Path, sources: Iterable[Source]) -> None:
    """Create an empty directory, and remove the snapshots that the server still has."""
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    workspace.remove_server_snapshots(sources)


def expect_files(directory: Path, many: Sequence[StoredSource]) -> None:
    """Raise BenchError unless the directory has a complete snapshot of each source."""
    series = [path.stat().st_size for path in directory.rglob("*.snapshot") if not path.is_symlink()]
    expect_sizes(series, many)


def expect_sizes(series: Sequence[int], many: Sequence[StoredSource]) -> None:
    """Raise BenchError unless there are as many sizes of complete snapshots as sources."""
    # Two snapshots of one collection differ by what is still in the server's log.
    least = min(stored.manifest.size for stored in many) * 0.9
    whole = [size for size in series if size > least]
    if len(whole) < len(many):
        raise BenchError(f"{len(whole)} of {len(many)} whole snapshots came: {series}")
