"""Ask the server to create a snapshot, and delete on the server what an answer to us named, and nothing else."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from restore.creation.journal import CreationJournal
from restore.creation.journal_document import is_same
from restore.errors import DeadlineError, Interrupted, QdrantError, RestoreError, with_left
from restore.qdrant.client import Qdrant
from restore.qdrant.model import SnapshotDescription
from restore.qdrant.transport.exchange import PendingResponse, Response
from restore.system.clock import Clock
from restore.system.events import Log, Progress

_POLL_SECONDS = 0.5
# A signal must end us within 2 s, also beside a server that does not answer.
_LAST_SECONDS = 1.2
_SLICE_SECONDS = 0.02
_MAY_FINISH = "the server may still finish the snapshot, and keeps it then"


class SnapshotCreator:
    """Creates snapshots on one server. `stall_seconds`: how long it may go without a sign of life.

    `deadline` is a moment of the clock's seconds, None for none. What is created is written into `journal` first.

    `left_behind` says what could not be deleted on the server afterwards; empty when nothing was left.
    """

    def __init__(
        self,
        qdrant: Qdrant,
        *,
        clock: Clock,
        log: Log,
        progress: Progress,
        stall_seconds: float,
        deadline: float | None = None,
        journal: CreationJournal | None = None,
    ) -> None:
        self._qdrant = qdrant
        self._clock = clock
        self._log = log
        self._progress = progress
        self._stall_seconds = stall_seconds
        self._deadline = deadline
        self._journal = journal
        self.left_behind = ""

    @contextlib.contextmanager
    def created(self, collection: str) -> Iterator[SnapshotDescription]:
        """Create a snapshot for the time of a `with`; delete it on the server on every way out.

        Raises what the server refused it for, `QdrantError` when the connection was lost and `DeadlineError` when
        the server gave no sign; then a file may be left that nobody can attribute, and the error says so.
        """
        snapshot = self._create(collection)
        self._log("snapshot.created", collection=collection, name=snapshot.name, size_bytes=snapshot.size)
        timeout: float | None = None
        try:
            yield snapshot
        except Interrupted:
            timeout = _LAST_SECONDS
            raise
        finally:
            self._discard_within(timeout, collection, snapshot)

    def _create(self, collection: str) -> SnapshotDescription:
        before = [found.name for found in self._qdrant.list_snapshots(collection)]
        if before:
            self._log("snapshot.others_on_server", collection=collection, count=len(before), first=min(before))
        self._progress.wait("server is creating the snapshot", collection)
        if self._journal:
            self._journal.intend(collection, tuple(before), self._clock.now())
        exchange = self._qdrant.create_snapshot(collection)
        answer: Response | None = None
        try:
            answer = self._await(exchange, collection)
        except Interrupted as error:
            raise with_left(error, _MAY_FINISH) from error
        except OSError as error:
            raise QdrantError(
                f"collection '{collection}': the connection was lost while the server created the snapshot",
                left=_MAY_FINISH,
                hint="look into Qdrant's log, and run it again",
            ) from error
        finally:
            exchange.close()
            if answer is None:
                # Nobody can attribute what the server makes of it now, so it is said and never deleted.
                self._log("snapshot.unanswered", level="warning", collection=collection)
        return self._read(collection, answer)

    def _read(self, collection: str, answer: Response) -> SnapshotDescription:
        """Read the answer, and write down what it names. A refusal made nothing."""
        try:
            snapshot = self._qdrant.read_created(collection, answer)
        except RestoreError:
            self._settle(collection)
            raise
        if self._journal:
            self._journal.note(collection, snapshot)
        return snapshot

    def _settle(self, collection: str) -> None:
        if self._journal:
            self._journal.settle(collection)

    def _await(self, exchange: PendingResponse, collection: str) -> Response:
        """Wait for the answer; running creations are the server's sign of life meanwhile."""
        sign = self._clock.read_seconds()
        while (answer := exchange.poll(_POLL_SECONDS)) is None:
            now = self._clock.read_seconds()
            if self._is_creating(collection):
                sign = now
                self._progress.wait("server is creating the snapshot", collection)
            if now - sign > self._stall_seconds:
                raise DeadlineError(
                    f"collection '{collection}': Qdrant gave no sign for {self._stall_seconds:g} s while it was to "
                    "create the snapshot",
                    left=_MAY_FINISH,
                    hint="look into Qdrant's log; give it longer with --stall-timeout",
                )
            if self._deadline is not None and now > self._deadline:
                raise DeadlineError(
                    f"collection '{collection}': the deadline came while the server created its snapshot",
                    left=_MAY_FINISH,
                    hint="give it longer with --deadline",
                )
        return answer

    def _is_creating(self, collection: str) -> bool:
        try:
            return self._qdrant.read_activity(collection).creations > 0
        except QdrantError:
            return False

    def _discard_within(self, seconds: float | None, collection: str, snapshot: SnapshotDescription) -> None:
        worker = threading.Thread(target=self._discard, args=(collection, snapshot), name="discard", daemon=True)
        worker.start()
        try:
            self._wait_for(worker, seconds)
        except Interrupted:
            self._wait_for(worker, _LAST_SECONDS)
            raise
        finally:
            if worker.is_alive():
                self._say_left(collection, snapshot, "no answer in time")

    def _discard(self, collection: str, snapshot: SnapshotDescription) -> None:
        """Delete the snapshot on the server if what lies there under its name is still the one made for us."""
        qdrant = self._qdrant.clone()
        try:
            there = [found for found in qdrant.list_snapshots(collection) if found.name == snapshot.name]
            if there and is_same(there[0], snapshot):
                qdrant.delete_snapshot(collection, snapshot.name)
            self._settle(collection)
        except RestoreError as error:
            self._say_left(collection, snapshot, error.message)
        finally:
            qdrant.close()

    def _say_left(self, collection: str, snapshot: SnapshotDescription, reason: str) -> None:
        self.left_behind = f"snapshot '{snapshot.name}' was left on the server ({reason})"
        self._log(
            "snapshot.left_on_server", level="warning", collection=collection, name=snapshot.name, reason=reason
        )

    def _wait_for(self, thread: threading.Thread, seconds: float | None) -> None:
        """Wait until a thread has ended, or for so many seconds. Raise `Interrupted` when asked to end."""
        end = None if seconds is None else time.monotonic() + seconds
        while thread.is_alive() and (end is None or time.monotonic() < end):
            self._qdrant.check_stop()
            thread.join(_SLICE_SECONDS)
