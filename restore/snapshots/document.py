"""The small JSON documents beside snapshots: versioned, written whole, checked when they are read.

Unknown fields are ignored, so that an older program can read documents with newer fields. A newer `schema` number is
refused: the meaning of known fields may have changed.
"""

from typing import TypeVar

import msgspec

from restore.errors import IncompatibleError, IntegrityError
from restore.system.text import encode_json

SCHEMA = 1
_DAMAGED_HINT = "it was damaged or written by hand; delete it to go on without it"
Document = TypeVar("Document", bound=msgspec.Struct)


class _Schema(msgspec.Struct):
    schema: int


def write_document(document: msgspec.Struct) -> bytes:
    """Return a document as indented JSON that ends in a newline; its texts may hold names that are not UTF-8."""
    return f"{msgspec.json.format(encode_json(document), indent=2)}\n".encode()


def read_document(
    text: bytes, kind: type[Document], *, where: str, what: str = "", hint: str = _DAMAGED_HINT
) -> Document:
    """Read a document of a kind. Errors call it `what` and by its file name, `where`; `hint` is for a damaged one.

    Raise `IntegrityError` when it is malformed, `IncompatibleError` when a newer program wrote it.
    """
    name = f"{what} '{where}'".lstrip()
    try:
        found = msgspec.json.decode(text, type=_Schema).schema
        if found == SCHEMA:
            return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise IntegrityError(f"{name} is malformed: {error}", hint=hint) from error
    raise IncompatibleError(
        f"{name} has schema {found}, this program reads {SCHEMA}", hint="use a newer qdrant-restore"
    )
