"""A set: what one run of `snapshot` made, in one document that is written last.

It names files and promises nothing about their bytes; whoever restores a set compares each file's manifest with it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec

from restore.snapshots.document import SCHEMA
from restore.snapshots.manifest import Count, Sha256
from restore.stores.layout import SET_SUFFIX

_RUN = re.compile(r"[0-9a-f]{8,64}")
_SHOWN_DIGITS = 8


class SetMember(msgspec.Struct, frozen=True, kw_only=True):
    """One collection's snapshot of a set: its file in the store, the SHA-256 of what the server made, its points."""

    collection: str
    file: str
    sha256: Sha256
    points: Count | None = None


class SetFailure(msgspec.Struct, frozen=True, kw_only=True):
    """One collection of which the run made no snapshot that counts, and why."""

    collection: str
    error: str


class SetDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What one run made. `created` is when it began, aware UTC; `whole`: it was asked for every collection there was.

    `server` is the version, `url` where it answered (without secrets). `aliases` maps each to its collection.
    """

    schema: int = SCHEMA
    run_id: str
    created: datetime
    server: str
    url: str = ""
    whole: bool = False
    collections: tuple[SetMember, ...] = ()
    failed: tuple[SetFailure, ...] = ()
    aliases: dict[str, str] = {}
    written_by: str = ""

    @property
    def short_id(self) -> str:
        """Give the part of the run's id that people are shown."""
        return self.run_id[:_SHOWN_DIGITS]


def name_set(created: datetime, run_id: str) -> str:
    """Name the document of a run."""
    at = created.astimezone(UTC)
    return f"{at.year:04}{at:%m%d_%H%M%S}_{run_id[:_SHOWN_DIGITS]}{SET_SUFFIX}"


def is_run_id(text: str) -> bool:
    """Tell whether this may be a run's id, or its beginning as it is shown."""
    return _RUN.fullmatch(text) is not None
