"""A pin: the document beside a snapshot that exempts it from every retention rule, with the reason."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from restore.checks.file_report import FileReport
from restore.errors import RestoreError
from restore.snapshots.document import SCHEMA, read_document
from restore.stores.layout import PIN_SUFFIX
from restore.stores.protocols import DocumentStore


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """Why a snapshot stays, and since when (aware, UTC)."""

    schema: int = SCHEMA
    reason: str = ""
    at: datetime


def name_pin(file: str) -> str:
    """Return the name of a snapshot file's pin."""
    return file + PIN_SUFFIX


def read_reason(text: bytes | None) -> str:
    """Return the reason of a pin; empty when it has none or cannot be read."""
    try:
        return read_document(text, Pin, where="pin").reason if text is not None else ""
    except RestoreError:
        return ""


def add_pins(store: DocumentStore, files: Iterable[FileReport]) -> tuple[FileReport, ...]:
    """Return the files with their pins. It costs one listing, and one document for each pin."""
    pins = set(store.list_documents(PIN_SUFFIX))
    return tuple(
        msgspec.structs.replace(one, pinned=True, pin_reason=_read_pin(store, name_pin(one.file)))
        if name_pin(one.file) in pins
        else one
        for one in files
    )


def _read_pin(store: DocumentStore, name: str) -> str:
    try:
        return read_reason(store.read_document(name))
    except RestoreError:
        return ""
