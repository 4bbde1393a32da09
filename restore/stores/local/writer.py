"""A directory as a store: writing. Nothing gets a final name before every byte of it is on the disk.

A file is written under `.partial-<token>`, synced, renamed, and the directory synced; a pointer is made beside and
renamed over the old one. A kill between any two lines leaves the old latest or the new one, both whole, and files
that `remove_debris` recognises as ours.
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

from restore.errors import IntegrityError, LockedError, NotFoundError, RefusedError, SpaceError
from restore.snapshots.name import PARTIAL_PREFIX, SnapshotName, encode_collection, name_latest, name_manifest
from restore.snapshots.stored import IncomingSnapshot
from restore.stores.layout import (
    CHECK_SUFFIX,
    LEASE_FILE,
    LOCK_FILE,
    PIN_SUFFIX,
    STAMP_FILE,
    STAMP_TEXT,
    Kind,
    classify,
    find_case_conflict,
)
from restore.stores.local.lock import HeldLock, LockTimeoutError, acquire_file_lock, acquire_lease, read_holder
from restore.stores.local.partial_file import PartialFile
from restore.stores.local.reader import LocalStore
from restore.system.directory_lock import directory_lock
from restore.system.events import no_op
from restore.system.files import error_from_os
from restore.system.text import format_count, truncate_middle

if TYPE_CHECKING:
    from restore.snapshots.age import AgeIdentities


_NO_LINKS = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
_NO_SYNC = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS})
# What an empty volume or a fresh checkout may hold.
_COUNTS_AS_EMPTY = frozenset({"lost+found", LOCK_FILE, LEASE_FILE, ".gitkeep", ".gitignore", ".DS_Store"})
_LEFT_OVER_BYTES = 1 << 20


class _DeletionIntent(msgspec.Struct, frozen=True):
    """Written before a deletion begins, so that whoever comes after a kill finishes it: `delete` is `size` bytes."""

    delete: str
    size: int


def open_writable_local_store(
    path: str, *, file_mode: int = 0o644, keys: AgeIdentities | None = None
) -> WritableLocalStore:
    """Open a store for writing: make the directory (one level) and its stamp where there is nothing yet.

    `file_mode` holds for every file, directories get `x` where it has `r`. Raises `StoreError` when it cannot be
    made, `NotFoundError` when the directory above it is missing, `RefusedError` when other files lie there and
    nothing says that it is a store.
    """
    store = WritableLocalStore(path, file_mode=file_mode, keys=keys)
    store.prepare()
    return store


class WritableLocalStore(LocalStore):
    """A directory of snapshots that may be written to, under its lock."""

    def __init__(self, path: str, *, file_mode: int = 0o644, keys: AgeIdentities | None = None) -> None:
        super().__init__(path, keys)
        self._mode = file_mode
        self._own_marker: HeldLock | None = None

    def prepare(self) -> None:
        """Make the directory and its stamp where there is nothing yet."""
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
        if STAMP_FILE in names or any(classify(name).encoded for name in names):
            return
        strangers = [name for name in names if name not in _COUNTS_AS_EMPTY and classify(name).kind is Kind.FOREIGN]
        if strangers:
            raise RefusedError(
                f"'{self._path}' is no store: it holds '{strangers[0]}' and no stamp ({STAMP_FILE})",
                hint=f"give an empty or a new directory with --store, or put an empty {STAMP_FILE} into this one",
            )
        self._write_stamp()

    def _write_stamp(self) -> None:
        # Without the lock, so not under a name that another run takes for debris: that the stamp is there is enough.
        with self._translated(f"store '{self._path}' cannot be written to"), contextlib.suppress(FileExistsError):
            stamp = PartialFile(Path(self.path(STAMP_FILE)), self._mode)
            with contextlib.closing(stamp):
                stamp.write(STAMP_TEXT)

    @contextlib.contextmanager
    def lock(self, timeout_seconds: float | None = 0.0, *, on_wait: Callable[[], None] = no_op) -> Iterator[None]:
        """Hold the store's lock, which vanishes with its holder; None waits as long as that one lives.

        Where the file system knows no locks it is a lease: a file that its holder renews, and that anybody may take
        over who saw it unrenewed for a minute. Raises `LockedError` when it stays taken.
        """
        with self._translated(f"store '{self._path}' cannot be locked"):
            own_marker = self._own_marker = self._hold(timeout_seconds, on_wait)
        try:
            yield
        finally:
            self._own_marker = None
            own_marker.release()

    def _require_lock(self) -> None:
        """Raise `LockedError` when another run has taken it over, as only a lease can be."""
        if self._own_marker and not self._own_marker.is_ours():
            raise LockedError(
                f"the lock of store '{self._path}' was lost: another run took it over",
                left="nothing was published or deleted",
                hint="was this machine asleep, or the share away, for a minute? run it again",
            )

    def _hold(self, timeout_seconds: float | None, on_wait: Callable[[], None]) -> HeldLock:
        taken = LOCK_FILE
        try:
            own_marker = acquire_file_lock(
                self.path(LOCK_FILE), mode=self._mode, timeout_seconds=timeout_seconds, on_wait=on_wait
            )
            if own_marker:
                return own_marker
            taken = LEASE_FILE
            return acquire_lease(
                self.path(LEASE_FILE), mode=self._mode, timeout_seconds=timeout_seconds, on_wait=on_wait
            )
        except LockTimeoutError:
            raise self._explain_locked(timeout_seconds or 0.0, read_holder(self.path(taken))) from None

    def _explain_locked(self, timeout: float, holder: str) -> LockedError:
        return LockedError(
            f"store '{self._path}' is locked by another run (waited {timeout:g} s)",
            left=f"{truncate_middle(holder)} holds it" if holder else "",
            hint="wait for it, or give it longer with --lock-timeout; a killed run's lock is free at once",
            waited_seconds=max(0.0, timeout),
        )

    def find_debris(self, collections: Iterable[str] | None = None) -> tuple[str, ...]:  # noqa: ARG002
        """Give the names of what a killed run of ours left; without the lock a run that is alive may be at some.

        A deletion that was begun counts. A manifest without its snapshot is ours only while a partial file of just
        the size it promises lies beside it; else a person may be copying files here.
        """
        # A directory of that name is nobody's unfinished file.
        debris = [name for name in self.list_names() if classify(name).kind is Kind.DEBRIS and self._is_file(name)]
        # Manifests first: a kill in between must leave the partial files that prove them ours.
        return (*self._find_doomed(debris), *self._find_orphans(debris), *debris) if debris else ()

    def remove_debris(self, collections: Iterable[str] | None = None) -> tuple[str, ...]:
        """Remove what a killed run of ours left; give the names. Only under the lock."""
        found = self.find_debris(collections)
        for name in found:
            with self._translated(f"'{name}' of a killed run cannot be removed from store '{self._path}'"):
                Path(self.path(name)).unlink(missing_ok=True)
        return found

    def _is_file(self, name: str) -> bool:
        path = Path(self.path(name))
        return path.is_symlink() or not path.is_dir()

    def _find_doomed(self, debris: list[str]) -> list[str]:
        """Give the snapshots whose deletion was begun, and what we wrote about them: their manifest went first."""
        doomed = []
        for name in debris:
            found = self._read_doomed(name) if name.endswith(".json") else None
            if found is None or classify(found.delete).kind is not Kind.SNAPSHOT:
                continue
            path, manifest = Path(self.path(found.delete)), Path(self.path(name_manifest(found.delete)))
            if manifest.exists() or (os.path.lexists(path) and not _has_size(path, found.size)):
                # Not begun, or another file has that name by now.
                continue
            names = (found.delete, found.delete + PIN_SUFFIX, found.delete + CHECK_SUFFIX)
            doomed += [one for one in names if os.path.lexists(self.path(one))]
        return doomed

    def _read_doomed(self, name: str) -> _DeletionIntent | None:
        try:
            return msgspec.json.decode(self.read_document(name) or b"", type=_DeletionIntent)
        except (IntegrityError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # No run of ours wrote that; it goes with the other unfinished files.
            return None

    def _find_orphans(self, debris: list[str]) -> list[str]:
        sizes = {Path(self.path(name)).lstat().st_size for name in debris}
        names = set(self.list_names())
        snapshots = [name.removesuffix(".json") for name in names if classify(name).kind is Kind.MANIFEST]
        orphans = []
        for snapshot in snapshots:
            if snapshot not in names and classify(snapshot).kind is Kind.SNAPSHOT:
                manifest = self._peek(snapshot)
                if manifest and manifest.bytes_in_store in sizes:
                    orphans.append(name_manifest(snapshot))
        return sorted(orphans)

    def require_space(self, size: int) -> None:
        """Raise `SpaceError` unless `size` bytes fit on the disk."""
        with self._translated(f"the free space of store '{self._path}' cannot be read"):
            found = os.statvfs(self._path)
        # Some network file systems say nothing: no blocks at all.
        free = found.f_bavail * found.f_frsize
        if found.f_blocks and free < size + _LEFT_OVER_BYTES:
            raise SpaceError(
                f"store '{self._path}' has {format_count(free, 'byte')} free, the snapshot needs {size:,}",
                left="nothing was written",
                hint="free some room, or give another store with --store",
            )

    def refuse_case_conflict(self, collection: str) -> None:
        """Raise `RefusedError` for a collection whose files would be another one's where case makes no difference."""
        twin = find_case_conflict(encode_collection(collection), self.list_names()) if self.is_case_blind() else None
        if twin:
            raise RefusedError(
                f"collections '{collection}' and '{twin}' differ only in case, and store '{self._path}' cannot tell "
                "their files apart",
                hint="give one of them a store of its own with --store",
            )

    def is_case_blind(self) -> bool:
        """Tell whether the file system takes two names that differ only in case for one."""
        names = self.list_names()
        probes = [name for name in names if name.swapcase() not in names]
        with contextlib.suppress(OSError):
            return bool(probes) and os.path.samestat(
                os.lstat(self.path(probes[0])), os.lstat(self.path(probes[0].swapcase()))
            )
        return False

    @contextlib.contextmanager
    def receive(self, name: SnapshotName | None = None) -> Iterator[PartialFile]:  # noqa: ARG002 - a bucket needs it
        """Open a file to receive into; whatever was not published is removed on every way out."""
        path = Path(self.path(PARTIAL_PREFIX + secrets.token_hex(8)))
        with self._translated(f"store '{self._path}' cannot be written to"):
            incoming = PartialFile(path, self._mode)
        try:
            yield incoming
        finally:
            incoming.close()
            path.unlink(missing_ok=True)

    def choose_name(self, name: SnapshotName) -> SnapshotName:
        """Give a name that is free: the next of the same second when it is taken."""
        taken = set(self.list_names())
        while str(name) in taken or name_manifest(str(name)) in taken:
            name = msgspec.structs.replace(name, sequence=name.sequence + 1)
        return name

    def publish(self, incoming: IncomingSnapshot, name: SnapshotName, manifest: bytes) -> str:
        """Give a received file its name, its manifest before it; give that name. Nothing is ever overwritten.

        The manifest comes first, so that a snapshot that has its name is never without what it promises.
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
        """Adopt nothing: bytes without a manifest are a person's here."""
        return False

    def move_latest(self, collection: str, file: str) -> bool:
        """Point latest at a file of the store. False: links cannot be made here, so it is a line of text."""
        pointer = Path(self.path(name_latest(collection)))
        self._keep_plain(pointer, collection)
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
        """Delete nothing: here each is locked against its readers and waits for the disk by itself."""
        return False

    def delete_snapshot(self, file: str) -> None:
        """Delete a snapshot: its manifest first, then its bytes, then what we wrote about it. Idempotent.

        What is about to be deleted is written down before, so that the next run finishes what a kill interrupted. A
        full disk takes no note, and is just what is to be freed: there the bytes first become an unfinished file,
        which takes its manifest along. Raises `StoreError`; then it is still there, or the next run finishes.
        """
        path = Path(self.path(file))
        bare = PARTIAL_PREFIX + secrets.token_hex(8)
        doomed = bare + ".json"
        self._require_lock()
        with self._translated(f"snapshot '{file}' cannot be deleted from store '{self._path}'"):
            if path.is_file():
                try:
                    self._write_file(doomed, msgspec.json.encode(_DeletionIntent(file, path.lstat().st_size)))
                except SpaceError:
                    path.rename(self.path(bare))
                self._sync()
            Path(self.path(name_manifest(file))).unlink(missing_ok=True)
            self._sync()
            for name in (file, bare, file + PIN_SUFFIX, file + CHECK_SUFFIX, doomed):
                Path(self.path(name)).unlink(missing_ok=True)
            self._sync()

    def write_document(self, name: str, content: bytes, *, create_only: bool = False) -> bool:
        """Write a small file of ours, whole or not at all. False: with `create_only`, it is there already."""
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
        """Replace a small file of ours that still is as it was seen; None: it was not there. False: it is not."""
        with self._translated(f"'{name}' cannot be written to store '{self._path}'"), directory_lock(self._path):
            return self.read_document(name) == seen and self.write_document(name, content)

    def delete_document(self, name: str) -> bool:
        """Delete a small file of ours. False: there was none."""
        with self._translated(f"'{name}' cannot be deleted from store '{self._path}'"):
            try:
                Path(self.path(name)).unlink()
            except FileNotFoundError:
                return False
        return True

    @staticmethod
    def _link(made: Path, name: Path) -> bool:
        """Give a file its name unless that is taken; a file system without links has only the look before."""
        try:
            name.hardlink_to(made)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS or name.exists():
                raise
            made.rename(name)
        return True

    def _keep_plain(self, pointer: Path, collection: str) -> None:
        """Give a snapshot that a person put there as latest a name of its own before the pointer replaces it."""
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
                f"'{pointer.name}' in store '{self._path}' is a snapshot that somebody put there, and moving latest "
                "would destroy it",
                hint=f"give it a name of its own: mv {pointer.name} {name}",
            ) from error

    def _write_file(self, name: str, content: bytes) -> None:
        """Write a small file whole: under another name, synced, renamed."""
        with self.receive() as incoming:
            incoming.write(content)
            incoming.sync()
            incoming.path.rename(self.path(name))

    def _sync(self) -> None:
        """Wait until the directory's names are on the disk; some network file systems cannot."""
        directory = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(directory)
        except OSError as error:
            if error.errno not in _NO_SYNC:
                raise
        finally:
            os.close(directory)

    @contextlib.contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise error_from_os(error, what) from error


def _has_size(path: Path, size: int) -> bool:
    found = path.lstat()
    return stat.S_ISREG(found.st_mode) and found.st_size == size
