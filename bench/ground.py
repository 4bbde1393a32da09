"""What the measuring stands on: collections of its own on the server and directories of its own, all removed after.

A collection is filled without an index being built, so that no optimizer runs beside what is measured.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from bench.calm import wait_calm
from bench.child import FailedError, run_child
from bench.fill import DIMENSIONS, PRECISE
from bench.minio import Bucket
from bench.server import Server
from restore.errors import RestoreError
from restore.qdrant.client import Qdrant, connect
from restore.qdrant.collection_names import find_attempts, name_marker
from restore.recovery.marker.model import SentTransfer
from restore.recovery.transfer.wait_idle import wait_settled
from restore.system.clock import Clock

_REPOSITORY = Path(__file__).resolve().parents[1]
_BYTES_PER_NUMBER = 4
# A server writes its log down every five seconds; a snapshot taken before is larger by what is still in it.
_FLUSH_SECONDS = 7.0
_SETTLE_SECONDS = 1.0
_LONGEST_SETTLING_SECONDS = 60.0
# What changes less within that second is somebody else's.
_STIR_BYTES = 5_000_000
_BODY = {
    "vectors": {"size": DIMENSIONS, "distance": "Dot"},
    "hnsw_config": {"m": 0},
    "optimizers_config": {"indexing_threshold": 0, "default_segment_number": 2},
}


class Source(msgspec.Struct, frozen=True):
    """A collection that was filled for measuring."""

    name: str
    points: int


class Ground:
    """Makes and removes. `store` is where our snapshots rest, `server_store` how the server sees it, if it does.

    `bucket` is None where there is no server for one. `patience_seconds` is how long each run may wait for a calm
    moment.
    """

    def __init__(
        self, server: Server, work: Path, bucket: Bucket | None = None, *, timeout_seconds: float = 0.0
    ) -> None:
        self.server = server
        self.work = work
        self.bucket = bucket
        self.token = secrets.token_hex(4)
        self.target = f"bench-{self.token}-target"
        self.qdrant: Qdrant = connect(server.url, os.environ.get("QDRANT_API_KEY", ""))
        self.environment = {
            "PYTHONPATH": str(_REPOSITORY),
            "QDRANT_URL": server.url,
            "RESTORE_LOG_LEVEL": "warning",
            # An installed program has its bytecode.
            "PYTHONDONTWRITEBYTECODE": "",
            **(bucket.environment if bucket else {}),
        }
        self._patience = timeout_seconds
        self._sources: list[Source] = []
        self._clock = Clock()
        self.store = (server.shared or work) / f"bench-{self.token}"
        self.server_store = f"{server.server_store.rstrip('/')}/{self.store.name}" if server.shared else ""

    def __enter__(self) -> Self:
        self.store.mkdir()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is not None:
                self._await_nothing()
            self.remove([self.target, *(source.name for source in self._sources)])
        except RestoreError as trouble:
            print(f"left on the server, by its name: bench-{self.token}…: {trouble}", file=sys.stderr)
        self.qdrant.close()
        shutil.rmtree(self.store, ignore_errors=True)
        for name in (self.target, *(source.name for source in self._sources)):
            # The server keeps an empty directory for every name; seen where `shared` is its snapshots directory.
            with contextlib.suppress(OSError):
                (self.store.parent / name).rmdir()

    def make_sources(self, size: int, *, number: int = 1, digits: int = PRECISE) -> list[Source]:
        """Fill collections with about `size` bytes of vectors each, and wait until the server has settled.

        Vectors of fewer digits are filled sooner, and compress better than what applications have.
        """
        points = max(1, size // (DIMENSIONS * _BYTES_PER_NUMBER))
        made = []
        for _ in range(number):
            source = Source(f"bench-{self.token}-{len(self._sources)}", points)
            self._sources.append(source)
            made.append(source)
            self.qdrant.create_collection(source.name, _BODY)
            fill = [sys.executable, "-m", "bench.fill", self.server.url, source.name, str(points), str(digits)]
            self.run(fill)
            self.expect(source.name, points)
        if not self.server.embedded:
            self._clock.sleep(_FLUSH_SECONDS)
        return made

    def remove_target(self) -> None:
        """Remove the target, its files on the server and the marks of a restore that was interrupted."""
        self.remove([self.target])

    def remove_sources(self, sources: Iterable[Source]) -> None:
        """Remove collections that were made here, and everything of them that the server keeps."""
        self.remove([source.name for source in sources])

    def remove(self, collections: Iterable[str]) -> None:
        """Remove collections that are there, their files on the server and their marks."""
        for collection in collections:
            there = self.qdrant.list_collections()
            if collection in there:
                # While the collection is there its files can be reached; afterwards they cannot.
                for snapshot in self.qdrant.list_snapshots(collection):
                    self.qdrant.delete_snapshot(collection, snapshot.name)
                self.qdrant.delete_collection(collection)
            for attempt in find_attempts(collection, there):
                self.qdrant.delete_collection(name_marker(collection, attempt))
        self.settle()

    def remove_server_snapshots(self, sources: Iterable[Source]) -> None:
        """Remove the snapshots that measuring left on the server."""
        for source in sources:
            for snapshot in self.qdrant.list_snapshots(source.name):
                self.qdrant.delete_snapshot(source.name, snapshot.name)
        self.settle()

    def forget(self, source: Source) -> None:
        """Remove a source's files from the store."""
        for path in self.store.glob(f"{source.name}_*"):
            path.unlink()

    def settle(self) -> None:
        """Let what was written before reach the disk and what was deleted be freed; the next one must not pay for it.

        A server goes on freeing gigabytes after it answered. Only seen where it works on this machine's disk.
        """
        if self.server.embedded:
            # Its figures are no measure of anything, and need no calm.
            return
        end = self._clock.read_seconds() + _LONGEST_SETTLING_SECONDS
        free, before = self._read_free(), -1
        while abs(free - before) > _STIR_BYTES and self._clock.read_seconds() < end:
            os.sync()
            self._clock.sleep(_SETTLE_SECONDS)
            before, free = free, self._read_free()
        wait_calm(self._patience)

    def expect(self, collection: str, points: int) -> None:
        """Raise `FailedError` unless the collection has exactly so many points."""
        found = self.qdrant.count_points(collection)
        if found != points:
            raise FailedError(f"collection '{collection}' has {found} points, {points} were expected")

    def run(self, command: list[str]) -> None:
        """Run a command that is not measured."""
        run_child(command, environment=self.environment, directory=self.work)

    def _await_nothing(self) -> None:
        """Wait until nothing that was sent can still become a collection: the server goes on without its client."""
        print("ending; the server may still have to finish what was sent", file=sys.stderr, flush=True)
        largest = max((source.points for source in self._sources), default=0) * DIMENSIONS * _BYTES_PER_NUMBER
        sent = SentTransfer("upload", largest, 0.0)
        stall = _LONGEST_SETTLING_SECONDS
        wait_settled(
            self.qdrant, self._clock, lambda *_, **__: None, target=self.target, sent=sent, stall_seconds=stall
        )

    def _read_free(self) -> int:
        found = os.statvfs(self.work)
        return found.f_bfree * found.f_frsize
