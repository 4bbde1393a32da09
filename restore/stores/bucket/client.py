"""One bucket through obstore: objects by their whole name. Calls may be interrupted, refusals are translated.

obstore waits inside foreign code, where a signal would have to wait too; so its calls run in threads of their own,
which nobody waits for at the end.
"""

from __future__ import annotations

import functools
import itertools
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from restore.errors import IntegrityError
from restore.stores.bucket.errors import error_from_obstore, is_conflict, is_missing
from restore.system.secret import Secret
from restore.system.text import format_count

_THREADS = 16
_IDLE_SECONDS = 5.0
_PAGE = 1000
_PARTS_AT_ONCE = 3
# Not all at once: somebody else may have made them large.
_AHEAD = 32

Got = TypeVar("Got")


class StoredObject(msgspec.Struct, frozen=True):
    """One object: its whole name, its size in bytes, what names this very content, and when the server wrote it."""

    key: str
    size: int
    etag: str
    modified: datetime


class ObjectVersion(msgspec.Struct, frozen=True):
    """What names one content of an object, to replace just that; either may be empty."""

    etag: str
    number: str

    def as_condition(self) -> dict[str, str]:
        """Give it as obstore wants it."""
        return {name: value for name, value in (("e_tag", self.etag), ("version", self.number)) if value}


class BucketClient:
    """Objects of one bucket. `store` and `patient` are obstore's, with less and more patience; errors show `name`."""

    def __init__(self, store: Any, name: str, *, patient: Any) -> None:  # noqa: ANN401 - obstore's share no class
        self._store = store
        self._patient = patient
        self.name = name
        self._pool = _WorkerThreads(_THREADS)

    def begin(self, work: Callable[[], Got]) -> Future[Got]:
        """Begin something in a thread; `result()` waits for it."""
        return self._pool.begin(work)

    def ask(self, what: str, work: Callable[[Any], Got]) -> Got:
        """Do something with obstore's store; raises our errors. `what` is a clause about it."""
        try:
            return self._pool.begin(lambda: work(self._store)).result()
        except obstore_errors() as error:
            # Without the cause: its text may hold a signed URL.
            raise error_from_obstore(error, self.name, what) from None

    def find(self, key: str) -> StoredObject | None:
        """Look at an object; None when it is not there."""
        found = self._ask_unless_missing(f"looking at '{key}'", lambda store: store.head(key))
        return None if found is None else _describe(found)

    def read(self, key: str, most: int) -> tuple[bytes, ObjectVersion] | None:
        """Read a small object whole; None when it is not there. Raises `IntegrityError` beyond `most` bytes."""

        def work(store: Any) -> tuple[bytes, ObjectVersion, int]:  # noqa: ANN401 - as above
            answer = store.get(key)
            meta = answer.meta
            version = ObjectVersion(meta["e_tag"] or "", meta["version"] or "")
            return (b"" if meta["size"] > most else bytes(answer.bytes())), version, meta["size"]

        found = self._ask_unless_missing(f"reading '{key}'", work)
        if found is None:
            return None
        content, version, size = found
        if size > most:
            raise IntegrityError(
                f"'{key}' in store '{self.name}' has {format_count(size, 'byte')}, more than {most:,}"
            )
        return content, version

    def read_range(self, key: str, begin: int, end: int, etag: str) -> bytes:
        """Read bytes `begin` to `end` (not included) of an object that is still the one of this `etag`.

        Runs in the thread that calls it; raises obstore's own errors.
        """
        options: dict[str, Any] = {"range": (begin, end)}
        if etag:
            options["if_match"] = etag
        return bytes(self._store.get(key, options=options).bytes())

    def put(
        self, key: str, content: bytes, *, over: ObjectVersion | None = None, create_only: bool = False
    ) -> ObjectVersion | None:
        """Write an object whole. None: a condition did not hold, and nothing was written.

        `create_only`: only where there is none; `over`: only in the place of that very content.
        """
        mode: Any = over.as_condition() if over else "create" if create_only else "overwrite"
        try:
            made = self._pool.begin(lambda: self._store.put(key, content, mode=mode, use_multipart=False)).result()
        except obstore_errors() as error:
            if is_conflict(error) or (over and is_missing(error)):
                return None
            raise error_from_obstore(error, self.name, f"writing '{key}'") from None
        return ObjectVersion(made["e_tag"] or "", made["version"] or "")

    def begin_stream(self, key: str, blocks: Iterator[bytes], part_bytes: int) -> Future[Any]:
        """Begin to write a large object in parts; nobody sees it before the last block. Raises as obstore does."""
        import obstore  # noqa: PLC0415 - optional package

        return self._pool.begin(
            lambda: obstore.put(
                self._patient,
                key,
                blocks,
                use_multipart=True,
                chunk_size=part_bytes,
                max_concurrency=_PARTS_AT_ONCE,
            )
        )

    def list(self, prefix: str) -> tuple[StoredObject, ...]:
        """List every object under a prefix, whatever its depth."""
        pages = self.ask(f"listing '{prefix}'", lambda store: list(store.list(prefix or None, chunk_size=_PAGE)))
        return tuple(_describe(one) for page in pages for one in page)

    def list_directory(self, prefix: str) -> tuple[tuple[str, ...], tuple[StoredObject, ...]]:
        """List what lies directly under a prefix: directories and objects, by their whole names."""
        found = self.ask(f"listing '{prefix}'", lambda store: store.list_with_delimiter(prefix or None))
        objects = tuple(_describe(one) for one in found["objects"])
        return tuple(found["common_prefixes"]), objects

    def delete(self, key: str) -> None:
        """Delete an object; idempotent."""
        self._ask_unless_missing(f"deleting '{key}'", lambda store: store.delete(key))

    def delete_many(self, keys: Sequence[str]) -> bool:
        """Delete many objects side by side. False: not all of it was done."""
        try:
            self._pool.begin(lambda: self._store.delete(list(keys))).result()
        except obstore_errors():
            # Deleted one by one, each tells its own trouble.
            return False
        return True

    def sign(self, key: str, seconds: int) -> Secret:
        """Give a URL from which anybody may read an object for so long."""
        import obstore  # noqa: PLC0415 - as above

        length = timedelta(seconds=seconds)
        return Secret(self.ask(f"signing a URL for '{key}'", lambda store: obstore.sign(store, "GET", key, length)))

    def read_many(self, keys: Iterable[str], most: int) -> Iterator[tuple[str, bytes]]:
        """Read many small objects, some ahead of who takes them; those not there, or too large, are left out."""
        coming: deque[tuple[str, Future[bytes | None]]] = deque()
        left = iter(keys)
        while True:
            for key in itertools.islice(left, _AHEAD - len(coming)):
                coming.append((key, self._pool.begin(functools.partial(self.read_small, key, most))))
            if not coming:
                return
            key, waiting = coming.popleft()
            try:
                content = waiting.result()
            except obstore_errors() as error:
                if not is_missing(error):
                    raise error_from_obstore(error, self.name, f"reading '{key}'") from None
                content = None
            if content is not None:
                yield key, content

    def read_small(self, key: str, most: int) -> bytes | None:
        """Read a small object in the thread that calls it; None beyond `most` bytes. Raises obstore's own errors."""
        answer = self._store.get(key)
        return bytes(answer.bytes()) if answer.meta["size"] <= most else None

    def _ask_unless_missing(self, what: str, work: Callable[[Any], Got]) -> Got | None:
        try:
            return self._pool.begin(lambda: work(self._store)).result()
        except obstore_errors() as error:
            if is_missing(error):
                return None
            raise error_from_obstore(error, self.name, what) from None


def _describe(meta: Mapping[str, Any]) -> StoredObject:
    return StoredObject(meta["path"], meta["size"], meta["e_tag"] or "", meta["last_modified"])


def obstore_errors() -> tuple[type[Exception], ...]:
    """Give what obstore raises."""
    from obstore.exceptions import BaseError  # noqa: PLC0415 - as above

    return (BaseError, FileNotFoundError, PermissionError, ValueError, OSError)


class _WorkerThreads:
    """Threads that work off what they are given, waited for by nobody; one that is idle for a while ends.

    Else a process that opens a store for every job of its schedule would keep the threads and connections of each.
    """

    def __init__(self, threads: int) -> None:
        self._most = threads
        self._waiting: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
        self._started = 0
        self._idle = 0
        self._lock = threading.Lock()

    def begin(self, work: Callable[[], Got]) -> Future[Got]:
        future: Future[Got] = Future()
        with self._lock:
            if self._idle <= self._waiting.qsize() and self._started < self._most:
                self._started += 1
                threading.Thread(target=self._work, name="bucket", daemon=True).start()
            self._waiting.put((work, future))
        return future

    def _work(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            try:
                work, future = self._waiting.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    self._idle -= 1
                    # What was handed over just now counts on this thread.
                    if self._waiting.empty():
                        self._started -= 1
                        return
                continue
            with self._lock:
                self._idle -= 1
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - it is raised again where the result is waited for
                future.set_exception(error)
            del work, future
