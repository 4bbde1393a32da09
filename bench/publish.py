"""`python -m bench.publish STORE NUMBER`: fill a directory or a bucket with so many tiny snapshots and manifests.

A process of its own, because its memory would be taken for that of the processes measured later.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

from restore.snapshots.manifest import Manifest, Sample, write_manifest
from restore.snapshots.name import SnapshotName, name_latest, name_manifest
from restore.stores.layout import STAMP_FILE, STAMP_TEXT
from restore.stores.location import parse_location

_EACH = 1_000
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_CONTENT = b"x" * 64
_AT_ONCE = 32


def main(store: str, number: int) -> None:
    """Fill the store, which must not be there yet."""
    if "://" in store:
        _fill_bucket(store, number)
    else:
        _fill_directory(Path(store), number)


def _fill_directory(store: Path, number: int) -> None:
    store.mkdir()
    (store / STAMP_FILE).write_bytes(STAMP_TEXT)
    latest: dict[str, str] = {}
    for name, manifest in _list_snapshots(number):
        (store / str(name)).write_bytes(_CONTENT)
        (store / name_manifest(str(name))).write_bytes(manifest)
        latest[name_latest(name.encoded)] = str(name)
    for link, file in latest.items():
        (store / link).symlink_to(file)


def _fill_bucket(store: str, number: int) -> None:
    from obstore.store import S3Store  # noqa: PLC0415 - an extra that only this needs

    location = parse_location(store)
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    target = S3Store(location.bucket, endpoint=endpoint, client_options={"allow_http": True})
    target.put(f"{location.prefix}/{STAMP_FILE}", STAMP_TEXT)

    def publish(name: SnapshotName, manifest: bytes) -> None:
        key = f"{location.prefix}/{name.encoded}/{name}"
        target.put(key, _CONTENT)
        target.put(name_manifest(key), manifest)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for done in [pool.submit(publish, *snapshot) for snapshot in _list_snapshots(number)]:
            done.result()


def _list_snapshots(number: int) -> Iterator[tuple[SnapshotName, bytes]]:
    for place in range(number):
        collection, at = f"collection-{place // _EACH:04}", _BEGIN + timedelta(hours=place % _EACH)
        yield SnapshotName(collection, at), write_manifest(_describe(collection, at))


def _describe(collection: str, at: datetime) -> Manifest:
    return Manifest(
        collection=collection,
        created=at,
        server_version="1.18.3",
        size=len(_CONTENT),
        sha256="0" * 64,
        points=1_000,
        points_exact=True,
        config={"params": {"vectors": {"size": 768, "distance": "Cosine"}, "shard_number": 1}},
        payload_schema={},
        samples=tuple(Sample(number, "0" * 32) for number in range(32)),
        written_by="qdrant-restore bench",
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
