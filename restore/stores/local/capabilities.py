"""What a directory can do, found out by trying: write, sync, link. The files made for it are hidden and removed."""

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
    """What a directory can do. `why_not` is the reason when it cannot be written to."""

    writes: bool
    why_not: str = ""
    links: bool = False
    syncs: bool = False


def probe_directory(path: str) -> DirectoryCapabilities:
    """Try a temporary file, its sync, a link beside it and the link's rename. Nothing remains.

    A read-only directory is an answer. Raise `SpaceError` or `StoreError` for what else went wrong.
    """
    # The names of unfinished files: the next snapshot removes what a kill leaves here.
    file = Path(path, PARTIAL_PREFIX + secrets.token_hex(8))
    link = Path(path, PARTIAL_PREFIX + secrets.token_hex(8) + ".link")
    try:
        file.write_bytes(b"probe")
        return DirectoryCapabilities(writes=True, links=_can_link(file, link), syncs=_can_sync(file))
    except OSError as error:
        if error.errno in _READ_ONLY:
            return DirectoryCapabilities(writes=False, why_not=os.strerror(error.errno or 0))
        raise error_from_os(error, f"store '{path}' cannot be written to") from error
    finally:
        for left in (link, file):
            with contextlib.suppress(OSError):
                left.unlink()


def measure_files(path: str) -> dict[str, int]:
    """Return the size in bytes of each plain, visible file. Raise `StoreError` when the directory cannot be read."""
    try:
        with os.scandir(path) as found:
            files = [entry for entry in found if entry.is_file(follow_symlinks=False)]
            return {entry.name: entry.stat().st_size for entry in files if not entry.name.startswith(".")}
    except OSError as error:
        raise error_from_os(error, f"store '{path}' cannot be read") from error


def measure_free(path: str) -> int | None:
    """Return how many bytes may still be written here; None where the file system does not say."""
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
        sync_path(str(file))
        sync_path(str(file.parent))
    except OSError:
        return False
    return True


def sync_path(path: str) -> None:
    """Wait until a file, or a directory's names, are on the disk. Raise `OSError` where that is not possible."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
