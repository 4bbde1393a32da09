"""Bring a snapshot from the server into a file of the store: every byte once, hashed on the way, compared."""

from __future__ import annotations

import contextlib

from restore.errors import DeadlineError, IntegrityError
from restore.qdrant.client import Qdrant
from restore.qdrant.model import SnapshotDescription
from restore.qdrant.resumable_download import ReplacedError, ResumedDownload
from restore.snapshots.checksum import RunningChecksum
from restore.snapshots.stored import IncomingSnapshot
from restore.system.clock import Clock
from restore.system.events import Log, Progress
from restore.system.text import format_count


class SnapshotReceiver:
    """Downloads from one server. `deadline` is a moment of the clock's seconds, None for none."""

    def __init__(
        self,
        qdrant: Qdrant,
        *,
        clock: Clock,
        log: Log,
        progress: Progress,
        stall_seconds: float,
        deadline: float | None = None,
    ) -> None:
        self._qdrant = qdrant
        self._clock = clock
        self._log = log
        self._progress = progress
        self._stall_seconds = stall_seconds
        self._deadline = deadline

    def receive(self, collection: str, snapshot: SnapshotDescription, incoming: IncomingSnapshot) -> str:
        """Fill `incoming` with the snapshot's bytes; give their SHA-256.

        Raises `ReplacedError` when another snapshot has taken its name, `IntegrityError` when what came is not
        what the server made, `SpaceError` when the disk is full, and what `ResumedDownload` raises.
        """
        begin = self._clock.read_seconds()
        checksum = self._fill(collection, snapshot, incoming)
        if incoming.size != snapshot.size:
            raise IntegrityError(
                f"snapshot '{snapshot.name}': {incoming.size:,} of {format_count(snapshot.size, 'byte')} "
                "were written",
                left="nothing was kept",
                hint="is something else writing to this store?",
            )
        if snapshot.checksum and snapshot.checksum != checksum:
            self._explain_difference(collection, snapshot, checksum)
        seconds = self._clock.read_seconds() - begin
        self._log(
            "snapshot.downloaded",
            collection=collection,
            size_bytes=incoming.size,
            sha256=checksum,
            took_seconds=round(seconds, 3),
            compared_with_server=snapshot.checksum is not None,
        )
        return checksum

    def _fill(self, collection: str, snapshot: SnapshotDescription, incoming: IncomingSnapshot) -> str:
        download = ResumedDownload(
            self._qdrant, collection, snapshot, stall_seconds=self._stall_seconds, log=self._log
        )
        with contextlib.closing(download), contextlib.ExitStack() as running:
            checksum = running.enter_context(contextlib.closing(RunningChecksum()))
            incoming.expect(snapshot.size)
            while block := download.read():
                if download.restarted:
                    incoming.empty()
                    checksum = running.enter_context(contextlib.closing(RunningChecksum()))
                checksum.update(block)
                incoming.write(block)
                self._progress(collection, incoming.size, snapshot.size)
                self._watch_deadline(collection)
            return checksum.finish()

    def _watch_deadline(self, collection: str) -> None:
        if self._deadline is not None and self._clock.read_seconds() > self._deadline:
            raise DeadlineError(
                f"collection '{collection}': the deadline came while its snapshot was downloaded",
                left="nothing was kept",
                hint="give it longer with --deadline",
            )

    def _explain_difference(self, collection: str, snapshot: SnapshotDescription, checksum: str) -> None:
        """Raise for bytes that are not the server's: another file under the same name, or damage on the way."""
        there = [found for found in self._qdrant.list_snapshots(collection) if found.name == snapshot.name]
        if not there or there[0].checksum != snapshot.checksum:
            raise ReplacedError(f"another snapshot took the name '{snapshot.name}' in the same second")
        raise IntegrityError(
            f"snapshot '{snapshot.name}': the bytes that came have checksum {checksum}, "
            f"the server's have {snapshot.checksum}",
            left="nothing was kept",
            hint="does a proxy in between change bodies? give Qdrant's own address and try again",
        )
