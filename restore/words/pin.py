"""A pin: the document beside a snapshot that exempts it from every retention rule, and says why."""

from __future__ import annotations

from datetime import datetime

import msgspec

from restore.errors import RestoreError
from restore.words.document import SCHEMA, read_document
from restore.words.store import PIN_SUFFIX


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """Why a snapshot stays, and since when (aware, UTC)."""

    schema: int = SCHEMA
    reason: str = ""
    at: datetime


def name_pin(file: str) -> str:
    """Name the pin of a snapshot file."""
    return file + PIN_SUFFIX


def read_reason(text: bytes | None) -> str:
    """Give why a snapshot is pinned; empty where the pin does not say, or cannot be read."""
    try:
        return read_document(text, Pin, where="pin").reason if text is not None else ""
    except RestoreError:
        return ""
