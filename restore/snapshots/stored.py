"""A snapshot in a store, and the protocols for reading its bytes and for receiving them."""

from datetime import datetime
from typing import Protocol

import msgspec

from restore.errors import IntegrityError
from restore.snapshots.name import split_encoding

_LFS = b"version https://git-lfs.github.com/spec/"


class StoredSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot that can be opened: the file itself, never a pointer.

    `file` is its name in the store; `path` is absolute, or the object's URL in a bucket. `size` is that of the stored
    file, in bytes. `created` is the time in the name; None when there is none. `in_store` is false for a path
    elsewhere. `latest` is true when the latest pointer led here. `store` is the name of the store that holds it;
    empty where there is only one.
    """

    collection: str
    file: str
    path: str
    size: int
    created: datetime | None = None
    sequence: int = 1
    in_store: bool = True
    latest: bool = False
    store: str = ""

    @property
    def is_remote(self) -> bool:
        """Return True if it lies in a bucket, so that every access is a request."""
        return "://" in self.path

    @property
    def encoding(self) -> str:
        """Return how the stored bytes are encoded: `.zst`, `.age`, `.zst.age`; empty for the server's own bytes."""
        return split_encoding(self.file)[1]


class SnapshotReader(Protocol):
    """A snapshot's bytes as the server made them, opened for reading; seekable. Close it on every way out.

    `local_path` is the plain file behind it, which the kernel can send; empty where there is none. `size` is in
    bytes; -1 while it is not known. Reading raises `StoreError` when the store cannot be reached, `IntegrityError`
    when the bytes cannot be decoded.
    """

    local_path: str
    size: int

    def read(self, count: int = -1, /) -> bytes:
        """Return the next `count` bytes, fewer only at the end."""
        ...

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        """Fill a buffer; return how many bytes, 0 at the end."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move to a position; return it. Seeking far back in an encoded snapshot decodes it again from the start."""
        ...

    def tell(self) -> int:
        """Return the position in bytes."""
        ...

    def close(self) -> None:
        """Close it; idempotent."""
        ...


class IncomingSnapshot(Protocol):
    """A snapshot that is being received under a hidden name. It is removed when `receive` ends, unless published."""

    size: int

    def expect(self, size: int) -> None:
        """Take the number of bytes to come, before the first: a bucket needs it for the size of its parts."""
        ...

    def write(self, block: bytes | memoryview) -> None:
        """Append a block. Raise `SpaceError` when there is no room, `StoreError` otherwise."""
        ...

    def empty(self) -> None:
        """Drop all bytes and begin again."""
        ...


def refuse_lfs_pointer(head: bytes, *, file: str) -> None:
    """Raise `IntegrityError` if a file's first bytes are those of a Git LFS pointer: it was not fetched."""
    if head.startswith(_LFS):
        raise IntegrityError(
            f"'{file}' is a Git LFS pointer, not the file itself",
            hint="fetch the files that stand behind: git lfs pull",
        )
