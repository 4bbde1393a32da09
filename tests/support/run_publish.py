"""Publishing without a server: a received file, its manifest, its place in the store."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

from restore.commands.snapshot.publish import Published, publish
from restore.errors import RestoreError
from restore.snapshots.manifest import Manifest
from restore.stores.layout import Kind
from restore.stores.local.reader import LocalStore
from restore.stores.local.writer import WritableLocalStore, open_writable_local_store
from tests.support.no_output import no_log

FIRST, SECOND, THIRD = (datetime(2026, 11, day, 10, 15, tzinfo=UTC) for day in (18, 19, 20))


def describe(content: bytes, at: datetime, *, collection: str = "cities", points: int = 100) -> Manifest:
    """Return the manifest of some bytes."""
    return Manifest(
        collection=collection,
        created=at,
        server_version="1.18.3",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        points=points,
        points_exact=True,
        config={},
        payload_schema={},
    )


def publish_once(
    path: Path,
    content: bytes,
    at: datetime,
    *,
    collection: str = "cities",
    points: int = 100,
    allow_smaller: bool = False,
    part_problem: str = "",
) -> Published:
    """Do what a snapshot does with a store, from its lock to the moved latest."""
    store = open_writable_local_store(str(path))
    with store.lock(5.0):
        store.remove_debris()
        with store.receive() as incoming:
            incoming.write(content)
            return publish(
                store,
                incoming,
                describe(content, at, collection=collection, points=points),
                no_log,
                part_problem=part_problem,
                allow_smaller=allow_smaller,
            )


def read_latest(path: Path, collection: str = "cities") -> bytes | None:
    """Return the bytes that a reader of latest gets, opened as any program would."""
    try:
        return (path / f"{collection}_latest.snapshot").read_bytes()
    except FileNotFoundError:
        return None


def find_trouble(path: Path) -> list[str]:
    """Return the faults of a store: unfinished files with a final name, a latest that cannot be followed."""
    store = LocalStore(str(path))
    trouble = []
    for entry in store.list_entries():
        if entry.kind not in {Kind.SNAPSHOT, Kind.LATEST} or entry.collection is None:
            continue
        if problem := _find_problem(store, entry.collection, entry.file):
            trouble.append(problem)
    return trouble


def _find_problem(store: LocalStore, collection: str, file: str) -> str:
    try:
        stored = store.find_named(collection, file)
        manifest = store.read_manifest(stored) if stored else None
    except RestoreError as error:
        return str(error)
    content = Path(stored.path).read_bytes() if stored else b""
    if manifest is None or manifest.sha256 != hashlib.sha256(content).hexdigest():
        return f"{file} is not what its manifest says"
    return ""


def list_names(path: Path) -> list[str]:
    """Return the sorted names in a store, without its lock, its stamp and the journals of killed runs."""
    kept = {".lock", "README.md"}
    return sorted(name for name in os.listdir(path) if name not in kept and not name.startswith(".journal-"))  # noqa: PTH208


def open_stamped(path: Path, *, file_mode: int = 0o644) -> WritableLocalStore:
    """Open a store for writing."""
    return open_writable_local_store(str(path), file_mode=file_mode)
