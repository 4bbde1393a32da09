"""The outcome of pruning one collection."""

import msgspec

from restore.retention.rule import NO_RULE, KeptSnapshot


class DeletedSnapshot(msgspec.Struct, frozen=True):
    """A snapshot that was deleted, or would be in a dry run. Deleting it frees `size_bytes`."""

    file: str
    size_bytes: int


class DeleteFailure(msgspec.Struct, frozen=True):
    """A file that could not be deleted: its name, the exit status and the reason."""

    file: str
    status: int
    error: str


class PruneOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome for one collection; `status` is its exit status.

    `left` are files that this program did not write, with the reason. When nothing could be decided, `message` says
    why, without the collection's name.
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
