"""The small documents that we put beside snapshots: versioned JSON, written whole, read with distrust.

Unknown fields are ignored, so that an older program reads what a newer one added; a newer `schema` number is refused,
because there the meaning of known fields may have changed.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from restore.errors import IncompatibleError, IntegrityError

SCHEMA = 1
Document = TypeVar("Document", bound=msgspec.Struct)


class _Schema(msgspec.Struct):
    schema: int


def write_document(document: msgspec.Struct) -> bytes:
    """Give a document as indented JSON with a newline at its end."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def read_document(text: bytes, kind: type[Document], *, where: str) -> Document:
    """Read a document of a kind; `where` names the file in errors.

    Raises `IntegrityError` when it is malformed and `IncompatibleError` when a newer program wrote it.
    """
    try:
        found = msgspec.json.decode(text, type=_Schema).schema
        if found == SCHEMA:
            return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise IntegrityError(
            f"'{where}' is malformed: {error}",
            hint="it was damaged or written by hand; delete it to go on without it",
        ) from error
    raise IncompatibleError(
        f"'{where}' has schema {found}, this program reads {SCHEMA}", hint="use a newer qdrant-restore"
    )
