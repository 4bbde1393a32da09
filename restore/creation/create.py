"""Ask the server to create a snapshot; delete on the server the snapshot that its answer named, and nothing else."""

import contextlib
import threading
import time
from collections.abc import Iterator

from restore.creation.context import CreationContext
from restore.creation.journal import CreationJournal
from restore.creation.journal_document import is_same
from restore.errors import DeadlineError, Interrupted, QdrantError, RestoreError, add_facts
from restore.qdrant.model import SnapshotDescription
from restore.qdrant.transport.exchange import PendingResponse, Response

_POLL_SECONDS = 0.5
# A signal must end the process within 2 s, also beside a server that does not answer.
_LAST_SECONDS = 1.2
_SLICE_SECONDS = 0.02
_MAY_FINISH = "the server may still finish the snapshot, and keeps it then"


class SnapshotCreator:
    """Creates snapshots on one server. What will be created is written into `journal` first.

    `left_behind` says what could not be deleted on the server afterwards; empty when nothing was left.
    """

    def __init__(self, context: CreationContext, *, journal: CreationJournal | None = None) -> None:
        self._context = context
        self._qdrant = context.qdrant
        self._clock = context.clock
        self._log = context.log
        self._progress = context.progress
        self._journal = journal
        self.left_behind = ""

    @contextlib.contextmanager
    def created(self, collection: str) -> Iterator[SnapshotDescription]:
        """Create a snapshot for the time of a `with`; delete it on the server on every way out.

        Raise what the server refused it for, `QdrantError` when the connection was lost, and `DeadlineError` when the
        server gave no sign of life. In the last two cases the server may keep a file that cannot be attributed to
        this run, and the error says so.
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
            self._delete_within(timeout, collection, snapshot)

    def _create(self, collection: str) -> SnapshotDescription:
        before = [found.name for found in self._qdrant.list_snapshots(collection)]
        if before:
            self._log("snapshot.others_on_server", collection=collection, count=len(before), first=min(before))
        self._progress.wait("server is creating the snapshot", collection)
        if self._journal:
            self._journal.record_request(collection, tuple(before), self._clock.now())
        pending = self._qdrant.create_snapshot(collection)
        answer: Response | None = None
        try:
            answer = self._wait_for_answer(pending, collection)
        except Interrupted as error:
            raise add_facts(error, left=_MAY_FINISH) from error
        except OSError as error:
            raise QdrantError(
                f"collection '{collection}': the connection was lost while the server created the snapshot",
                left=_MAY_FINISH,
                hint="look into Qdrant's log, and run it again",
            ) from error
        finally:
            pending.close()
            if answer is None:
                # What the server makes of it now cannot be attributed to this run: it is reported, never deleted.
                self._log("snapshot.unanswered", level="warning", collection=collection)
        return self._read(collection, answer)

    def _read(self, collection: str, answer: Response) -> SnapshotDescription:
        """Return what the answer describes, written into the journal. After a refusal there is nothing."""
        try:
            snapshot = self._qdrant.read_created(collection, answer)
        except RestoreError:
            self._record_deleted(collection)
            raise
        if self._journal:
            self._journal.record_created(collection, snapshot)
        return snapshot

    def _record_deleted(self, collection: str) -> None:
        if self._journal:
            self._journal.record_deleted(collection)

    def _wait_for_answer(self, pending: PendingResponse, collection: str) -> Response:
        """Wait for the answer. Meanwhile the server's sign of life is that it reports a running creation."""
        sign, stall_seconds = self._clock.read_seconds(), self._context.stall_seconds
        while (answer := pending.poll(_POLL_SECONDS)) is None:
            now = self._clock.read_seconds()
            if self._is_creating(collection):
                sign = now
                self._progress.wait("server is creating the snapshot", collection)
            if now - sign > stall_seconds:
                raise DeadlineError(
                    f"collection '{collection}': Qdrant gave no sign for {stall_seconds:g} s while it was to "
                    "create the snapshot",
                    left=_MAY_FINISH,
                    hint="look into Qdrant's log; give it longer with --stall-timeout",
                )
            self._context.check_deadline(
                f"collection '{collection}': the deadline came while the server created its snapshot",
                left=_MAY_FINISH,
            )
        return answer

    def _is_creating(self, collection: str) -> bool:
        try:
            return self._qdrant.read_activity(collection).creations > 0
        except QdrantError:
            return False

    def _delete_within(self, seconds: float | None, collection: str, snapshot: SnapshotDescription) -> None:
        thread = threading.Thread(target=self._delete, args=(collection, snapshot), name="delete", daemon=True)
        thread.start()
        try:
            self._wait_for(thread, seconds)
        except Interrupted:
            self._wait_for(thread, _LAST_SECONDS)
            raise
        finally:
            if thread.is_alive():
                self._report_left(collection, snapshot, "no answer in time")

    def _delete(self, collection: str, snapshot: SnapshotDescription) -> None:
        """Delete the snapshot on the server, if the one of its name there is still the one made for this run."""
        qdrant = self._qdrant.clone()
        try:
            there = [found for found in qdrant.list_snapshots(collection) if found.name == snapshot.name]
            if there and is_same(there[0], snapshot):
                qdrant.delete_snapshot(collection, snapshot.name)
            self._record_deleted(collection)
        except RestoreError as error:
            self._report_left(collection, snapshot, error.message)
        finally:
            qdrant.close()

    def _report_left(self, collection: str, snapshot: SnapshotDescription, reason: str) -> None:
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
