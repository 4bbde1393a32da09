"""A download that goes on where it was cut, of the very same file, or fails when that file is gone.

`Range` with `If-Match`: the server ignores `If-Range` (measured on 1.18.3) and would continue another file.
"""

import contextlib
import http.client
import time
from contextlib import AbstractContextManager

from restore.errors import DeadlineError, QdrantError
from restore.qdrant.client import Qdrant
from restore.qdrant.model import SnapshotDescription
from restore.qdrant.snapshot_api import Download
from restore.qdrant.transport.network_errors import describe_network_error
from restore.system.events import Log
from restore.system.retry import retry_attempts
from restore.system.text import format_count

_BLOCK = 1 << 20
# A server that is slower than this over a whole stall timeout counts as one that sends nothing.
_SLOWEST_BYTES_PER_SECOND = 1024


_TRANSIENT = frozenset({None, 429, 502, 503})


class ReplacedError(QdrantError):
    """The snapshot is gone from the server, or another one has its name now."""


class ResumedDownload:
    """The bytes of one snapshot on the server, in order, each once. Close it on every way out.

    The size is known, so an early end counts as a cut. `restarted` is true after a read that began the file anew,
    because the server had sent no `ETag`.
    """

    def __init__(
        self, qdrant: Qdrant, collection: str, snapshot: SnapshotDescription, *, stall_seconds: float, log: Log
    ) -> None:
        self._qdrant = qdrant
        self._collection = collection
        self._snapshot = snapshot
        self._stall = stall_seconds
        self._log = log
        self._open: AbstractContextManager[Download | None] | None = None
        self._download: Download | None = None
        self._etag = ""
        self._offset = 0
        self._window = (time.monotonic(), 0)
        self.restarted = False

    def read(self) -> bytes:
        """Return the next block, at most 1 MiB; empty at the end, when every byte has come.

        Raise `ReplacedError` when the file is not the same any more, `DeadlineError` when the server sends nothing,
        or next to nothing, for the stall timeout, and `QdrantError` when it stays unreachable for as long.
        """
        self.restarted = False
        if self._offset >= self._snapshot.size:
            return b""
        block = self._read_once(self._download) if self._download else b""
        block = block or self._read_reconnected()
        self._offset += len(block)
        self._watch_rate()
        return block

    def close(self) -> None:
        """Close the connection; idempotent."""
        opened, self._open, self._download = self._open, None, None
        if opened is not None:
            with contextlib.suppress(OSError):
                opened.__exit__(None, None, None)

    def _read_once(self, download: Download) -> bytes:
        """Return what one read brings. Empty when the stream was cut; then it is closed."""
        wanted = min(_BLOCK, self._snapshot.size - self._offset)
        try:
            block = download.read(wanted)
        except TimeoutError as error:
            raise self._explain_silence() from error
        except (OSError, http.client.HTTPException) as error:
            block, reason = b"", describe_network_error(error)
        else:
            reason = "it ended early"
        if not block:
            self.close()
            self._log(
                "snapshot.download_cut",
                level="warning",
                collection=self._collection,
                at_bytes=self._offset,
                of_bytes=self._snapshot.size,
                reason=reason,
            )
        return block

    def _read_reconnected(self) -> bytes:
        """Open the download and return its first block; retry while the error may be transient."""
        for attempt in retry_attempts(_is_transient, timeout_seconds=self._stall, longest_pause_seconds=5.0):
            with attempt:
                if block := self._read_once(self._reopen()):
                    return block
                raise QdrantError(f"snapshot '{self._snapshot.name}': the server cuts its download again and again")
        raise AssertionError("unreachable: the loop ends with a block or an error")

    def _reopen(self) -> Download:
        """Open the download at the offset reached, or from the start where the server cannot go on."""
        if self._offset and not self._etag:
            self._offset, self.restarted = 0, True
        opened = self._qdrant.download_snapshot(
            self._collection,
            self._snapshot.name,
            offset=self._offset,
            etag=self._etag if self._offset else "",
            silence_seconds=self._stall,
        )
        download = opened.__enter__()
        self._open = opened
        if download is None or download.whole_size not in {-1, self._snapshot.size}:
            self.close()
            raise ReplacedError(
                f"snapshot '{self._snapshot.name}' is no longer on the server as it was made",
                hint="does another program make or delete snapshots of this collection?",
            )
        self._download, self._etag = download, download.etag or self._etag
        return download

    def _watch_rate(self) -> None:
        begin, before = self._window
        now = time.monotonic()
        if now - begin < self._stall and self._offset >= before:
            return
        if 0 <= self._offset - before < _SLOWEST_BYTES_PER_SECOND * (now - begin):
            raise self._explain_silence()
        self._window = (now, self._offset)

    def _explain_silence(self) -> DeadlineError:
        return DeadlineError(
            f"snapshot '{self._snapshot.name}': the server sent next to nothing for {self._stall:g} s, "
            f"{self._offset:,} of {format_count(self._snapshot.size, 'byte')} had come",
            hint="look into Qdrant's log and at the network between; --stall-timeout sets how long we wait",
        )


def _is_transient(error: Exception) -> bool:
    """Return whether to retry: a lost connection and what a proxy answers then, never a refusal."""
    if not isinstance(error, QdrantError) or isinstance(error, ReplacedError) or error.permanent:
        return False
    return error.http_status in _TRANSIENT
