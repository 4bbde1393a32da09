"""Scan a snapshot's tar archive by its headers and small documents.

Scanning seeks from header to header, also in the segment archives inside, so a file of any size takes milliseconds
and little memory. Nothing is extracted.
"""

import re
import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, Any, cast

import msgspec

from restore.errors import IntegrityError
from restore.snapshots.archive import Archive, ArchivedShard, ArchiveKind
from restore.snapshots.stored import SnapshotReader, refuse_lfs_pointer
from restore.system.files import error_from_os
from restore.system.text import format_count

_TAR_BLOCK = 512
_END = bytes(2 * _TAR_BLOCK)
_MAGIC = slice(257, 262)
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"(\xb5/\xfd": "zstd", b"PK\x03\x04": "zip"}
_LONGEST_DOCUMENT = 16 * 1024 * 1024
_ROCKSDB = re.compile(r"(.*/)?((payload_index_)?db_backup(/.*)?|CURRENT|MANIFEST-[0-9]+|[^/]+\.sst)\Z")
# Eight bytes a point, deleted ones included (lib/segment/src/id_tracker).
_VERSIONS = frozenset({"id_tracker.versions", "mutable_id_tracker.versions"})
_VERSION_BYTES = 8
_SHARD_FILE = re.compile(r"(?P<shard>[0-9]+)/(?P<rest>.+)\Z")
_NESTED = re.compile(r"([0-9]+/)?segments/[^/]+\.tar\Z")
_SEGMENT = "snapshot/files/segment.json"
_MAKE_ANOTHER = "make the snapshot again, or take another one with --snapshot"


def scan_archive(opened: SnapshotReader | IO[bytes], *, name: str) -> Archive:
    """Scan an opened snapshot, which errors call `name`. It seeks forward, or a little back.

    Raise `IntegrityError` when it is empty, no tar archive, cut anywhere, or contains a malformed document, and what
    reading raises. Whether a server accepts it is decided by `recovery.compatibility`.
    """
    file = cast("IO[bytes]", opened)
    try:
        # The head first: a wrong key shows at once, while an encoded snapshot may have to be read whole for its size.
        head = file.read(_TAR_BLOCK)
        size = file.seek(0, 2)
        _check_head(head, size, name)
        return _read_members(file, size, name)
    except OSError as error:
        raise error_from_os(error, f"snapshot '{name}' cannot be read") from error
    except tarfile.TarError as error:
        raise _damage_error(name, 0) from error
    except (msgspec.DecodeError, UnicodeError, ValueError, EOFError, RecursionError) as error:
        raise IntegrityError(f"snapshot '{name}' is damaged: {error}", hint=_MAKE_ANOTHER) from error


def _check_head(head: bytes, size: int, name: str) -> None:
    if size == 0:
        raise IntegrityError(f"snapshot '{name}' is an empty file", hint=_MAKE_ANOTHER)
    refuse_lfs_pointer(head, file=name)
    if head[_MAGIC] == b"ustar":
        return
    for magic, kind in _COMPRESSED.items():
        if head.startswith(magic):
            raise IntegrityError(
                f"snapshot '{name}' is compressed ({kind}), Qdrant takes plain tar archives", hint="unpack it first"
            )
    looks_like_text = not re.search(rb"[^\t\n\r\x20-\x7e\x80-\xff]", head)
    what = "a text file" if looks_like_text else "no tar archive"
    raise IntegrityError(f"snapshot '{name}' is {what}, not a snapshot of Qdrant", hint=_MAKE_ANOTHER)


class _ArchiveContents:
    """What the scan has found so far."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.documents: dict[str, Any] = {}
        self.segments: dict[int, int] = {}
        self.wal: set[int] = set()
        self.rocksdb = ""
        self.forbidden: list[str] = []
        self.point_bytes = 0
        self.storage_types: set[str] = set()

    def add(self, member: tarfile.TarInfo, where: str) -> None:
        """Add a member at any depth; `where` is the path of the archive that contains it."""
        path = PurePosixPath(member.name)
        odd = member.pax_headers or not (member.isreg() or member.isdir())
        if odd or path.is_absolute() or ".." in path.parts:
            self.forbidden.append(where + member.name)
        if path.name in _VERSIONS:
            self.point_bytes += member.size
        if not self.rocksdb and _ROCKSDB.match(member.name):
            self.rocksdb = where + member.name

    def add_segment(self, document: object) -> None:
        """Add the kinds of vector storage that a segment's own document names."""
        vectors = _as_mapping(_as_mapping(_as_mapping(document).get("config")).get("vector_data"))
        self.storage_types |= {str(_as_mapping(vector).get("storage_type", "")) for vector in vectors.values()}


def _read_members(file: IO[bytes], size: int, name: str) -> Archive:
    found = _ArchiveContents()
    file.seek(0)
    with tarfile.open(fileobj=file, mode="r:") as outer:
        for member in _read_outer_members(outer, file, size, name):
            found.add(member, "")
            path = member.name.removeprefix("./")
            found.names.add(path)
            _add_shard(found, path)
            content = outer.extractfile(member) if member.isreg() else None
            if content and path.endswith(".json") and path.count("/") <= 1:
                found.documents[path] = _read_document(content, member.size, path)
            elif content and _NESTED.match(path):
                with tarfile.open(fileobj=content, mode="r:") as inner:
                    for nested in _read_inner_members(inner, member.size, name):
                        found.add(nested, f"{path}/")
                        document = inner.extractfile(nested) if nested.name == _SEGMENT and nested.isreg() else None
                        if document:
                            found.add_segment(_read_document(document, nested.size, f"{path}/{_SEGMENT}"))
    return _describe(found, size)


def _read_outer_members(archive: tarfile.TarFile, file: IO[bytes], size: int, name: str) -> Iterator[tarfile.TarInfo]:
    """Yield every member, each wholly inside the file. Raise `IntegrityError` unless the end marker follows."""
    while member := _read_next(archive, name):
        if archive.offset > size:
            raise IntegrityError(
                f"snapshot '{name}' is cut: it has {format_count(size, 'byte')}, and '{member.name}' in it ends at "
                f"{archive.offset:,}",
                hint=_MAKE_ANOTHER,
            )
        yield member
    end = archive.offset
    file.seek(end)
    marker = file.read(len(_END))
    if marker.strip(b"\0"):
        raise _damage_error(name, end)
    if marker != _END:
        raise IntegrityError(
            f"snapshot '{name}' is cut at its end: it has {format_count(size, 'byte')}, with its end "
            f"marker {end + len(_END):,}",
            hint=_MAKE_ANOTHER,
        )


def _read_inner_members(archive: tarfile.TarFile, size: int, name: str) -> Iterator[tarfile.TarInfo]:
    """Yield every member of a segment's archive. Qdrant writes those without an end marker."""
    while member := _read_next(archive, name):
        if archive.offset > size:
            raise IntegrityError(f"snapshot '{name}' is damaged: a segment in it is cut", hint=_MAKE_ANOTHER)
        yield member


def _read_next(archive: tarfile.TarFile, name: str) -> tarfile.TarInfo | None:
    # Some versions of tarfile end at a broken header, others raise; both must give the same error.
    try:
        return archive.next()
    except tarfile.TarError as error:
        raise _damage_error(name, archive.offset) from error


def _damage_error(name: str, at: int) -> IntegrityError:
    return IntegrityError(f"snapshot '{name}' is damaged at byte {at:,}: no header there", hint=_MAKE_ANOTHER)


def _add_shard(found: _ArchiveContents, path: str) -> None:
    match = _SHARD_FILE.match(path)
    if not match:
        return
    number = int(match["shard"])
    found.segments.setdefault(number, 0)
    kind, _, rest = match["rest"].partition("/")
    if kind == "segments" and rest and "/" not in rest.rstrip("/"):
        found.segments[number] += 1
    if kind == "wal":
        found.wal.add(number)


def _read_document(content: IO[bytes], size: int, path: str) -> Any:  # noqa: ANN401 - any JSON there is
    if size > _LONGEST_DOCUMENT:
        raise ValueError(f"'{path}' has {format_count(size, 'byte')}")
    return msgspec.json.decode(content.read())


def _describe(found: _ArchiveContents, size: int) -> Archive:
    config = _as_mapping(found.documents.get("config.json"))
    keys = found.documents.get("shard_key_mapping.json", [])
    shards = tuple(_describe_shard(found, number) for number in sorted(found.segments))
    custom = _as_mapping(config.get("params")).get("sharding_method") == "custom"
    return Archive(
        kind=_find_kind(found, config),
        size=size,
        config=config,
        payload_schema=_as_mapping(_as_mapping(found.documents.get("payload_index.json")).get("schema")),
        shards=shards,
        custom_sharding=custom or bool(keys),
        rocksdb=found.rocksdb,
        forbidden=tuple(found.forbidden),
        point_slots=found.point_bytes // _VERSION_BYTES,
        storage_types=frozenset(found.storage_types),
    )


def _describe_shard(found: _ArchiveContents, number: int) -> ArchivedShard:
    state = _as_mapping(found.documents.get(f"{number}/replica_state.json"))
    return ArchivedShard(
        number=number,
        has_wal=number in found.wal,
        segments=found.segments[number],
        is_local=bool(state.get("is_local", True)),
    )


def _as_mapping(document: object) -> dict[str, Any]:
    """Return a JSON object as it is, and any other JSON as an empty one."""
    return document if isinstance(document, dict) else {}


def _find_kind(found: _ArchiveContents, config: dict[str, Any]) -> ArchiveKind:
    if "collections_mapping" in config:
        return ArchiveKind.FULL
    if isinstance(config.get("params"), dict) and found.segments:
        return ArchiveKind.COLLECTION
    if {"replica_state.json", "shard_config.json"} & found.names and "config.json" not in found.names:
        return ArchiveKind.SHARD
    return ArchiveKind.FOREIGN
