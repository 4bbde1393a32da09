"""A lease in a bucket: a document that its holder renews, because a bucket has no locks.

It is created only where there is none, and replaced only if its content is still the one that was read, so of two
runs that try, one succeeds. Its age is counted by this machine's clock from the moment when a content was first seen:
no two clocks are compared. It is released by replacing it, which needs no right to delete.
"""

import secrets
import threading
import time
from collections.abc import Callable

import msgspec

from restore.errors import LockedError, RestoreError, SpaceError
from restore.stores.bucket.client import BucketClient, ObjectVersion

LEASE_SECONDS = 60.0
_RENEW_SECONDS = 15.0
_LOOK_SECONDS = 1.0
# Writing a manifest must begin within this share of the lease's length since its last renewal.
_SURE_SHARE = 0.9
_LONGEST_BYTES = 1 << 16
# Whatever length a record claims: a dead holder must not block for ever.
_LONGEST_SECONDS = 600.0


class _LeaseRecord(msgspec.Struct, frozen=True):
    """The content of a lease: its holder, since when, how often it was renewed. `token` is empty when it is free."""

    token: str
    holder: str
    since: str
    beat: int
    lease_seconds: float = LEASE_SECONDS


class Lease:
    """The lease in one object, of `seconds`. A run that waits for it shows `holder` and `since`, a moment as text."""

    def __init__(
        self, client: BucketClient, key: str, *, holder: str, since: str, seconds: float = LEASE_SECONDS
    ) -> None:
        self._client = client
        self._key = key
        self._holder = holder
        self._since = since
        self.seconds = seconds
        self._token = secrets.token_hex(8)
        self._version: ObjectVersion | None = None
        self._renewed = 0.0
        self._ended = threading.Event()
        self._wake = threading.Event()
        self._full: SpaceError | None = None
        self._thread: threading.Thread | None = None

    def acquire(self, timeout_seconds: float | None, on_wait: Callable[[], None]) -> None:
        """Take it. Without a timeout, wait while its holder renews it. Raise `LockedError` when it stays taken."""
        begin = time.monotonic()
        seen: tuple[bytes, float] | None = None
        while True:
            found = self._client.read(self._key, _LONGEST_BYTES)
            now = time.monotonic()
            content, version = found or (b"", None)
            if seen is None or seen[0] != content:
                seen = (content, now)
            record = _read_record(content)
            is_free = found is None or record is None or not record.token
            expired = record is not None and now - seen[1] > min(record.lease_seconds, _LONGEST_SECONDS)
            if (is_free or expired) and self._write(0, version):
                return self._begin()
            if not is_free and timeout_seconds is not None and now - begin >= timeout_seconds:
                raise self._taken_error(record, timeout_seconds)
            on_wait()
            time.sleep(min(_LOOK_SECONDS, self.seconds / 10))

    def is_ours(self) -> bool:
        """Return True if it is still held, for long enough to write a manifest."""
        return self._version is not None and time.monotonic() - self._renewed <= self.seconds * _SURE_SHARE

    def check_space(self) -> None:
        """Renew it now, beside an upload. Raise `SpaceError` once the store has refused a renewal for lack of space.

        The upload itself would not tell: a part that is refused for lack of space is sent again for minutes.
        """
        if self._full is not None:
            raise self._full
        self._wake.set()

    def release(self) -> None:
        """Release it; idempotent. If that fails it ends by itself."""
        self._ended.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=_LOOK_SECONDS)
        version, self._version = self._version, None
        if version is None:
            return
        free = msgspec.json.encode(_LeaseRecord("", self._holder, self._since, 0, self.seconds))
        try:
            self._client.put(self._key, free, over=version)
        except RestoreError:
            return

    def _begin(self) -> None:
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()

    def _write(self, beat: int, version: ObjectVersion | None) -> bool:
        record = _LeaseRecord(self._token, self._holder, self._since, beat, self.seconds)
        made = self._client.put(self._key, msgspec.json.encode(record), over=version, create_only=version is None)
        if made is None:
            return False
        self._version, self._renewed = made, time.monotonic()
        return True

    def _renew(self) -> None:
        beat = 0
        pause = min(_RENEW_SECONDS, self.seconds / 4)
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
                # Tried again; `is_ours` compares how long ago it last succeeded.
                continue

    def _taken_error(self, record: _LeaseRecord | None, waited: float) -> LockedError:
        holder = f"{record.holder} since {record.since}" if record else "another run"
        return LockedError(
            f"store '{self._client.name}' is locked by {holder} (waited {waited:g} s)",
            hint="wait for it, or give it longer with --lock-timeout; "
            f"a killed run's lock is free {self.seconds:g} s after it died",
            waited_seconds=waited,
        )


def _read_record(content: bytes) -> _LeaseRecord | None:
    try:
        return msgspec.json.decode(content, type=_LeaseRecord)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
