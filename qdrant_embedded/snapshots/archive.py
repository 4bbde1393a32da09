"""Tar archives as Qdrant writes and reads them: plain, uncompressed GNU tar with sparse members.

Python's tarfile reads sparse members but cannot write them, and the engine's files are mostly holes: a new shard's
32 MiB pages hold a few kilobytes.
"""

from __future__ import annotations

import errno
import os
import tarfile
from typing import IO, TYPE_CHECKING, Protocol

from qdrant_embedded.errors import service_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLOCK = 512
CHUNK = 1 << 20
HEADER_EXTENTS, EXTENSION_EXTENTS = 4, 21
SPARSE_AT, EXTENDED_AT, REAL_SIZE_AT, CHECKSUM_AT = 386, 482, 483, 148
ROCKSDB_NAMES = ("db_backup", "payload_index_db_backup")

Extents = list[tuple[int, int]]


def list_extents(file: IO[bytes], size: int) -> Iterator[tuple[int, int]]:
    """Yield the data of a file without its holes, as (offset, length); all of it if the system has no SEEK_DATA."""
    if not hasattr(os, "SEEK_DATA"):
        yield 0, size
        return
    position = 0
    while position < size:
        try:
            start = os.lseek(file.fileno(), position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            raise
        end = min(os.lseek(file.fileno(), start, os.SEEK_HOLE), size)
        yield start, end - start
        position = end


class Sink(Protocol):
    """What an archive is written to."""

    def write(self, content: bytes, /) -> int:
        """Write all bytes."""


class ArchiveWriter:
    """Write members one after the other to a sink."""

    def __init__(self, out: Sink) -> None:
        self.out = out

    def add_bytes(self, name: str, content: bytes) -> None:
        """Add a small member from memory."""
        self.out.write(self._header(name, len(content)))
        self.out.write(content)
        self._pad(len(content))

    def add_file(self, name: str, path: Path) -> None:
        """Add a file, sparse if it has holes."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            data_extents = list(list_extents(file, size))
            stored = sum(length for _, length in data_extents)
            if stored == size:
                self.add_open_file(name, file)
                return
            data_extents.append((size, 0))
            self._sparse_header(name, size, stored, data_extents)
            for offset, length in data_extents:
                self._copy(file, offset, length)
            self._pad(stored)

    def add_open_file(self, name: str, file: IO[bytes]) -> None:
        """Add the whole content of an open file, whatever its position."""
        file.flush()
        size = os.fstat(file.fileno()).st_size
        self.out.write(self._header(name, size))
        self._copy(file, 0, size)
        self._pad(size)

    def add_directory(self, prefix: str, directory: Path) -> None:
        """Add every file below a directory, sorted, under a prefix."""
        for path in sorted(path for path in directory.rglob("*") if path.is_file()):
            self.add_file(f"{prefix}/{path.relative_to(directory).as_posix()}", path)

    def finish(self) -> None:
        """Write the end marker."""
        self.out.write(bytes(2 * BLOCK))

    @staticmethod
    def _header(name: str, size: int) -> bytes:
        member = tarfile.TarInfo(name)
        member.size = size
        return member.tobuf(tarfile.GNU_FORMAT)

    def _sparse_header(self, name: str, real_size: int, stored: int, data_extents: Extents) -> None:
        member = bytearray(self._header(name, stored))
        header = memoryview(member)[-BLOCK:]
        header[156:157] = tarfile.GNUTYPE_SPARSE
        table = b"".join(octal(offset) + octal(length) for offset, length in data_extents[:HEADER_EXTENTS])
        header[SPARSE_AT : SPARSE_AT + len(table)] = table
        header[EXTENDED_AT] = len(data_extents) > HEADER_EXTENTS
        header[REAL_SIZE_AT : REAL_SIZE_AT + 12] = octal(real_size)
        header[CHECKSUM_AT : CHECKSUM_AT + 8] = b" " * 8
        header[CHECKSUM_AT : CHECKSUM_AT + 8] = b"%06o\0 " % sum(header)
        self.out.write(bytes(member))
        for start in range(HEADER_EXTENTS, len(data_extents), EXTENSION_EXTENTS):
            part = data_extents[start : start + EXTENSION_EXTENTS]
            table = b"".join(octal(offset) + octal(length) for offset, length in part)
            more = start + EXTENSION_EXTENTS < len(data_extents)
            self.out.write(table.ljust(EXTENSION_EXTENTS * 24, b"\0") + bytes([more]) + bytes(7))

    def _copy(self, file: IO[bytes], offset: int, length: int) -> None:
        file.seek(offset)
        while length:
            chunk = file.read(min(CHUNK, length))
            if not chunk:  # the file became shorter meanwhile: the archive must not look complete
                raise service_error("a file became shorter while it was archived")
            self.out.write(chunk)
            length -= len(chunk)

    def _pad(self, size: int) -> None:
        self.out.write(bytes(-size % BLOCK))


def octal(number: int) -> bytes:
    """Return a number as tar's twelve bytes: octal, base 256 from 8 GiB on."""
    digits = b"%011o\0" % number
    return digits if len(digits) == 12 else b"\x80" + number.to_bytes(11, "big")  # noqa: PLR2004 - tar's field


def unpack(path: Path, target: Path) -> None:
    """Extract an archive below the target. Raise ApiError 500 with the server's message for a broken one."""
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if not (member.isreg() or member.isdir()):
                    raise service_error("File IO error: Forbidden entry type in tar archive")
                archive.extract(member, target, filter="data")
    except tarfile.ReadError as error:
        if path.stat().st_size == 0 or str(error) == "empty file":
            return  # the server finds no entries, and reports the missing configuration later
        if "unexpected end of data" in str(error):
            raise service_error(f"File IO error: failed to unpack `{target}`") from error
        raise service_error("File IO error: Malformed tar archive, reached unknown entry") from error
    except tarfile.TarError as error:
        raise service_error(f"File IO error: Malformed tar archive, {error}") from error


def holds_rocksdb(segment: Path) -> bool:
    """Return whether a segment's tar was made with RocksDB; the engine would load it without its points."""
    with tarfile.open(segment, "r:") as archive:
        return any(part in ROCKSDB_NAMES for name in archive.getnames() for part in name.split("/"))
