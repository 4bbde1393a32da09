"""The collections and directories that the benchmark works in; all of them are removed afterwards.

A collection is filled without building an index, so that no optimizer runs during a measurement.
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

from bench.fixtures.bucket_server import Bucket
from bench.fixtures.fill_collection import DIMENSIONS, FULL_DIGITS
from bench.fixtures.server import Server
from bench.runner.comparison import Comparison, Series, run_comparison
from bench.runner.idle import wait_until_idle
from bench.runner.process import BenchError, run_process
from restore.errors import RestoreError
from restore.qdrant.client import Qdrant, connect
from restore.qdrant.collection_names import find_attempts, name_marker
from restore.recovery.marker.model import SentTransfer
from restore.recovery.session import RecoverySession
from restore.recovery.transfer.wait_idle import wait_settled
from restore.system.clock import Clock
from tests.support.no_output import NoProgress, no_log

_REPOSITORY = Path(__file__).resolve().parents[1]
_BYTES_PER_NUMBER = 4
# A server flushes its log every five seconds; a snapshot taken before that is larger by what is in the log.
_FLUSH_SECONDS = 7.0
_SETTLE_SECONDS = 1.0
_MAX_SETTLE_SECONDS = 60.0
# A smaller change within that second is not from the server.
_SETTLED_BYTES = 5_000_000
_BODY = {
    "vectors": {"size": DIMENSIONS, "distance": "Dot"},
    "hnsw_config": {"m": 0},
    "optimizers_config": {"indexing_threshold": 0, "default_segment_number": 2},
}


class Source(msgspec.Struct, frozen=True):
    """A collection that was filled for measuring."""

    name: str
    points: int


class Workspace:
    """Create and remove collections. `store` holds our snapshots; `server_store` is its path on the server.

    `bucket` is None if there is no server for one. `timeout_seconds` limits each run's wait for an idle machine.
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
        self._idle_timeout = timeout_seconds
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
                self._wait_for_transfers()
            self.remove([self.target, *(source.name for source in self._sources)])
        except RestoreError as failure:
            print(f"left on the server, by its name: bench-{self.token}…: {failure}", file=sys.stderr)
        self.qdrant.close()
        shutil.rmtree(self.store, ignore_errors=True)
        for name in (self.target, *(source.name for source in self._sources)):
            # The server keeps an empty directory for every name; it is here if `shared` is its snapshots directory.
            with contextlib.suppress(OSError):
                (self.store.parent / name).rmdir()

    def make_sources(self, size: int, *, number: int = 1, digits: int = FULL_DIGITS) -> list[Source]:
        """Fill collections with about `size` bytes of vectors each, and wait until the server has flushed them.

        Vectors of fewer digits are filled sooner, and compress better than those of applications.
        """
        points = max(1, size // (DIMENSIONS * _BYTES_PER_NUMBER))
        program = [sys.executable, "-m", "bench.fixtures.fill_collection", self.server.url]
        made = []
        for _ in range(number):
            source = Source(f"bench-{self.token}-{len(self._sources)}", points)
            self._sources.append(source)
            made.append(source)
            self.qdrant.create_collection(source.name, _BODY)
            self.run([*program, source.name, str(points), str(digits)])
            self.expect_points(source.name, points)
        if not self.server.embedded:
            self._clock.sleep(_FLUSH_SECONDS)
        return made

    def remove_target(self) -> None:
        """Remove the target, its files on the server and the markers of an interrupted restore."""
        self.remove([self.target])

    def remove_sources(self, sources: Iterable[Source]) -> None:
        """Remove collections that were made here, and all their files on the server."""
        self.remove([source.name for source in sources])

    def remove(self, collections: Iterable[str]) -> None:
        """Remove those of the collections that exist, their files on the server and their markers."""
        for collection in collections:
            there = self.qdrant.list_collections()
            if collection in there:
                # While the collection exists, its files can be reached; afterwards they cannot.
                for snapshot in self.qdrant.list_snapshots(collection):
                    self.qdrant.delete_snapshot(collection, snapshot.name)
                self.qdrant.delete_collection(collection)
            for attempt in find_attempts(collection, there):
                self.qdrant.delete_collection(name_marker(collection, attempt))
        self.wait_until_settled()

    def remove_server_snapshots(self, sources: Iterable[Source]) -> None:
        """Remove the snapshots that measuring left on the server."""
        for source in sources:
            for snapshot in self.qdrant.list_snapshots(source.name):
                self.qdrant.delete_snapshot(source.name, snapshot.name)
        self.wait_until_settled()

    def remove_files(self, source: Source) -> None:
        """Remove a source's files from the store."""
        for path in self.store.glob(f"{source.name}_*"):
            path.unlink()

    def wait_until_settled(self) -> None:
        """Wait until writes are on disk and deleted files are freed, so that the next run does not pay for it.

        A server frees gigabytes after it has answered. This can be seen only if it uses this machine's disk.
        """
        if self.server.embedded:
            # The embedded server's figures mean nothing, so it needs no idle machine.
            return
        end = self._clock.read_seconds() + _MAX_SETTLE_SECONDS
        free, before = self._read_free(), -1
        while abs(free - before) > _SETTLED_BYTES and self._clock.read_seconds() < end:
            os.sync()
            self._clock.sleep(_SETTLE_SECONDS)
            before, free = free, self._read_free()
        wait_until_idle(self._idle_timeout)

    def expect_points(self, collection: str, points: int) -> None:
        """Raise BenchError unless the collection has exactly that many points."""
        found = self.qdrant.count_points(collection)
        if found != points:
            raise BenchError(f"collection '{collection}' has {found} points, {points} were expected")

    def run(self, command: list[str]) -> None:
        """Run a command that is not measured."""
        run_process(command, environment=self.environment, directory=self.work)

    def compare(self, comparison: Comparison, rounds: int) -> dict[str, Series]:
        """Run a comparison here. Return each variant's runs by its name."""
        return run_comparison(comparison, rounds, environment=self.environment, directory=self.work)

    def _wait_for_transfers(self) -> None:
        """Wait until nothing that was sent can still become a collection: the server continues without its client."""
        print("ending; the server may still have to finish what was sent", file=sys.stderr, flush=True)
        largest = max((source.points for source in self._sources), default=0) * DIMENSIONS * _BYTES_PER_NUMBER
        sent = SentTransfer("upload", largest, 0.0)
        session = RecoverySession(
            qdrant=self.qdrant,
            clock=self._clock,
            log=no_log,
            progress=NoProgress(),
            holder="bench",
            token="",
            stall_seconds=_MAX_SETTLE_SECONDS,
        )
        wait_settled(session, self.target, sent)

    def _read_free(self) -> int:
        status = os.statvfs(self.work)
        return status.f_bfree * status.f_frsize
