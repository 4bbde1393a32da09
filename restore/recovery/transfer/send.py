"""Send a snapshot to the server by one route, and wait for its answer.

A definite answer is an answer. A lost connection is none: the server goes on by itself.
"""

import contextlib
from collections.abc import Callable
from functools import partial

import msgspec

from restore.errors import DeadlineError, QdrantError, RestoreError
from restore.qdrant.transport.exchange import PendingResponse, Response
from restore.recovery.policy_choices import Transfer
from restore.recovery.request import TransferSource
from restore.recovery.session import RecoverySession
from restore.snapshots.stored import SnapshotReader, StoredSnapshot
from restore.stores.protocols import Store
from restore.system.secret import Secret

# The server opens the URL at once; a request that has begun is not ended by its expiry.
_URL_SECONDS = 3600
_POLL_SECONDS = 0.5
_SAY_SECONDS = 10.0
# What a proxy answers when it gave up or lost the server; Qdrant's own timeout is a 408. The work may go on behind.
_NO_ANSWER = frozenset({408, 499, 502, 503, 504, 524})


class SnapshotContent(msgspec.Struct, frozen=True):
    """How the bytes of a snapshot are reached: `open` returns a reader, `sign_url` a URL for the server to read.

    The reader need not be a file: a download from another server is one as well.
    """

    open: Callable[[], SnapshotReader]
    sign_url: Callable[[], Secret]


def stored_content(store: Store, stored: StoredSnapshot) -> SnapshotContent:
    """Return how the bytes of a snapshot in a store are reached."""
    return SnapshotContent(lambda: store.open_snapshot(stored), lambda: store.sign_url(stored, _URL_SECONDS))


class Lost(msgspec.Struct, frozen=True):
    """The connection was lost, and what became of the snapshot is not known.

    `was_loading`: a running recovery was seen before.
    """

    reason: str
    was_loading: bool


class Accepted(msgspec.Struct, frozen=True):
    """The server answered that it recovered the snapshot."""


class Rejected(msgspec.Struct, frozen=True):
    """The server answered with an error."""

    error: RestoreError


TransferResult = Accepted | Rejected | Lost


class SnapshotSender:
    """Sends a snapshot to one server."""

    def __init__(self, session: RecoverySession) -> None:
        self._session = session
        self._qdrant = session.qdrant

    def send(self, route: Transfer, source: TransferSource, content: SnapshotContent) -> TransferResult:
        """Send a snapshot by this route and wait for the answer. Raise what opening and reading it raise."""
        match route:
            case Transfer.SERVER_FILE:
                return self._send_server_file(source)
            case Transfer.SERVER_URL:
                return self._send_server_url(source, content.sign_url)
            case _:
                return self._send_upload(source, content.open)

    def _send_server_file(self, source: TransferSource) -> TransferResult:
        """Let the server read a file that it sees."""
        return self._let_recover(
            source, partial(self._qdrant.recover_snapshot, path=source.server_path, checksum=source.checksum)
        )

    def _send_server_url(self, source: TransferSource, sign: Callable[[], Secret]) -> TransferResult:
        """Let the server read the snapshot from the store. Everyone who has the URL can read the snapshot.

        A store that signs no URL with the credentials at hand counts as a rejection.
        """
        try:
            url = sign()
        except RestoreError as error:
            return Rejected(error)
        return self._let_recover(source, partial(self._qdrant.recover_from_url, url=url, checksum=source.checksum))

    def _let_recover(self, source: TransferSource, recover: Callable[[str], PendingResponse]) -> TransferResult:
        self._session.progress.wait("server is loading", source.target)
        try:
            pending = recover(source.target)
        except QdrantError as error:
            return Lost(error.message, was_loading=False)
        return self._await(pending, source)

    def _send_upload(self, source: TransferSource, open_snapshot: Callable[[], SnapshotReader]) -> TransferResult:
        """Stream the snapshot to the server."""

        def on_sent(sent_bytes: int) -> None:
            self._session.progress(source.target, sent_bytes, source.size)

        try:
            with contextlib.closing(open_snapshot()) as file:
                pending = self._qdrant.upload_snapshot(
                    source.target,
                    file,
                    size=source.size,
                    file_name=source.upload_name,
                    checksum=source.checksum,
                    on_sent=on_sent,
                    stall_seconds=self._session.stall_seconds,
                )
        except QdrantError as error:
            return Lost(error.message, was_loading=False)
        self._session.progress.wait("server is loading", source.target)
        return self._await(pending, source)

    def _await(self, pending: PendingResponse, source: TransferSource) -> TransferResult:
        """Wait for the answer; meanwhile a running recovery is the server's sign of life."""
        session = self._session
        was_loading = False
        sign = said = session.clock.read_seconds()
        try:
            while True:
                answer = pending.poll(_POLL_SECONDS)
                if answer is not None and answer.status in _NO_ANSWER:
                    return Lost(f"it was answered {answer.status}, and not by the end of the work", was_loading)
                if answer is not None:
                    return self._read(source.target, answer)
                now = session.clock.read_seconds()
                if self._is_loading(source.target):
                    was_loading, sign = True, now
                if now - said >= _SAY_SECONDS:
                    session.log("server.loading", collection=source.target, running=was_loading)
                    said = now
                if now - sign > session.stall_seconds:
                    raise DeadlineError(
                        f"collection '{source.target}': Qdrant gave no sign for {session.stall_seconds:g} s "
                        "while it was loading the snapshot",
                        hint="look into Qdrant's log; give it longer with --stall-timeout",
                    )
        except OSError as error:
            return Lost(str(error) or type(error).__name__, was_loading)
        finally:
            pending.close()

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
