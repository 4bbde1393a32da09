"""What is asked of a restore, what a store offers for it, and what is sent to the server."""

from __future__ import annotations

from typing import Any

import msgspec

from restore.recovery.policy import Policies
from restore.snapshots.archive import Archive
from restore.snapshots.manifest import Manifest, Sample
from restore.snapshots.stored import StoredSnapshot


class RestoreRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One collection that was asked for. `named` says it was named by itself, not taken from a listing.

    `yields` are aliases that its snapshot had and that are another one's by a newer snapshot, each with whose.
    """

    collection: str
    named: bool
    policies: Policies
    lost_aliases: tuple[tuple[str, str], ...] = ()

    @property
    def target(self) -> str:
        """Give the collection's name on the server."""
        return self.policies.to or self.collection


class SnapshotCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """A stored snapshot with what is known of it. `archive` is None until somebody looked inside.

    `gap` says that its server was of another version than the target's, in words; `older_than` names the newest
    snapshot when that one could not be used.
    """

    stored: StoredSnapshot
    manifest: Manifest | None = None
    archive: Archive | None = None
    gap: str = ""
    older_than: str = ""

    @property
    def name(self) -> str:
        """Give what finds it again: its file's name in the store, or its path where it lies elsewhere."""
        return self.stored.file if self.stored.in_store else self.stored.path

    @property
    def size(self) -> int:
        """Give how many bytes the server gets."""
        return self.manifest.size if self.manifest and self.stored.encoding else self.stored.size

    @property
    def config(self) -> dict[str, Any]:
        """Give the collection's configuration as the snapshot has it."""
        if self.archive:
            return self.archive.config
        return self.manifest.config if self.manifest else {}


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """What a restored collection is compared with.

    `points` is None without a manifest; then `may_be_empty` tells whether no points at all are believable, and
    fewer than `fewest` are not.
    `keeps_settings` says that the collection existed and its own settings win: only vectors and shards count.
    """

    points: int | None
    points_exact: bool
    may_be_empty: bool
    fewest: int = 0
    config: dict[str, Any]
    payload_schema: dict[str, Any]
    samples: tuple[Sample, ...] = ()
    keeps_settings: bool = False


class TransferSource(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot (`path` here or its URL, `server_path` as the server sees it or empty), its size and its SHA-256.

    `by_url`: the store can give the server a URL to read it from. Size and checksum are those of the server's bytes.
    `upload_name` is the name under which the server keeps an uploaded file.
    """

    target: str
    path: str
    server_path: str
    size: int
    checksum: str
    upload_name: str
    by_url: bool = False
