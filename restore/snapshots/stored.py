"""A snapshot at rest in a store, and the streams of bytes out of it and into it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from restore.snapshots.name import split_encoding

_LFS = b"version https://git-lfs.github.com/spec/"


class StoredSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot that can be opened: never a pointer, the file itself.

    `file` is its name in the store; `path` is absolute, or its URL where it lies in a bucket. `size` is in bytes, as
    it lies there. `created` is what the name says, None when it says nothing. `in_store` is false for a path
    elsewhere. `latest` is true when the pointer led here. `store` is the name of the store it was found in, empty
    where there is only one.
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
        """Tell whether every look at it is a request to a bucket."""
        return "://" in self.path

    @property
    def encoding(self) -> str:
        """Give how the stored bytes differ from the server's: `.zst`, `.age`, `.zst.age`, or nothing."""
        return split_encoding(self.file)[1]


class SnapshotReader(Protocol):
    """A snapshot's bytes as the server made them, opened for reading; seekable. Close it on every way out.

    `local_path` names the plain file behind it, so that the kernel may send it; empty where there is none. `size` is
    in bytes; -1 until the end was reached where nothing says it. Reading raises `StoreError` when the store cannot
    be reached, `IntegrityError` when the bytes cannot be unpacked.
    """

    local_path: str
    size: int

    def read(self, count: int = -1, /) -> bytes:
        """Give the next bytes, fewer only at the end."""
        ...

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        """Fill a buffer; gives how many bytes, 0 at the end."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place; what lies behind a packing is read again from its start when that is far back."""
        ...

    def tell(self) -> int:
        """Give the place."""
        ...

    def close(self) -> None:
        """Close; idempotent."""
        ...


class IncomingSnapshot(Protocol):
    """A snapshot being received under a name that nobody reads. Publish it, or leave `receive`: then it is gone."""

    size: int

    def expect(self, size: int) -> None:
        """Say how many bytes will come, before the first: a bucket's parts are cut to that."""
        ...

    def write(self, block: bytes | memoryview) -> None:
        """Append a block. Raises `SpaceError` when there is no room, `StoreError` otherwise."""
        ...

    def empty(self) -> None:
        """Begin anew."""
        ...


def is_lfs_pointer(head: bytes) -> bool:
    """Tell whether a file begins as Git LFS's stand-in for a file that was not fetched."""
    return head.startswith(_LFS)
