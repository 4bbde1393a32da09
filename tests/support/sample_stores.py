"""Stores filled with snapshots that a real server made, with manifests as `qdrant-restore snapshot` writes them."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from restore.snapshots.manifest import Manifest, Sample, write_manifest
from restore.snapshots.name import SnapshotName, encode_collection, name_latest, name_manifest
from restore.snapshots.point_digest import digest_point
from restore.stores.layout import STAMP_FILE, STAMP_TEXT
from tests.support.server_under_test import Points, comparable

RECORDED = Path(__file__).parents[1] / "data" / "snapshots"
NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
SERVER_VERSION = "1.18.3"


class FilledStore:
    """A store in a directory, filled with recorded snapshots."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        (path / STAMP_FILE).write_bytes(STAMP_TEXT)

    def add(
        self,
        collection: str,
        kind: str = "plain",
        *,
        at: datetime = NOON,
        manifest: bool = True,
        latest: bool = True,
        **changes: Any,  # noqa: ANN401 - fields of the manifest
    ) -> Path:
        """Put a recorded snapshot there as one of `collection`; `changes` make its manifest say something else."""
        name = str(SnapshotName(encode_collection(collection), at, 1))
        file = self.path / name
        shutil.copyfile(RECORDED / f"{kind}-1.18.3.snapshot", file)
        if manifest:
            promised = describe(kind, collection, at)
            text = write_manifest(msgspec.structs.replace(promised, **changes))
            (self.path / name_manifest(name)).write_bytes(text)
        if latest:
            self.point(collection, name)
        return file

    def add_part(self, collection: str, part: str) -> Path:
        """Put there what one node of several made, as somebody copies it: its latest is the file itself."""
        file = self.path / name_latest(collection)
        shutil.copyfile(RECORDED / f"{part}-1.18.3.snapshot", file)
        return file

    def point(self, collection: str, name: str) -> None:
        """Let a collection's latest be this file."""
        link = self.path / name_latest(collection)
        link.unlink(missing_ok=True)
        link.symlink_to(name)

    def files(self) -> dict[str, bytes]:
        """Return every file with its content, to see that nothing was changed."""
        return {file.name: file.read_bytes() for file in self.path.iterdir()}


@functools.cache
def recorded(kind: str) -> dict[str, Any]:
    """Return the record of a snapshot: info, count, points."""
    return dict(json.loads((RECORDED / f"{kind}-1.18.3.json").read_text()))


@functools.cache
def promised_points(kind: str) -> Points:
    """Return every point that a snapshot holds. Of the large one only some were recorded."""
    return comparable(recorded(kind)["points"])


def describe(kind: str, collection: str, at: datetime = NOON) -> Manifest:
    """Return the manifest of a recorded snapshot."""
    found = recorded(kind)
    content = (RECORDED / f"{kind}-1.18.3.snapshot").read_bytes()
    schema = found["info"].get("payload_schema") or {}
    return Manifest(
        collection=collection,
        created=at,
        server_version=SERVER_VERSION,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        points=found["count"],
        points_exact=True,
        config=found["info"]["config"],
        payload_schema={
            field: {key: value for key, value in index.items() if key != "points"} for field, index in schema.items()
        },
        samples=tuple(
            Sample(point["id"], digest_point(point.get("payload"), point.get("vector"))) for point in found["points"]
        ),
        shards=found["info"]["config"]["params"]["shard_number"],
        written_by="tests",
    )


def damage(file: Path) -> None:
    """Turn one bit of a file, in the middle of some segment's content."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
