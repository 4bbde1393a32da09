"""What is asked of a restore, which snapshot the store has for it, and what is sent to the server."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from restore.errors import NotFoundError
from restore.recovery.policy_choices import Policies
from restore.snapshots.archive import Archive
from restore.snapshots.manifest import Manifest, Sample
from restore.snapshots.stored import StoredSnapshot


class SnapshotChoice(StrEnum):
    """How the snapshot was chosen, and what that means for a collection that holds points.

    LATEST: no snapshot was named. PINNED: a setting names one; it is checked, and the collection is skipped.
    REQUESTED: the command line names one; not to restore it is a refusal.
    """

    LATEST = "latest"
    PINNED = "pinned"
    REQUESTED = "requested"


class RestoreRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One collection to be restored. `named`: it was named by itself, not taken from a listing.

    `flags` are those of the command line that a command needs too to find the same server and store.
    `lost_aliases` are aliases that its snapshot had and that belong to another collection by a newer snapshot; each
    is a pair of the alias and that collection.
    """

    collection: str
    named: bool
    policies: Policies
    choice: SnapshotChoice = SnapshotChoice.LATEST
    flags: tuple[str, ...] = ()
    lost_aliases: tuple[tuple[str, str], ...] = ()

    @property
    def target(self) -> str:
        """The collection's name on the server."""
        return self.policies.to or self.collection

    def replace_command(self, candidate: SnapshotCandidate | MissingSnapshot | None = None) -> str:
        """Return the command that puts the snapshot in the collection's place; a named snapshot is named in it."""
        import shlex  # noqa: PLC0415 - boot: 1 ms

        words = ["restore", self.collection]
        if self.choice is not SnapshotChoice.LATEST:
            found = candidate.name if isinstance(candidate, SnapshotCandidate) else self.policies.snapshot
            words += ["--snapshot", found, *self.flags]
        if self.target != self.collection:
            words += ["--to", self.target]
        return shlex.join(["qdrant-restore", *words, "--on-existing", "replace"])


class SnapshotCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """A stored snapshot with what is known of it. `archive` is None until the file was looked into.

    `gap` says in words that upstream does not support its version on the target. `other_version`: its server was of
    another minor version than the target, supported or not. `older_than` says why the newest snapshot could not be
    used, empty when this is the newest. `notes` are what else is to be known of its choice.
    """

    stored: StoredSnapshot
    manifest: Manifest | None = None
    archive: Archive | None = None
    gap: str = ""
    other_version: bool = False
    older_than: str = ""
    notes: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a report of its restore warns of."""
        return (self.gap, *self.notes) if self.gap else self.notes

    @property
    def name(self) -> str:
        """The name of its file in the store, or its path where it lies elsewhere."""
        return self.stored.file if self.stored.in_store else self.stored.path

    @property
    def size(self) -> int:
        """How many bytes the server gets."""
        return self.manifest.size if self.manifest and self.stored.encoding else self.stored.size

    @property
    def config(self) -> dict[str, Any]:
        """The collection's configuration as the snapshot has it."""
        if self.archive:
            return self.archive.config
        return self.manifest.config if self.manifest else {}


class MissingSnapshot(msgspec.Struct, frozen=True):
    """No snapshot was found, or the decision needs none. `error` says where it would be looked for."""

    error: NotFoundError


class Unshown(StrEnum):
    """What it means that the server does not show a setting of the snapshot at all, not even as null."""

    DIFFERS = "differs"
    WARNS = "warns"
    IGNORED = "ignored"


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """What a restored collection is compared with.

    `points` is None without a manifest. Then no points at all are believable only with `may_be_empty`, and fewer
    than `fewest` never. `keeps_settings`: the collection existed and keeps its own settings, so that only vectors and
    shards are compared. `unshown` is about settings that the server does not show.
    """

    points: int | None
    points_exact: bool
    may_be_empty: bool
    fewest: int = 0
    config: dict[str, Any]
    payload_schema: dict[str, Any]
    samples: tuple[Sample, ...] = ()
    keeps_settings: bool = False
    unshown: Unshown = Unshown.DIFFERS


class TransferSource(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent to the server: a snapshot's path or URL, its size in bytes and its SHA-256.

    Size and checksum are those of the bytes that the server gets. `server_path` is the path under which the server
    sees the file, empty where it does not. `by_url`: the store can sign a URL for the server to read.
    `upload_name` is the name under which the server keeps an uploaded file.
    """

    target: str
    path: str
    server_path: str
    size: int
    checksum: str
    upload_name: str
    by_url: bool = False
