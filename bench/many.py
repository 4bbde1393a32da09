"""The row `ten`: several collections in one run of ours, against a plain loop of curl over the same ones."""

from __future__ import annotations

from collections.abc import Sequence

from bench import commands
from bench.arguments import Options
from bench.commands import Stored
from bench.contest import Contest, Contestant
from bench.ground import Ground
from bench.results import Ratio, Results
from bench.rows import empty, expect_files, hold, store_snapshots

_MOST = 0.8
_UPLOAD, _SERVER_FILE, _CURL = "upload", "server file", "curl loop"


def measure_many(ground: Ground, options: Options, results: Results) -> None:
    """Snapshot them all, then restore them all; removes them again."""
    print(f"filling {options.many} collections with {options.many_size:,} bytes of vectors each", flush=True)
    sources = ground.make_sources(options.many_size, number=options.many)
    many = store_snapshots(ground, sources)
    results.many, results.many_bytes = len(many), sum(stored.manifest.size for stored in many)
    _measure_snapshots(ground, many, options, results)
    _measure_restores(ground, many, options, results)
    ground.remove_sources(sources)


def _measure_snapshots(ground: Ground, many: Sequence[Stored], options: Options, results: Results) -> None:
    sources, fresh = [stored.source for stored in many], ground.work / "fresh"
    contest = Contest(
        title=f"{len(many)} snapshots",
        contestants=(
            Contestant("ours", commands.snapshot_ours(sources, fresh / "store")),
            Contestant(_CURL, commands.snapshot_with_curl(ground, sources, fresh)),
        ),
        prepare=lambda: empty(ground, fresh, sources),
        check=lambda: expect_files(fresh, many),
    )
    found = hold(contest, options.rounds, ground)
    empty(ground, fresh, sources)
    results.ratios.append(Ratio(contest=contest.title, ours=found["ours"], against=found[_CURL], target=_MOST))


def _measure_restores(ground: Ground, many: Sequence[Stored], options: Options, results: Results) -> None:
    names = [stored.source.name for stored in many]
    contestants = [Contestant(_UPLOAD, commands.restore_many_ours(ground, many, "upload"))]
    if ground.server_store:
        contestants.append(Contestant(_SERVER_FILE, commands.restore_many_ours(ground, many, "server-file")))
    contestants.append(Contestant(_CURL, commands.restore_many_with_curl(ground, many)))

    def check() -> None:
        for stored in many:
            ground.expect(stored.source.name, stored.source.points)

    contest = Contest(
        title=f"{len(many)} restores",
        contestants=tuple(contestants),
        prepare=lambda: ground.remove(names),
        check=check,
    )
    found = hold(contest, options.rounds, ground)
    results.ratios += [
        Ratio(contest=contest.title, way=f"by {one.name}", ours=found[one.name], against=found[_CURL], target=_MOST)
        for one in contestants
        if one.name != _CURL
    ]
