"""A lease in a bucket: a document that its holder keeps renewing, because a bucket has no locks.

It is made only where there is none, and replaced only in the place of the very content that was read, so of two who
try one succeeds. Ages are of our own clock, counted from when a content was first seen: no two clocks are compared.
Released by being replaced, so that it takes no right to delete.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable

import msgspec

from restore.errors import LockedError, RestoreError, SpaceError, StoreError
from restore.stores.bucket.client import BucketClient, ObjectVersion

LEASE_SECONDS = 60.0
_RENEW_SECONDS = 15.0
_LOOK_SECONDS = 1.0
# So much of the time since the last renewal may be over when a manifest is written.
_SURE_SHARE = 0.9
_LONGEST = 1 << 16
# Whatever a note claims: a dead holder must not block for ever.
_LONGEST_SECONDS = 600.0


class _LeaseRecord(msgspec.Struct, frozen=True):
    """What a lease says: who holds it, since when, and how often it was renewed; `token` is empty when it is free."""

    token: str
    holder: str
    since: str
    beat: int
    lease_seconds: float = LEASE_SECONDS


class Lease:
    """The lease in one object. `holder` is shown to who waits; `since` is the moment, as text."""

    def __init__(
        self, client: BucketClient, key: str, *, holder: str, since: str, seconds: float = LEASE_SECONDS
    ) -> None:
        self._client = client
        self._key = key
        self._holder = holder
        self._since = since
        self._seconds = seconds
        self._token = secrets.token_hex(8)
        self._version: ObjectVersion | None = None
        self._renewed = 0.0
        self._ended = threading.Event()
        self._wake = threading.Event()
        self._full: SpaceError | None = None
        self._thread: threading.Thread | None = None

    def acquire(self, timeout_seconds: float | None, on_wait: Callable[[], None]) -> None:
        """Take it; None waits as long as its holder renews it. Raises `LockedError` when it stays taken."""
        begin = time.monotonic()
        seen: tuple[bytes, float] | None = None
        while True:
            found = self._client.read(self._key, _LONGEST)
            now = time.monotonic()
            content, version = found or (b"", None)
            if seen is None or seen[0] != content:
                seen = (content, now)
            note = _read_note(content)
            is_free = found is None or note is None or not note.token
            expired = note is not None and now - seen[1] > min(note.lease_seconds, _LONGEST_SECONDS)
            if (is_free or expired) and self._write(0, version):
                return self._begin()
            if not is_free and timeout_seconds is not None and now - begin >= timeout_seconds:
                raise self._explain(note, timeout_seconds)
            on_wait()
            time.sleep(min(_LOOK_SECONDS, self._seconds / 10))

    def require(self) -> None:
        """Raise `LockedError` unless it is still ours, for long enough to write a manifest."""
        if self._version is None or time.monotonic() - self._renewed > self._seconds * _SURE_SHARE:
            raise LockedError(
                f"the lock of store '{self._client.name}' was lost: it could not be renewed for {self._seconds:g} s",
                left="nothing was published",
                hint="was this machine asleep, or the store away? run it again",
            )

    def ask_for_room(self) -> None:
        """Renew it now, beside what is sent: raise `SpaceError` once the store has said that there is no room.

        A part that is refused for that is sent again for minutes, as one that was lost is.
        """
        if self._full is not None:
            raise self._full
        self._wake.set()

    def release(self) -> None:
        """Let it go; idempotent. One that cannot be let go ends by itself."""
        self._ended.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=_LOOK_SECONDS)
        version, self._version = self._version, None
        if version is None:
            return
        free = msgspec.json.encode(_LeaseRecord("", self._holder, self._since, 0, self._seconds))
        try:
            self._client.put(self._key, free, over=version)
        except RestoreError:
            return

    def _begin(self) -> None:
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    def _write(self, beat: int, version: ObjectVersion | None) -> bool:
        note = _LeaseRecord(self._token, self._holder, self._since, beat, self._seconds)
        content = msgspec.json.encode(note)
        made = self._client.put(self._key, content, over=version, create_only=version is None)
        if made is None:
            return False
        self._version, self._renewed = made, time.monotonic()
        return True

    def _keep(self) -> None:
        beat = 0
        pause = min(_RENEW_SECONDS, self._seconds / 4)
        while True:
            self._wake.wait(pause)
            self._wake.clear()
            if self._ended.is_set():
                return
            version = self._version
            beat += 1
            try:
                if version is None or not self._write(beat, version):
                    self._version = None
                    return
                self._full = None
            except SpaceError as error:
                self._full = error
            except RestoreError:
                # Tried again; `require` knows how long ago it last worked.
                continue

    def _explain(self, note: _LeaseRecord | None, waited: float) -> LockedError:
        holder = f"{note.holder} since {note.since}" if note else "another run"
        return LockedError(
            f"store '{self._client.name}' is locked by {holder} (waited {waited:g} s)",
            hint="wait for it, or give it longer with --lock-timeout; "
            f"a killed run's lock is free {self._seconds:g} s after it died",
            waited_seconds=waited,
        )


def _read_note(content: bytes) -> _LeaseRecord | None:
    try:
        return msgspec.json.decode(content, type=_LeaseRecord)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def explain_unheld(name: str) -> StoreError:
    """Make the error for writing without the lock."""
    return StoreError(f"store '{name}' is written to without its lock")
