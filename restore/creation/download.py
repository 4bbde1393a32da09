"""Download a snapshot from the server into the store: every byte once, hashed on the way, compared."""

import contextlib

from restore.creation.context import CreationContext
from restore.errors import IntegrityError, RestoreError
from restore.qdrant.model import SnapshotDescription
from restore.qdrant.resumable_download import ReplacedError, ResumedDownload
from restore.snapshots.checksum import RunningChecksum
from restore.snapshots.stored import IncomingSnapshot
from restore.system.text import format_count


class SnapshotReceiver:
    """Downloads from one server."""

    def __init__(self, context: CreationContext) -> None:
        self._context = context

    def receive(self, collection: str, snapshot: SnapshotDescription, incoming: IncomingSnapshot) -> str:
        """Write the snapshot's bytes into `incoming`. Return their SHA-256.

        Raise `ReplacedError` when another snapshot has its name now, `IntegrityError` when what came is not what the
        server made, `SpaceError` when the disk is full, and what `ResumedDownload` raises.
        """
        begin = self._context.clock.read_seconds()
        checksum = self._fill(collection, snapshot, incoming)
        if incoming.size != snapshot.size:
            raise IntegrityError(
                f"snapshot '{snapshot.name}': {incoming.size:,} of {format_count(snapshot.size, 'byte')} "
                "were written",
                left="nothing was kept",
                hint="is something else writing to this store?",
            )
        if snapshot.checksum and snapshot.checksum != checksum:
            raise self._difference_error(collection, snapshot, checksum)
        seconds = self._context.clock.read_seconds() - begin
        self._context.log(
            "snapshot.downloaded",
            collection=collection,
            size_bytes=incoming.size,
            sha256=checksum,
            took_seconds=round(seconds, 3),
            compared_with_server=snapshot.checksum is not None,
        )
        return checksum

    def _fill(self, collection: str, snapshot: SnapshotDescription, incoming: IncomingSnapshot) -> str:
        context = self._context
        download = ResumedDownload(
            context.qdrant, collection, snapshot, stall_seconds=context.stall_seconds, log=context.log
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
                context.progress(collection, incoming.size, snapshot.size)
                context.check_deadline(
                    f"collection '{collection}': the deadline came while its snapshot was downloaded",
                    left="nothing was kept",
                )
            return checksum.finish()

    def _difference_error(self, collection: str, snapshot: SnapshotDescription, checksum: str) -> RestoreError:
        """Return the error for bytes that are not the server's: another file of that name, or damage on the way."""
        there = [found for found in self._context.qdrant.list_snapshots(collection) if found.name == snapshot.name]
        if not there or there[0].checksum != snapshot.checksum:
            return ReplacedError(f"another snapshot took the name '{snapshot.name}' in the same second")
        return IntegrityError(
            f"snapshot '{snapshot.name}': the bytes that came have checksum {checksum}, "
            f"the server's have {snapshot.checksum}",
            left="nothing was kept",
            hint="does a proxy in between change bodies? give Qdrant's own address and try again",
        )
