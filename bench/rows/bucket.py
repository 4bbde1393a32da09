"""The row `bucket`: snapshot into a bucket and restore from it, against curl and the vendor's client in turn."""

from __future__ import annotations

import shlex

from bench import commands
from bench.commands import StoredSource, run_script
from bench.fixtures.bucket_server import Bucket
from bench.results import Ratio
from bench.runner.comparison import Comparison, Variant
from bench.snapshots import empty, expect_sizes
from bench.workspace import Workspace

_FRESH, _STORED = "fresh", "kept"
_CURL = "curl and mc"
_UPLOAD, _URL = "upload", "server url"


def measure_bucket(workspace: Workspace, bucket: Bucket, stored: StoredSource, rounds: int) -> list[Ratio]:
    """Snapshot into the bucket, then restore from it."""
    ratios = _measure_snapshots(workspace, bucket, stored, rounds)
    for path in (stored.path, stored.path.with_name(f"{stored.path.name}.json")):
        bucket.run_client(
            "put", "--quiet", str(path), f"{bucket.alias_path}/{_STORED}/{stored.source.name}/{path.name}"
        )
    ratios += _measure_restores(workspace, bucket, stored, rounds)
    bucket.empty(_STORED)
    return ratios


def _measure_snapshots(workspace: Workspace, bucket: Bucket, stored: StoredSource, rounds: int) -> list[Ratio]:
    source, directory = stored.source, workspace.work / "passing"
    file = directory / "curl.snapshot"
    send = shlex.join([bucket.client, "put", "--quiet", str(file), f"{bucket.alias_path}/{_FRESH}/curl.snapshot"])

    def prepare() -> None:
        bucket.empty(_FRESH)
        empty(workspace, directory, [source])

    comparison = Comparison(
        title="snapshot into a bucket",
        variants=(
            Variant("ours", commands.snapshot_ours([source], f"{bucket.url}/{_FRESH}")),
            Variant(_CURL, run_script(commands.fetch_with_curl(workspace, source, file), send)),
        ),
        prepare=prepare,
        check=lambda: expect_sizes(bucket.list_sizes(_FRESH), [stored]),
    )
    series = workspace.compare(comparison, rounds)
    prepare()
    return [Ratio(comparison=comparison.title, ours=series["ours"], against=series[_CURL])]


def _measure_restores(workspace: Workspace, bucket: Bucket, stored: StoredSource, rounds: int) -> list[Ratio]:
    stored_url = f"{bucket.url}/{_STORED}"
    methods = {_UPLOAD: "upload"}
    if not workspace.server.embedded:
        # A real server reads a signed URL by itself.
        methods[_URL] = "server-url"
    ours = [
        Variant(name, commands.restore_ours(workspace, stored, method, store=stored_url))
        for name, method in methods.items()
    ]
    comparison = Comparison(
        title="restore from a bucket",
        variants=(*ours, Variant(_CURL, _restore_with_client(workspace, bucket, stored))),
        prepare=workspace.remove_target,
        check=lambda: workspace.expect_points(workspace.target, stored.source.points),
    )
    series = workspace.compare(comparison, rounds)
    workspace.remove_target()
    (workspace.work / "passing" / "mc.snapshot").unlink()
    return [
        Ratio(
            comparison=comparison.title, method=f"by {variant.name}", ours=series[variant.name], against=series[_CURL]
        )
        for variant in ours
    ]


def _restore_with_client(workspace: Workspace, bucket: Bucket, stored: StoredSource) -> list[str]:
    """Return a script that gets a file with mc, uploads it with curl and makes the same reads."""
    file = workspace.work / "passing" / "mc.snapshot"
    source_path = f"{bucket.alias_path}/{_STORED}/{stored.source.name}/{stored.path.name}"
    get = shlex.join([bucket.client, "get", "--quiet", source_path, str(file)])
    return run_script(get, shlex.join(commands.restore_with_curl(workspace, stored, file=file)))
