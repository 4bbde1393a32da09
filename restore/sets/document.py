"""The document of a set: the snapshots that one run of `snapshot` made. It is written last.

It names files and their checksums. A restore of a set compares each file's manifest with it.
"""

import re
from datetime import UTC, datetime

import msgspec

from restore.snapshots.document import SCHEMA
from restore.snapshots.manifest import Count, Sha256
from restore.stores.layout import SET_SUFFIX

_RUN = re.compile(r"[0-9a-f]{8,64}")
_SHOWN_DIGITS = 8


class SetMember(msgspec.Struct, frozen=True, kw_only=True):
    """One collection's snapshot in a set: its file, the SHA-256 of the server's bytes, how many points it has."""

    collection: str
    file: str
    sha256: Sha256
    points: Count | None = None


class SetFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A collection of which the run made no valid snapshot, and why."""

    collection: str
    error: str


class SetDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What one run made. `created` is when it began, aware UTC; `whole`: all collections of the server were chosen.

    `server` is the server's version, `url` its address without secrets. `aliases` maps each alias to its collection.
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
        """Return the part of the run's id that is shown to users."""
        return self.run_id[:_SHOWN_DIGITS]


def name_set(created: datetime, run_id: str) -> str:
    """Return the name of a run's document."""
    at = created.astimezone(UTC)
    return f"{at.year:04}{at:%m%d_%H%M%S}_{run_id[:_SHOWN_DIGITS]}{SET_SUFFIX}"


def is_run_id(text: str) -> bool:
    """Return True if a text has the form of a run's id, or of its shown part."""
    return _RUN.fullmatch(text) is not None
