"""The rows of the table: what is held against what, and what was promised."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench import commands
from bench.arguments import Options
from bench.calm import wait_calm
from bench.child import FailedError
from bench.commands import Stored
from bench.contest import Contest, Contestant, Series, hold_contest
from bench.ground import Ground, Source
from bench.results import Ratio, Results
from restore.snapshots.manifest import read_manifest

_OURS, _SERVER_FILE, _CURL, _NAIVE = "upload", "server file", "curl", "requests"
_NAIVE_TIMES = 2.5
# There are many boots and each is short.
_BOOT_PATIENCE_SECONDS = 5.0


def store_snapshots(ground: Ground, sources: Sequence[Source]) -> list[Stored]:
    """Make the snapshots that everybody restores."""
    ground.run(commands.snapshot_ours(sources, ground.store))
    return [find_stored(source, ground.store) for source in sources]


def find_stored(source: Source, store: Path) -> Stored:
    """Give the latest of a collection in a store."""
    path = next(store.glob(f"{source.name}_latest.snapshot*")).resolve()
    manifest = read_manifest(path.with_name(path.name + ".json").read_bytes(), where=path.name)
    return Stored(source, path, manifest)


def measure_restores(ground: Ground, stored: Stored, options: Options, results: Results) -> None:
    """Restore by upload and by a file that the server sees, against curl and requests."""
    contestants = [Contestant(_OURS, commands.restore_ours(ground, stored, "upload"))]
    if ground.server_store:
        contestants.append(Contestant(_SERVER_FILE, commands.restore_ours(ground, stored, "server-file")))
    else:
        results.notes.append("no restore by a file that the server sees: give --shared-store and --server-store")
    contestants.append(Contestant(_CURL, commands.restore_with_curl(ground, stored)))
    if _fits(stored, results):
        contestants.append(Contestant(_NAIVE, commands.restore_naively(ground, stored)))
    contest = Contest(
        title="restore",
        contestants=tuple(contestants),
        prepare=ground.remove_target,
        check=lambda: ground.expect(ground.target, stored.source.points),
    )
    found = hold(contest, options.rounds, ground)
    ground.remove_target()
    curl, naive = found[_CURL], found.get(_NAIVE)
    rows = [Ratio(contest="restore", way="by upload", ours=found[_OURS], against=curl, target=1.05, aim=1.0)]
    if _SERVER_FILE in found:
        ours = found[_SERVER_FILE]
        rows.append(Ratio(contest="restore", way="by server file", ours=ours, against=curl, target=0.8))
    rows += [Ratio(contest="restore", way="by upload", ours=found[_OURS], against=naive)] if naive else []
    results.ratios += rows


def measure_snapshots(ground: Ground, stored: Stored, options: Options, results: Results) -> None:
    """Snapshot against create, download and sha256sum with curl, and against requests."""
    source, fresh = stored.source, ground.work / "fresh"
    contestants = [
        Contestant("ours", commands.snapshot_ours([source], fresh / "store")),
        Contestant(_CURL, commands.snapshot_with_curl(ground, [source], fresh)),
    ]
    if _fits(stored, results):
        contestants.append(Contestant(_NAIVE, commands.snapshot_naively(ground, source, fresh)))

    contest = Contest(
        title="snapshot",
        contestants=tuple(contestants),
        prepare=lambda: empty(ground, fresh, [source]),
        check=lambda: expect_files(fresh, [stored]),
    )
    found = hold(contest, options.rounds, ground)
    empty(ground, fresh, [source])
    results.ratios.append(Ratio(contest="snapshot", ours=found["ours"], against=found[_CURL], target=1.05))
    if _NAIVE in found:
        results.ratios.append(Ratio(contest="snapshot", ours=found["ours"], against=found[_NAIVE]))


def measure_boots(ground: Ground, source: Source, options: Options, results: Results) -> None:
    """Measure a boot that has nothing to do against a bare script doing the same reads with requests."""
    contest = Contest(
        title="boot",
        contestants=(
            Contestant("ours", commands.boot_ours(ground, source)),
            Contestant(_NAIVE, commands.boot_naively(ground, source)),
            Contestant("python alone", [sys.executable, "-c", "pass"]),
        ),
        prepare=lambda: wait_calm(min(options.timeout_seconds, _BOOT_PATIENCE_SECONDS)),
        check=lambda: None,
    )
    # What is run first pays for compiling and for files that nobody had read before.
    hold(contest, 1, ground)
    found = hold(contest, options.boot_rounds, ground)
    results.ratios.append(
        Ratio(contest="boot with nothing to do", ours=found["ours"], against=found[_NAIVE], target=2.5, aim=1.5)
    )
    results.others.append(found["python alone"])


def hold(contest: Contest, rounds: int, ground: Ground) -> dict[str, Series]:
    """Hold a contest on the ground; gives series by name."""
    return hold_contest(contest, rounds, environment=ground.environment, directory=ground.work)


def empty(ground: Ground, fresh: Path, sources: Iterable[Source]) -> None:
    """Make an empty directory for what comes next, and remove what the server still holds of what was before."""
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    ground.remove_server_snapshots(sources)


def expect_files(directory: Path, many: Sequence[Stored]) -> None:
    """Make sure that as many whole snapshots came."""
    found = [path.stat().st_size for path in directory.rglob("*.snapshot") if not path.is_symlink()]
    expect_sizes(found, many)


def expect_sizes(found: Sequence[int], many: Sequence[Stored]) -> None:
    """Make sure that these are the sizes of whole snapshots."""
    # Two snapshots of one collection differ by what the server's log still holds.
    least = min(stored.manifest.size for stored in many) * 0.9
    whole = [size for size in found if size > least]
    if len(whole) < len(many):
        raise FailedError(f"{len(whole)} of {len(many)} whole snapshots came: {found}")


def _fits(stored: Stored, results: Results) -> bool:
    """Tell whether the hand-written scripts, which need twice the file in memory, can be run here."""
    if stored.manifest.size * _NAIVE_TIMES < _read_available():
        return True
    note = "the hand-written scripts were left out: they need more than twice the file in memory"
    results.notes += [note] if note not in results.notes else []
    return False


def _read_available() -> int:
    """Give the bytes of memory that a process can still have; half of all of it where the system does not tell."""
    told = Path("/proc/meminfo")
    match = re.search(r"MemAvailable:\s+(\d+) kB", told.read_text(encoding="ascii")) if told.exists() else None
    return int(match[1]) * 1024 if match else os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
