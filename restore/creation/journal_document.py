"""The form of a run's journal, and of what a killed run left on a server."""

from datetime import datetime

import msgspec

from restore.qdrant.collection_names import find_name_problem
from restore.qdrant.model import SnapshotDescription
from restore.snapshots.document import SCHEMA
from restore.stores.layout import JOURNAL_PREFIX


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One snapshot that was asked for. `before` are the names that were there, `made` is what the answer named."""

    collection: str
    at: datetime
    before: tuple[str, ...] = ()
    made: SnapshotDescription | None = None


class JournalDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What one run has created on the server at `url` and not deleted there yet. It holds no secret."""

    schema: int = SCHEMA
    run_id: str
    url: str
    creations: tuple[JournalEntry, ...] = ()


def name_journal(run_id: str) -> str:
    """Return the file name of a run's journal."""
    return f"{JOURNAL_PREFIX}{run_id}.json"


def find_journal_problem(document: JournalDocument) -> str:
    """Return why a journal must not be followed; empty when Qdrant may have every collection that it names."""
    for name in (creation.collection for creation in document.creations):
        if problem := find_name_problem(name):
            return f"collection '{name}' {problem}"
    return ""


def is_same(found: SnapshotDescription, ours: SnapshotDescription) -> bool:
    """Return whether both describe one file: by checksum, else by size and time, as on S3 there is no checksum."""
    if ours.checksum or found.checksum:
        return found.checksum == ours.checksum
    return (found.size, found.created) == (ours.size, ours.created)


class StaleObject(msgspec.Struct, frozen=True, kw_only=True):
    """Something on the server that a run of this program left, or may have left.

    `message` says why it was not removed; `status` is not 0 where something failed. `collection` is empty for a
    journal that cannot be read.
    """

    collection: str = ""
    file: str
    removed: bool = False
    status: int = 0
    message: str = ""
