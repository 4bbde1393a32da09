"""Snapshot files in a directory: their names, descriptions and checksums."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

from qdrant_embedded.errors import not_found

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX, CHECKSUM_SUFFIX = ".snapshot", ".checksum"
CHUNK = 1 << 20


class HashingFile:
    """A file that is written once from start to end, and hashed while it is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.sha256 = hashlib.sha256()

    def write(self, content: bytes) -> int:
        """Write and hash. Return the number of bytes."""
        self.sha256.update(content)
        return self.file.write(content)


def compute_checksum(path: Path) -> str:
    """Return the SHA-256 of a file, lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def format_now() -> str:
    """Return the current UTC time to the second, as it is part of snapshot names."""
    return datetime.now(UTC).strftime("%Y-%m-%d-%H-%M-%S")


def describe_snapshot(path: Path) -> dict[str, Any]:
    """Return one snapshot in the API's form; the checksum only if its checksum file exists."""
    status = path.stat()
    created = datetime.fromtimestamp(int(status.st_mtime), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    described: dict[str, Any] = {"name": path.name, "creation_time": created, "size": status.st_size}
    sibling = path.with_name(path.name + CHECKSUM_SUFFIX)
    if sibling.is_file():
        described["checksum"] = sibling.read_text()
    return described


def list_snapshots(directory: Path) -> list[dict[str, Any]]:
    """Return all snapshots of a directory; other files are not listed."""
    if not directory.is_dir():
        return []
    return [
        describe_snapshot(path) for path in sorted(directory.iterdir()) if path.is_file() and path.suffix == SUFFIX
    ]


def find_snapshot(directory: Path, name: str) -> Path:
    """Return the file of that name in the directory. Raise ApiError 404."""
    path = directory / name
    if "/" in name or name in {"", ".", ".."} or not path.is_file():
        raise not_found(f"Snapshot {name} not found")
    return path


def delete_snapshot(directory: Path, name: str) -> None:
    """Delete a snapshot and its checksum file. Raise ApiError 404."""
    path = find_snapshot(directory, name)
    path.with_name(path.name + CHECKSUM_SUFFIX).unlink(missing_ok=True)
    path.unlink()


def publish(temporary: Path, final: Path, checksum: str) -> dict[str, Any]:
    """Rename a finished archive and write its checksum file. Return its description."""
    temporary.replace(final)
    final.with_name(final.name + CHECKSUM_SUFFIX).write_text(checksum)
    return describe_snapshot(final)
