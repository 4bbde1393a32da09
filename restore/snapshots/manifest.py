"""The manifest beside a snapshot: what the snapshot contains, so that a restore can be compared with it."""

import re
from datetime import datetime
from typing import Annotated, Any

import msgspec

from restore.errors import IntegrityError
from restore.snapshots.document import SCHEMA, read_document, write_document
from restore.snapshots.name import name_manifest
from restore.snapshots.stored import StoredSnapshot
from restore.system.text import format_count

_DAMAGED_HINT = "delete it to restore without what it promises, or make a new snapshot"
_LARGEST_ID = 2**64 - 1
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class Sample(msgspec.Struct, frozen=True):
    """A point's id, and the digest of its payload and vectors (`snapshots.point_digest`)."""

    id: int | str
    digest: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a restore can be compared with.

    `created` is aware UTC. `size` and `sha256` are those of the server's bytes. `points` is exact if `points_exact`,
    else what the server reported during writes. `config` and `payload_schema` come from `GET /collections/{name}`
    (the schema without its counts). `samples` did not change between two readings. `seconds` is how long the whole
    snapshot took. `held_back` is the reason why this snapshot did not become latest; empty if it did. `run_id` is
    the set it belongs to. For encoded snapshots `stored_size` and `stored_sha256` are those of the stored file,
    `compression` and `encryption` its encodings (`zstd`, `age`).
    """

    schema: int = SCHEMA
    collection: str
    created: datetime
    server_version: str
    size: Count
    sha256: Sha256
    points: Count
    points_exact: bool
    config: dict[str, Any]
    payload_schema: dict[str, dict[str, Any]]
    aliases: tuple[str, ...] = ()
    samples: tuple[Sample, ...] = ()
    shards: Count = 1
    seconds: float = 0.0
    note: str = ""
    held_back: str = ""
    written_by: str = ""
    run_id: str = ""
    stored_size: Count | None = None
    stored_sha256: Sha256 | None = None
    compression: str = ""
    encryption: str = ""

    @property
    def bytes_in_store(self) -> int:
        """Return the size of the stored file in bytes."""
        return self.size if self.stored_size is None else self.stored_size


def write_manifest(manifest: Manifest) -> bytes:
    """Return the manifest as indented JSON that ends in a newline."""
    return write_document(manifest)


def read_manifest(text: bytes, *, where: str) -> Manifest:
    """Read a manifest; errors call it by its file name, `where`.

    Raise `IntegrityError` when it is malformed, `IncompatibleError` when a newer program wrote it.
    """
    manifest = read_document(text, Manifest, where=where, what="manifest", hint=_DAMAGED_HINT)
    if problem := _find_problem(manifest):
        raise IntegrityError(f"manifest '{where}' is malformed: {problem}", hint=_DAMAGED_HINT)
    return manifest


def _find_problem(manifest: Manifest) -> str:
    if manifest.created.tzinfo is None:
        return "`created` has no time zone"
    wrong = [sample.id for sample in manifest.samples if not _is_point_id(sample.id)]
    return f"`samples` has '{wrong[0]}', which is no point's id" if wrong else ""


def _is_point_id(found: int | str) -> bool:
    if isinstance(found, int):
        return 0 <= found <= _LARGEST_ID
    return _UUID.fullmatch(found) is not None


def read_manifest_of(stored: StoredSnapshot, text: bytes) -> Manifest:
    """Read a snapshot's manifest and compare it with the file's collection and size.

    Raise `IntegrityError` when it is malformed or contradicts the file, `IncompatibleError` when a newer program
    wrote it.
    """
    name = name_manifest(stored.file)
    manifest = read_manifest(text, where=name)
    if manifest.collection != stored.collection:
        raise IntegrityError(
            f"manifest '{name}' is of collection '{manifest.collection}', not of '{stored.collection}'",
            hint="files were swapped or renamed; give each its own name back",
        )
    if manifest.bytes_in_store != stored.size:
        raise IntegrityError(
            f"snapshot '{stored.file}' has {format_count(stored.size, 'byte')}, its manifest says "
            f"{manifest.bytes_in_store:,}",
            hint="the file was cut or replaced; take another one with --snapshot, or make a new one",
        )
    return manifest
