"""The row `packing`: zstd on and off, age on and off; both directions, sizes and memory."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from bench import commands
from bench.arguments import Options
from bench.commands import Stored
from bench.contest import Contest, Contestant
from bench.ground import Ground, Source
from bench.results import Packed, Results
from bench.rows import find_stored, hold

_ZSTD, _AGE = ("--compress", "zstd"), ("--encrypt", "age")
_PACKINGS: Mapping[str, tuple[str, ...]] = {"none": (), "zstd": _ZSTD, "age": _AGE, "zstd, age": (*_ZSTD, *_AGE)}


def measure_packing(ground: Ground, stored: Stored, options: Options, results: Results) -> None:
    """Snapshot and restore the same collection, packed in each way, into a store of each way's own."""
    keys = _make_keys(ground.work)
    stores = {packing: ground.work / f"packed-{number}" for number, packing in enumerate(_PACKINGS)}
    snapshots = hold(_contest_snapshots(ground, stored.source, keys, stores), options.rounds, ground)
    packed = {packing: find_stored(stored.source, store) for packing, store in stores.items()}
    contest = Contest(
        title="restore",
        contestants=tuple(
            Contestant(
                packing,
                commands.restore_ours(ground, one, "upload", store=str(stores[packing]))
                + (["--identity-file", str(keys / "identity")] if "age" in packing else []),
            )
            for packing, one in packed.items()
        ),
        prepare=ground.remove_target,
        check=lambda: ground.expect(ground.target, stored.source.points),
    )
    restores = hold(contest, options.rounds, ground)
    ground.remove_target()
    results.packed += [
        Packed(
            packing=packing,
            snapshot=snapshots[packing],
            restore=restores[packing],
            plain_bytes=one.manifest.size,
            stored_bytes=one.manifest.bytes_in_store,
        )
        for packing, one in packed.items()
    ]
    for store in stores.values():
        shutil.rmtree(store)


def _contest_snapshots(ground: Ground, source: Source, keys: Path, stores: Mapping[str, Path]) -> Contest:
    for_whom = ["--recipients-file", str(keys / "recipients")]

    def prepare() -> None:
        # Each leaves one file and no more: the newest, which is restored afterwards.
        for path in [path for store in stores.values() for path in _list_older(store)]:
            path.unlink()
        ground.remove_server_snapshots([source])

    return Contest(
        title="snapshot",
        contestants=tuple(
            Contestant(
                packing,
                [*commands.snapshot_ours([source], stores[packing]), *flags, *(for_whom if "age" in flags else [])],
            )
            for packing, flags in _PACKINGS.items()
        ),
        prepare=prepare,
        check=lambda: None,
    )


def _list_older(store: Path) -> list[Path]:
    """Give every snapshot with its manifest that is not the latest of its store."""
    latest = [link.resolve() for link in store.glob("*_latest.snapshot*")]
    kept = {*latest, *(path.with_name(f"{path.name}.json") for path in latest)}
    return [path for path in store.glob("*.snapshot*") if not path.is_symlink() and path.resolve() not in kept]


def _make_keys(work: Path) -> Path:
    """Make a key pair of the bench's own; gives the directory with `identity` and `recipients`."""
    import pyrage  # noqa: PLC0415 - an extra that only this needs

    keys = work / "keys"
    keys.mkdir(mode=0o700)
    identity = pyrage.x25519.Identity.generate()
    (keys / "identity").write_text(f"{identity}\n", encoding="ascii")
    (keys / "recipients").write_text(f"{identity.to_public()}\n", encoding="ascii")
    return keys
