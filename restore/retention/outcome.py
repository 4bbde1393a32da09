"""What became of the snapshots of one collection when its retention rule was applied."""

from __future__ import annotations

import msgspec

from restore.retention.decision import NO_RULE, KeptSnapshot


class DeletedSnapshot(msgspec.Struct, frozen=True):
    """A snapshot that was deleted, or would be. `size_bytes` is what that frees."""

    file: str
    size_bytes: int


class DeleteFailure(msgspec.Struct, frozen=True):
    """Something that should have gone and is still there: its name, the exit status and the reason."""

    file: str
    status: int
    error: str


class PruneOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """One collection's end; `status` is its exit status.

    `left` are files that were not touched because they are not known to be ours, with the reason. `message` is a
    sentence without the name, when nothing could be decided.
    """

    collection: str
    status: int = 0
    kept: tuple[KeptSnapshot, ...] = ()
    pruned: tuple[DeletedSnapshot, ...] = ()
    failed: tuple[DeleteFailure, ...] = ()
    left: tuple[KeptSnapshot, ...] = ()
    message: str = ""
    hint: str = ""
    warnings: tuple[str, ...] = ()
    seconds: float | None = None

    @property
    def is_skipped(self) -> bool:
        """True if nothing was decided because no rule is set."""
        return bool(self.kept) and all(one.reasons == (NO_RULE,) for one in self.kept)

    @property
    def handled_bytes(self) -> int:
        """The size of all that was deleted, or would be."""
        return sum(one.size_bytes for one in self.pruned)

    @property
    def reason(self) -> str:
        """Why it failed: nothing could be decided, or some of it could not be deleted; empty when all went well."""
        return self.message or ", ".join(one.error for one in self.failed)
