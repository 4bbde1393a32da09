"""The snapshots of a collection as a retention rule sees them."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from restore.errors import RestoreError


class RetentionCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot that this program wrote.

    `created` is the manifest's time, aware; `sequence` orders those of one second. `verified`: it was not held back,
    and no check found it damaged. `being_read`: a restore or a mirror reads it now. Deleting it frees `size_bytes`.
    """

    file: str
    collection: str
    created: datetime
    sequence: int = 1
    size_bytes: int = 0
    verified: bool = True
    is_latest: bool = False
    pinned: bool = False
    pin_reason: str = ""
    being_read: bool = False


class CollectionCandidates(msgspec.Struct, frozen=True, kw_only=True):
    """One collection's files; `paths` are those of the candidates.

    `left` are files that this program did not write: name and reason. `refusal` is the error when the latest of this
    collection is unknown, so that nothing may be pruned. `warnings` name the damaged ones.
    """

    collection: str
    candidates: tuple[RetentionCandidate, ...] = ()
    paths: Mapping[str, str] = {}
    left: tuple[tuple[str, str], ...] = ()
    refusal: RestoreError | None = None
    warnings: tuple[str, ...] = ()
