"""One bucket through obstore: objects by their keys. Calls can be interrupted, and errors are translated.

obstore waits in native code, which a signal cannot interrupt; so its calls run in daemon threads.
"""

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
from restore.stores.bucket.errors import error_from_obstore, is_conflict, is_missing, panic_error
from restore.system.optional_package import is_panic
from restore.system.secret import Secret
from restore.system.text import format_count

_THREADS = 16
_IDLE_SECONDS = 5.0
_PAGE = 1000
_PARTS_AT_ONCE = 3
# Not all at once: another writer may have made them large.
_AHEAD = 32

Result = TypeVar("Result")


class StoredObject(msgspec.Struct, frozen=True):
    """One object: its key, its size in bytes, the tag of its content, and when the server wrote it."""

    key: str
    size: int
    etag: str
    modified: datetime


class ObjectVersion(msgspec.Struct, frozen=True):
    """What identifies one content of an object, so that only that is replaced; either may be empty."""

    etag: str
    number: str

    def as_condition(self) -> dict[str, str]:
        """Return it in obstore's form."""
        return {name: value for name, value in (("e_tag", self.etag), ("version", self.number)) if value}


class BucketClient:
    """The objects of one bucket. `store` and `upload_store` are obstore's; the second one retries for longer.

    `name` is the store's name in errors.
    """

    def __init__(self, store: Any, name: str, *, upload_store: Any) -> None:  # noqa: ANN401 - obstore's share no class
        self._store = store
        self._upload_store = upload_store
        self.name = name
        self._pool = _WorkerThreads(_THREADS, name)

    def begin(self, work: Callable[[], Result]) -> Future[Result]:
        """Run `work` in a thread; `result()` of the returned future waits for it."""
        return self._pool.begin(work)

    def run(self, what: str, work: Callable[[Any], Result]) -> Result:
        """Return what `work` returns for obstore's store. Raise a `RestoreError`; `what` says what was tried."""
        try:
            return self._pool.begin(lambda: work(self._store)).result()
        except obstore_errors() as error:
            # Without the cause: its text may contain a signed URL.
            raise error_from_obstore(error, self.name, what) from None

    def find(self, key: str) -> StoredObject | None:
        """Return an object; None when it does not exist."""
        found = self._run_unless_missing(f"looking at '{key}'", lambda store: store.head(key))
        return None if found is None else _describe(found)

    def read(self, key: str, most: int) -> tuple[bytes, ObjectVersion] | None:
        """Return a small object's bytes and version; None when it does not exist.

        Raise `IntegrityError` when it has more than `most` bytes.
        """

        def work(store: Any) -> tuple[bytes, ObjectVersion, int]:  # noqa: ANN401 - as above
            answer = store.get(key)
            meta = answer.meta
            version = ObjectVersion(meta["e_tag"] or "", meta["version"] or "")
            return (b"" if meta["size"] > most else bytes(answer.bytes())), version, meta["size"]

        found = self._run_unless_missing(f"reading '{key}'", work)
        if found is None:
            return None
        content, version, size = found
        if size > most:
            raise IntegrityError(
                f"'{key}' in store '{self.name}' has {format_count(size, 'byte')}, more than {most:,}"
            )
        return content, version

    def read_range(self, key: str, begin: int, end: int, etag: str) -> bytes:
        """Return bytes `begin` to `end` (exclusive) of an object, on condition that it still has this `etag`.

        It runs in the calling thread. Raise obstore's own errors.
        """
        options: dict[str, Any] = {"range": (begin, end)}
        if etag:
            options["if_match"] = etag
        return bytes(self._store.get(key, options=options).bytes())

    def put(
        self, key: str, content: bytes, *, over: ObjectVersion | None = None, create_only: bool = False
    ) -> ObjectVersion | None:
        """Write an object whole; return its version. None: a condition did not hold, and nothing was written.

        `create_only`: on condition that there is none; `over`: on condition that it still has that content.
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
        """Begin to write a large object in parts; it does not exist before the last. Raise obstore's own errors."""
        import obstore  # noqa: PLC0415 - optional package

        return self._pool.begin(
            lambda: obstore.put(
                self._upload_store,
                key,
                blocks,
                use_multipart=True,
                chunk_size=part_bytes,
                max_concurrency=_PARTS_AT_ONCE,
            )
        )

    def list(self, prefix: str) -> tuple[StoredObject, ...]:
        """Return every object under a prefix, at any depth."""
        pages = self.run(f"listing '{prefix}'", lambda store: list(store.list(prefix or None, chunk_size=_PAGE)))
        return tuple(_describe(one) for page in pages for one in page)

    def list_directory(self, prefix: str) -> tuple[tuple[str, ...], tuple[StoredObject, ...]]:
        """Return the directories and the objects directly under a prefix, by their keys."""
        found = self.run(f"listing '{prefix}'", lambda store: store.list_with_delimiter(prefix or None))
        objects = tuple(_describe(one) for one in found["objects"])
        return tuple(found["common_prefixes"]), objects

    def delete(self, key: str) -> None:
        """Delete an object; idempotent."""
        self._run_unless_missing(f"deleting '{key}'", lambda store: store.delete(key))

    def delete_many(self, keys: Sequence[str]) -> bool:
        """Delete many objects side by side. False: not all of it was done."""
        try:
            self._pool.begin(lambda: self._store.delete(list(keys))).result()
        except obstore_errors():
            # The caller deletes them one by one, which tells the error of each.
            return False
        return True

    def sign(self, key: str, seconds: int) -> Secret:
        """Return a URL from which anyone may read an object for so many seconds."""
        import obstore  # noqa: PLC0415 - as above

        length = timedelta(seconds=seconds)
        return Secret(self.run(f"signing a URL for '{key}'", lambda store: obstore.sign(store, "GET", key, length)))

    def read_many(self, keys: Iterable[str], most: int) -> Iterator[tuple[str, bytes]]:
        """Yield small objects with their keys, some read ahead. Missing and too large ones are left out."""
        pending: deque[tuple[str, Future[bytes | None]]] = deque()
        left = iter(keys)
        while True:
            for key in itertools.islice(left, _AHEAD - len(pending)):
                pending.append((key, self._pool.begin(functools.partial(self.read_small, key, most))))
            if not pending:
                return
            key, future = pending.popleft()
            try:
                content = future.result()
            except obstore_errors() as error:
                if not is_missing(error):
                    raise error_from_obstore(error, self.name, f"reading '{key}'") from None
                content = None
            if content is not None:
                yield key, content

    def read_small(self, key: str, most: int) -> bytes | None:
        """Return a small object's bytes; None beyond `most` bytes. It runs in the calling thread.

        Raise obstore's own errors.
        """
        answer = self._store.get(key)
        return bytes(answer.bytes()) if answer.meta["size"] <= most else None

    def _run_unless_missing(self, what: str, work: Callable[[Any], Result]) -> Result | None:
        try:
            return self._pool.begin(lambda: work(self._store)).result()
        except obstore_errors() as error:
            if is_missing(error):
                return None
            raise error_from_obstore(error, self.name, what) from None


def _describe(meta: Mapping[str, Any]) -> StoredObject:
    return StoredObject(meta["path"], meta["size"], meta["e_tag"] or "", meta["last_modified"])


def obstore_errors() -> tuple[type[Exception], ...]:
    """Return the classes of the errors that obstore raises."""
    from obstore.exceptions import BaseError  # noqa: PLC0415 - as above

    return (BaseError, FileNotFoundError, PermissionError, ValueError, OSError)


class _WorkerThreads:
    """Daemon threads that run work from a queue. A thread that is idle for a while ends.

    A process that opens a store for every job of its schedule would otherwise keep the threads of each.
    """

    def __init__(self, threads: int, store: str) -> None:
        self._most = threads
        self._store = store
        self._queue: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
        self._started = 0
        self._idle = 0
        self._lock = threading.Lock()

    def begin(self, work: Callable[[], Result]) -> Future[Result]:
        future: Future[Result] = Future()
        with self._lock:
            if self._idle <= self._queue.qsize() and self._started < self._most:
                self._started += 1
                threading.Thread(target=self._work, name="bucket", daemon=True).start()
            self._queue.put((work, future))
        return future

    def _work(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            try:
                work, future = self._queue.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    self._idle -= 1
                    # Work that was queued just now relies on this thread.
                    if self._queue.empty():
                        self._started -= 1
                        return
                continue
            with self._lock:
                self._idle -= 1
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - it is raised again where the result is waited for
                future.set_exception(panic_error(self._store) if is_panic(error) else error)
            del work, future
