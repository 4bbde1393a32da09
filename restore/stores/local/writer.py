"""A directory as a store, for writing. No file gets its final name before all its bytes are on the disk.

A file is written under `.partial-<token>`, synced and renamed; then the directory is synced. A pointer is made beside
the old one and renamed over it. A kill between any two lines leaves the old latest or the new one, both whole, and
files that `remove_debris` recognises.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from restore.errors import LockedError, NotFoundError, RefusedError, SpaceError
from restore.snapshots.name import PARTIAL_PREFIX, SnapshotName, encode_collection, name_latest, name_manifest
from restore.snapshots.stored import IncomingSnapshot
from restore.stores.layout import (
    LEASE_FILE,
    LOCK_FILE,
    STAMP_FILE,
    STAMP_TEXT,
    Kind,
    classify,
    find_case_conflict,
    name_documents,
    next_free_name,
)
from restore.stores.local.capabilities import sync_path
from restore.stores.local.debris import DeletionIntent, find_debris
from restore.stores.local.lock import acquire_lock
from restore.stores.local.partial_file import PartialFile
from restore.stores.local.reader import LocalStore
from restore.stores.store_lock import HeldLock
from restore.system.directory_lock import directory_lock
from restore.system.events import no_op
from restore.system.files import error_from_os
from restore.system.text import format_count

if TYPE_CHECKING:
    from restore.snapshots.age import AgeIdentities


_NO_LINKS = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
_NO_SYNC = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS})
# What an empty volume or a fresh checkout may hold.
_COUNTS_AS_EMPTY = frozenset({"lost+found", LOCK_FILE, LEASE_FILE, ".gitkeep", ".gitignore", ".DS_Store"})
_RESERVED_BYTES = 1 << 20


def open_writable_local_store(
    path: str, *, file_mode: int = 0o644, keys: AgeIdentities | None = None
) -> WritableLocalStore:
    """Open a store for writing; make the directory (one level) and its stamp where neither exists yet.

    Every file gets `file_mode`; directories get `x` where it has `r`. Raise `StoreError` when it cannot be made,
    `NotFoundError` when its parent directory is missing, `RefusedError` when it holds other files and neither a
    stamp nor a snapshot.
    """
    store = WritableLocalStore(path, file_mode=file_mode, keys=keys)
    store.prepare()
    return store


class WritableLocalStore(LocalStore):
    """A directory of snapshots that may be written to, under its lock."""

    def __init__(self, path: str, *, file_mode: int = 0o644, keys: AgeIdentities | None = None) -> None:
        super().__init__(path, keys)
        self._mode = file_mode
        self._held_lock: HeldLock | None = None

    def prepare(self) -> None:
        """Make the directory and its stamp where neither exists yet. Raise as `open_writable_local_store`."""
        root = Path(self._path)
        directory_mode = self._mode | (self._mode & 0o444) >> 2
        if not root.absolute().parent.is_dir():
            raise NotFoundError(
                f"store '{self._path}' cannot be made: the directory above it does not exist",
                hint="is it mounted? only the store itself is ever created; give another one with --store",
            )
        with self._translated(f"store '{self._path}' cannot be made"), contextlib.suppress(FileExistsError):
            root.mkdir()
            root.chmod(directory_mode)
        names = self.list_names()
        if any(classify(name).encoded for name in names) or self.has_stamp(names):
            return
        foreign = [name for name in names if name not in _COUNTS_AS_EMPTY and classify(name).kind is Kind.FOREIGN]
        if foreign:
            raise RefusedError(
                f"'{self._path}' is no store: it holds '{foreign[0]}' and no stamp ({STAMP_FILE})",
                hint=f"give an empty or a new directory with --store, or put an empty {STAMP_FILE} into this one",
            )
        self._write_stamp()

    def _write_stamp(self) -> None:
        # Not under a partial name, which another run removes as debris: this runs without the lock.
        with self._translated(f"store '{self._path}' cannot be written to"), contextlib.suppress(FileExistsError):
            stamp = PartialFile(Path(self.path(STAMP_FILE)), self._mode)
            with contextlib.closing(stamp):
                stamp.write(STAMP_TEXT)

    @contextlib.contextmanager
    def lock(self, timeout_seconds: float | None = 0.0, *, on_wait: Callable[[], None] = no_op) -> Iterator[None]:
        """Hold the store's lock within a `with`. Without a timeout, wait as long as its holder lives.

        The lock ends with its holder; where the file system has no locks, a lease ends a minute after. Raise
        `LockedError` when it stays taken.
        """
        with self._translated(f"store '{self._path}' cannot be locked"):
            held = acquire_lock(self, mode=self._mode, timeout_seconds=timeout_seconds, on_wait=on_wait)
        self._held_lock = held
        try:
            yield
        finally:
            self._held_lock = None
            held.release()

    def _require_lock(self) -> None:
        """Raise `LockedError` when another run has taken over the lock."""
        if self._held_lock and not self._held_lock.is_ours():
            raise LockedError(
                f"the lock of store '{self._path}' was lost: another run took it over",
                left="nothing was published or deleted",
                hint="was this machine asleep, or the share away, for a minute? run it again",
            )

    def find_debris(self, collections: Iterable[str] | None = None) -> tuple[str, ...]:  # noqa: ARG002 - a bucket's
        """Return the names of what a killed run left; without the lock, a living run may be writing some of them."""
        return find_debris(self)

    def remove_debris(self, collections: Iterable[str] | None = None) -> tuple[str, ...]:
        """Remove what a killed run left; return the names. Only under the lock."""
        found = self.find_debris(collections)
        for name in found:
            with self._translated(f"'{name}' of a killed run cannot be removed from store '{self._path}'"):
                Path(self.path(name)).unlink(missing_ok=True)
        return found

    def require_space(self, size: int) -> None:
        """Raise `SpaceError` unless `size` bytes fit on the disk."""
        with self._translated(f"the free space of store '{self._path}' cannot be read"):
            found = os.statvfs(self._path)
        # Some network file systems do not say: no blocks at all.
        free = found.f_bavail * found.f_frsize
        if found.f_blocks and free < size + _RESERVED_BYTES:
            raise SpaceError(
                f"store '{self._path}' has {format_count(free, 'byte')} free, the snapshot needs {size:,}",
                left="nothing was written",
                hint="free some room, or give another store with --store",
            )

    def refuse_case_conflict(self, collection: str) -> None:
        """Raise `RefusedError` if the file system ignores case and another collection's files have the same names."""
        other = find_case_conflict(encode_collection(collection), self.list_names()) if self.is_case_blind() else None
        if other:
            raise RefusedError(
                f"collections '{collection}' and '{other}' differ only in case, and store '{self._path}' cannot tell "
                "their files apart",
                hint="give one of them a store of its own with --store",
            )

    def is_case_blind(self) -> bool:
        """Return True if the file system treats two names that differ only in case as one."""
        names = self.list_names()
        probes = [name for name in names if name.swapcase() not in names]
        with contextlib.suppress(OSError):
            return bool(probes) and os.path.samestat(
                os.lstat(self.path(probes[0])), os.lstat(self.path(probes[0].swapcase()))
            )
        return False

    @contextlib.contextmanager
    def receive(self, name: SnapshotName | None = None) -> Iterator[PartialFile]:  # noqa: ARG002 - a bucket needs it
        """Yield a file to receive into. Unless it was published, it is removed on every way out."""
        path = Path(self.path(PARTIAL_PREFIX + secrets.token_hex(8)))
        with self._translated(f"store '{self._path}' cannot be written to"):
            incoming = PartialFile(path, self._mode)
        try:
            yield incoming
        finally:
            incoming.close()
            path.unlink(missing_ok=True)

    def choose_name(self, name: SnapshotName) -> SnapshotName:
        """Return a name that is free: this one, or the next of the same second."""
        return next_free_name(name, set(self.list_names()))

    def publish(self, incoming: IncomingSnapshot, name: SnapshotName, manifest: bytes) -> str:
        """Write the manifest, then rename the received file; return its name. Nothing is ever overwritten.

        The manifest comes first, so that a snapshot under its own name always has one.
        """
        if not isinstance(incoming, PartialFile):
            raise TypeError("a file that this store did not receive")
        file = str(self.choose_name(name))
        incoming.sync()
        self._require_lock()
        with self._translated(f"snapshot '{file}' cannot be put into store '{self._path}'"):
            self._write_file(name_manifest(file), manifest)
            self._sync()
            incoming.path.rename(self.path(file))
            self._sync()
        return file

    def adopt(self, name: SnapshotName, manifest: bytes, *, size: int, sha256: str) -> bool:  # noqa: ARG002
        """Return False: bytes without a manifest belong to a person here."""
        return False

    def move_latest(self, collection: str, file: str) -> bool:
        """Point latest at a file of the store. False: links cannot be made here, so it is a one-line text file."""
        pointer = Path(self.path(name_latest(collection)))
        self._preserve_plain_latest(pointer, collection)
        temporary = Path(self.path(PARTIAL_PREFIX + secrets.token_hex(8) + ".link"))
        linked = True
        with self._translated(f"latest of '{collection}' cannot be moved in store '{self._path}'"):
            try:
                temporary.symlink_to(file)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                linked = False
            if not linked:
                self._write_file(temporary.name, file.encode() + b"\n")
            temporary.replace(pointer)
            self._sync()
        return linked

    def delete_together(self, files: Sequence[str]) -> bool:  # noqa: ARG002 - a bucket's
        """Return False: in a directory each deletion locks out its readers and syncs the disk by itself."""
        return False

    def delete_snapshot(self, file: str) -> None:
        """Delete a snapshot: its manifest first, then its bytes, then the documents about it. Idempotent.

        The intent is written before, so that after a kill the next run finishes the deletion. A full disk has no
        room for the intent: there the bytes first become an unfinished file, whose size proves the manifest an
        orphan. Raise `StoreError`; then the snapshot is still there, or the next run finishes the deletion.
        """
        path = Path(self.path(file))
        partial = PARTIAL_PREFIX + secrets.token_hex(8)
        intent = partial + ".json"
        self._require_lock()
        with self._translated(f"snapshot '{file}' cannot be deleted from store '{self._path}'"):
            if path.is_file():
                try:
                    self._write_file(intent, msgspec.json.encode(DeletionIntent(file, path.lstat().st_size)))
                except SpaceError:
                    path.rename(self.path(partial))
                self._sync()
            Path(self.path(name_manifest(file))).unlink(missing_ok=True)
            self._sync()
            for name in (file, partial, *name_documents(file), intent):
                Path(self.path(name)).unlink(missing_ok=True)
            self._sync()

    def write_document(self, name: str, content: bytes, *, create_only: bool = False) -> bool:
        """Write a document, whole or not at all. False: with `create_only`, it exists already."""
        with self._translated(f"'{name}' cannot be written to store '{self._path}'"):
            if not create_only:
                self._write_file(name, content)
                self._sync()
                return True
            with self.receive() as incoming:
                incoming.write(content)
                incoming.sync()
                made = self._link(incoming.path, Path(self.path(name)))
            self._sync()
        return made

    def swap_document(self, name: str, seen: bytes | None, content: bytes) -> bool:
        """Replace a document that still holds `seen` (None: does not exist). False: it holds something else."""
        with self._translated(f"'{name}' cannot be written to store '{self._path}'"), directory_lock(self._path):
            return self.read_document(name) == seen and self.write_document(name, content)

    def delete_document(self, name: str) -> bool:
        """Delete a document. False: it did not exist."""
        with self._translated(f"'{name}' cannot be deleted from store '{self._path}'"):
            try:
                Path(self.path(name)).unlink()
            except FileNotFoundError:
                return False
        return True

    @staticmethod
    def _link(made: Path, name: Path) -> bool:
        """Rename a file unless the name is taken. Without hard links only a check before it protects the name."""
        try:
            name.hardlink_to(made)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS or name.exists():
                raise
            made.rename(name)
        return True

    def _preserve_plain_latest(self, pointer: Path, collection: str) -> None:
        """Rename a person's plain file that stands as latest, before the pointer replaces it."""
        if not os.path.lexists(pointer) or pointer.is_symlink() or self._read_target(pointer.name) is not None:
            return
        found = pointer.lstat()
        names = (Path(self.path(name)) for name in self.list_names() if name != pointer.name)
        if not stat.S_ISREG(found.st_mode) or any(os.path.samestat(found, name.lstat()) for name in names):
            return
        written = datetime.fromtimestamp(int(found.st_mtime), UTC)
        name = self.choose_name(SnapshotName(encode_collection(collection), written))
        try:
            os.link(pointer, self.path(str(name)))
        except OSError as error:
            raise RefusedError(
                f"'{pointer.name}' in store '{self._path}' is a snapshot that a person put there, and moving latest "
                "would destroy it",
                hint=f"give it a name of its own: mv {pointer.name} {name}",
            ) from error

    def _write_file(self, name: str, content: bytes) -> None:
        """Write a small file under another name, sync it, rename it."""
        with self.receive() as incoming:
            incoming.write(content)
            incoming.sync()
            incoming.path.rename(self.path(name))

    def _sync(self) -> None:
        """Wait until the directory's names are on the disk. Some network file systems cannot sync it."""
        try:
            sync_path(self._path)
        except OSError as error:
            if error.errno not in _NO_SYNC:
                raise

    @contextlib.contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise error_from_os(error, what) from error
