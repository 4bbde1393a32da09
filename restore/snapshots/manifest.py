"""The manifest beside a snapshot: what it contains, so that a restore can be compared with it.

Versioned JSON. Unknown fields are ignored, so that an older program reads what a newer one added; a newer
`schema` number is refused, because there the meaning of known fields may have changed.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

import msgspec

from restore.errors import IncompatibleError, IntegrityError
from restore.snapshots.name import name_manifest
from restore.snapshots.stored import StoredSnapshot
from restore.system.text import format_count

SCHEMA = 1
_LARGEST_ID = 2**64 - 1
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class Sample(msgspec.Struct, frozen=True):
    """One point's id and the digest of its payload and vectors (`snapshots.point_digest`)."""

    id: int | str
    digest: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a restore can be compared with.

    `created` is aware UTC. `size` is in bytes. `points` is exact when `points_exact`, else what the server said
    beside running writes. `config` and `payload_schema` are as `GET /collections/{name}` gave them (the schema
    without its counts). `samples` did not change between two readings. `seconds` is how long it all took.
    `held_back` says why this snapshot did not become latest; empty when nothing spoke against it. `run_id` is the
    set it was made in. Where the stored bytes are not the server's, `stored_size` and `stored_sha256` are theirs,
    `compression` and `encryption` how they came about (`zstd`, `age`); `size` and `sha256` always are the server's.
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
        """Give how many bytes the file in the store has."""
        return self.size if self.stored_size is None else self.stored_size


class _Schema(msgspec.Struct):
    schema: int


def write_manifest(manifest: Manifest) -> bytes:
    """Give the manifest as indented JSON with a newline at its end."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def read_manifest(text: bytes, *, where: str) -> Manifest:
    """Read a manifest. `where` names the file in errors.

    Raises `IntegrityError` when it is malformed and `IncompatibleError` when a newer program wrote it.
    """
    hint = "delete it to restore without what it promises, or make a new snapshot"
    try:
        found = msgspec.json.decode(text, type=_Schema).schema
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise IntegrityError(f"manifest '{where}' is malformed: {error}", hint=hint) from error
    if found != SCHEMA:
        raise IncompatibleError(
            f"manifest '{where}' has schema {found}, this program reads {SCHEMA}",
            hint="use a newer qdrant-restore",
        )
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise IntegrityError(f"manifest '{where}' is malformed: {error}", hint=hint) from error
    if problem := _find_problem(manifest):
        raise IntegrityError(f"manifest '{where}' is malformed: {problem}", hint=hint)
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
    """Read a snapshot's manifest and hold it against the file.

    Raises `IntegrityError` when it is malformed or contradicts the file, `IncompatibleError` when it is newer than
    this program.
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
