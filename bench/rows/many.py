"""The row `ten`: several collections in one run of ours, against a plain loop of curl."""

from __future__ import annotations

from collections.abc import Sequence

from bench import commands
from bench.arguments import Options
from bench.commands import StoredSource
from bench.results import Ratio, Results
from bench.runner.comparison import Comparison, Variant
from bench.snapshots import empty, expect_files, store_snapshots
from bench.workspace import Workspace

_MOST = 0.8
_UPLOAD, _SERVER_FILE, _CURL = "upload", "server file", "curl loop"


def measure_many(workspace: Workspace, options: Options, results: Results) -> None:
    """Snapshot all collections, restore them all, and remove them."""
    print(f"filling {options.many} collections with {options.many_size:,} bytes of vectors each", flush=True)
    sources = workspace.make_sources(options.many_size, number=options.many)
    many = store_snapshots(workspace, sources)
    results.many, results.many_bytes = len(many), sum(stored.manifest.size for stored in many)
    _measure_snapshots(workspace, many, options, results)
    _measure_restores(workspace, many, options, results)
    workspace.remove_sources(sources)


def _measure_snapshots(
    workspace: Workspace, many: Sequence[StoredSource], options: Options, results: Results
) -> None:
    sources, fresh = [stored.source for stored in many], workspace.work / "fresh"
    comparison = Comparison(
        title=f"{len(many)} snapshots",
        variants=(
            Variant("ours", commands.snapshot_ours(sources, fresh / "store")),
            Variant(_CURL, commands.snapshot_with_curl(workspace, sources, fresh)),
        ),
        prepare=lambda: empty(workspace, fresh, sources),
        check=lambda: expect_files(fresh, many),
    )
    series = workspace.compare(comparison, options.rounds)
    empty(workspace, fresh, sources)
    results.ratios.append(
        Ratio(comparison=comparison.title, ours=series["ours"], against=series[_CURL], target=_MOST)
    )


def _measure_restores(workspace: Workspace, many: Sequence[StoredSource], options: Options, results: Results) -> None:
    names = [stored.source.name for stored in many]
    variants = [Variant(_UPLOAD, commands.restore_many_ours(workspace, many, "upload"))]
    if workspace.server_store:
        variants.append(Variant(_SERVER_FILE, commands.restore_many_ours(workspace, many, "server-file")))
    variants.append(Variant(_CURL, commands.restore_many_with_curl(workspace, many)))

    def check() -> None:
        for stored in many:
            workspace.expect_points(stored.source.name, stored.source.points)

    comparison = Comparison(
        title=f"{len(many)} restores",
        variants=tuple(variants),
        prepare=lambda: workspace.remove(names),
        check=check,
    )
    series = workspace.compare(comparison, options.rounds)
    results.ratios += [
        Ratio(
            comparison=comparison.title,
            method=f"by {variant.name}",
            ours=series[variant.name],
            against=series[_CURL],
            target=_MOST,
        )
        for variant in variants
        if variant.name != _CURL
    ]
