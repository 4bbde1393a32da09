"""Send a snapshot to the server, by a file that it can see or by an upload, and wait for its word.

A definite answer is an answer; a lost connection is none: the server goes on by itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import msgspec

from restore.errors import DeadlineError, QdrantError, RestoreError
from restore.qdrant.client import Qdrant
from restore.qdrant.transport.exchange import PendingResponse, Response
from restore.recovery.request import TransferSource
from restore.snapshots.stored import SnapshotReader
from restore.system.clock import Clock
from restore.system.events import Log, Progress
from restore.system.secret import Secret

_POLL_SECONDS = 0.5
_SAY_SECONDS = 10.0
# What a proxy says when it lost patience or the server; Qdrant's own timeout is a 408. The work may go on behind.
_NO_WORD = frozenset({408, 499, 502, 503, 504, 524})


class Lost(msgspec.Struct, frozen=True):
    """The connection was lost, so nobody knows what became of it. `rose`: the gauge was seen above 0."""

    reason: str
    was_loading: bool


class Accepted(msgspec.Struct, frozen=True):
    """The server says that it recovered the snapshot."""


class Rejected(msgspec.Struct, frozen=True):
    """The server said no."""

    error: RestoreError


TransferResult = Accepted | Rejected | Lost


class SnapshotSender:
    """Sends to one server. `stall_seconds`: how long it may go without a byte or a sign."""

    def __init__(self, qdrant: Qdrant, *, clock: Clock, log: Log, progress: Progress, stall_seconds: float) -> None:
        self._qdrant = qdrant
        self._clock = clock
        self._log = log
        self._progress = progress
        self._stall_seconds = stall_seconds

    def send_server_file(self, source: TransferSource) -> TransferResult:
        """Let the server read the file itself."""
        self._progress.wait("server is loading", source.target)
        try:
            exchange = self._qdrant.recover_snapshot(source.target, path=source.server_path, checksum=source.checksum)
        except QdrantError as error:
            return Lost(error.message, was_loading=False)
        return self._await(exchange, source)

    def send_server_url(self, source: TransferSource, sign: Callable[[], Secret]) -> TransferResult:
        """Let the server read the snapshot from the store itself. Whoever has the URL can read the snapshot.

        A store that signs no URL with the credentials at hand counts as refused.
        """
        try:
            url = sign()
        except RestoreError as error:
            return Rejected(error)
        self._progress.wait("server is loading", source.target)
        try:
            exchange = self._qdrant.recover_from_url(source.target, url=url, checksum=source.checksum)
        except QdrantError as error:
            return Lost(error.message, was_loading=False)
        return self._await(exchange, source)

    def send_upload(self, source: TransferSource, open_snapshot: Callable[[], SnapshotReader]) -> TransferResult:
        """Stream the snapshot to the server. Raises what opening and reading it raise."""

        def on_sent(sent_bytes: int) -> None:
            self._progress(source.target, sent_bytes, source.size)

        try:
            with contextlib.closing(open_snapshot()) as file:
                exchange = self._qdrant.upload_snapshot(
                    source.target,
                    file,
                    size=source.size,
                    file_name=source.upload_name,
                    checksum=source.checksum,
                    on_sent=on_sent,
                    stall_seconds=self._stall_seconds,
                )
        except QdrantError as error:
            return Lost(error.message, was_loading=False)
        self._progress.wait("server is loading", source.target)
        return self._await(exchange, source)

    def _await(self, exchange: PendingResponse, source: TransferSource) -> TransferResult:
        """Wait for the answer; the gauge is the server's sign of life meanwhile."""
        was_loading = False
        sign = said = self._clock.read_seconds()
        try:
            while True:
                answer = exchange.poll(_POLL_SECONDS)
                if answer is not None and answer.status in _NO_WORD:
                    return Lost(f"it was answered {answer.status}, and not by the end of the work", was_loading)
                if answer is not None:
                    return self._read(source.target, answer)
                now = self._clock.read_seconds()
                if self._is_loading(source.target):
                    was_loading, sign = True, now
                if now - said >= _SAY_SECONDS:
                    self._log("server.loading", collection=source.target, running=was_loading)
                    said = now
                if now - sign > self._stall_seconds:
                    raise DeadlineError(
                        f"collection '{source.target}': Qdrant gave no sign for {self._stall_seconds:g} s "
                        "while it was loading the snapshot",
                        hint="look into Qdrant's log; give it longer with --stall-timeout",
                    )
        except OSError as error:
            return Lost(str(error) or type(error).__name__, was_loading)
        finally:
            exchange.close()

    def _is_loading(self, target: str) -> bool:
        try:
            return self._qdrant.read_activity(target).recoveries > 0
        except QdrantError:
            return False

    def _read(self, target: str, answer: Response) -> TransferResult:
        try:
            self._qdrant.read_recovered(target, answer)
        except RestoreError as error:
            return Rejected(error)
        return Accepted()
