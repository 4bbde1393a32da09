"""Trying what a directory can do: write, sync, link. Whatever is made is removed again, and is hidden meanwhile."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path

import msgspec

from restore.snapshots.name import PARTIAL_PREFIX
from restore.system.files import error_from_os

_READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


class DirectoryCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a directory can do. `why_not` says what kept us from writing; `links`, `syncs` and `renames` are about it.

    `free_bytes` is what this process may use; None where the file system does not say.
    """

    writes: bool
    why_not: str = ""
    links: bool = False
    syncs: bool = False
    free_bytes: int | None = None


def probe_directory(path: str) -> DirectoryCapabilities:
    """Try a temporary file, its sync, a link beside it and the link's rename. Nothing remains.

    A read-only directory is an answer. Raises `SpaceError` or `StoreError` for what else went wrong.
    """
    free = measure_free(path)
    # The names of unfinished files: whatever a kill leaves here, the next snapshot removes.
    file = Path(path, PARTIAL_PREFIX + secrets.token_hex(8))
    link = Path(path, PARTIAL_PREFIX + secrets.token_hex(8) + ".link")
    try:
        file.write_bytes(b"probe")
        return DirectoryCapabilities(writes=True, links=_can_link(file, link), syncs=_can_sync(file), free_bytes=free)
    except OSError as error:
        if error.errno in _READ_ONLY:
            return DirectoryCapabilities(writes=False, why_not=os.strerror(error.errno or 0), free_bytes=free)
        raise error_from_os(error, f"store '{path}' cannot be written to") from error
    finally:
        for left in (link, file):
            with contextlib.suppress(OSError):
                left.unlink()


def measure_files(path: str) -> dict[str, int]:
    """Give the size in bytes of each plain, visible file. Raises `StoreError` when the directory cannot be read."""
    try:
        with os.scandir(path) as found:
            files = [entry for entry in found if entry.is_file(follow_symlinks=False)]
            return {entry.name: entry.stat().st_size for entry in files if not entry.name.startswith(".")}
    except OSError as error:
        raise error_from_os(error, f"store '{path}' cannot be read") from error


def measure_free(path: str) -> int | None:
    """Give the bytes that may still be written here; None where nobody says."""
    if not hasattr(os, "statvfs"):
        return None
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize if found.f_blocks else None


def _can_link(file: Path, link: Path) -> bool:
    try:
        link.symlink_to(file.name)
        link.replace(link)
    except OSError:
        return False
    return link.is_symlink()


def _can_sync(file: Path) -> bool:
    try:
        _sync(file)
        _sync(file.parent)
    except OSError:
        return False
    return True


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
