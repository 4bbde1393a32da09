"""The row `packing`: zstd on and off, age on and off; both directions, sizes and memory."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from bench import commands
from bench.arguments import Options
from bench.commands import StoredSource
from bench.results import EncodingRuns, Results
from bench.runner.comparison import Comparison, Variant
from bench.snapshots import find_stored
from bench.workspace import Source, Workspace

_ZSTD, _AGE = ("--compress", "zstd"), ("--encrypt", "age")
_ENCODINGS: Mapping[str, tuple[str, ...]] = {"none": (), "zstd": _ZSTD, "age": _AGE, "zstd, age": (*_ZSTD, *_AGE)}


def measure_encodings(workspace: Workspace, stored: StoredSource, options: Options, results: Results) -> None:
    """Snapshot and restore the same collection with each encoding, into a store for each."""
    keys = _make_keys(workspace.work)
    stores = {encoding: workspace.work / f"packed-{number}" for number, encoding in enumerate(_ENCODINGS)}
    snapshots = workspace.compare(_compare_snapshots(workspace, stored.source, keys, stores), options.rounds)
    encodings = {encoding: find_stored(stored.source, store) for encoding, store in stores.items()}
    comparison = Comparison(
        title="restore",
        variants=tuple(
            Variant(
                encoding,
                commands.restore_ours(workspace, snapshot, "upload", store=str(stores[encoding]))
                + (["--identity-file", str(keys / "identity")] if "age" in encoding else []),
            )
            for encoding, snapshot in encodings.items()
        ),
        prepare=workspace.remove_target,
        check=lambda: workspace.expect_points(workspace.target, stored.source.points),
    )
    restores = workspace.compare(comparison, options.rounds)
    workspace.remove_target()
    results.encodings += [
        EncodingRuns(
            encoding=encoding,
            snapshot=snapshots[encoding],
            restore=restores[encoding],
            plain_bytes=snapshot.manifest.size,
            stored_bytes=snapshot.manifest.bytes_in_store,
        )
        for encoding, snapshot in encodings.items()
    ]
    for store in stores.values():
        shutil.rmtree(store)


def _compare_snapshots(workspace: Workspace, source: Source, keys: Path, stores: Mapping[str, Path]) -> Comparison:
    recipients = ["--recipients-file", str(keys / "recipients")]

    def prepare() -> None:
        # Keep only the newest snapshot of each store, which is restored afterwards.
        for path in [path for store in stores.values() for path in _list_older(store)]:
            path.unlink()
        workspace.remove_server_snapshots([source])

    return Comparison(
        title="snapshot",
        variants=tuple(
            Variant(
                encoding,
                [
                    *commands.snapshot_ours([source], stores[encoding]),
                    *flags,
                    *(recipients if "age" in flags else []),
                ],
            )
            for encoding, flags in _ENCODINGS.items()
        ),
        prepare=prepare,
        check=lambda: None,
    )


def _list_older(store: Path) -> list[Path]:
    """Return every snapshot and manifest that is not the latest of its store."""
    latest = [link.resolve() for link in store.glob("*_latest.snapshot*")]
    kept = {*latest, *(path.with_name(f"{path.name}.json") for path in latest)}
    return [path for path in store.glob("*.snapshot*") if not path.is_symlink() and path.resolve() not in kept]


def _make_keys(work: Path) -> Path:
    """Create a key pair. Return the directory with `identity` and `recipients`."""
    import pyrage  # noqa: PLC0415 - an extra that only this needs

    keys = work / "keys"
    keys.mkdir(mode=0o700)
    identity = pyrage.x25519.Identity.generate()
    (keys / "identity").write_text(f"{identity}\n", encoding="ascii")
    (keys / "recipients").write_text(f"{identity.to_public()}\n", encoding="ascii")
    return keys
