"""Look at a bucket as a store. Only reads."""

from collections.abc import Iterator, Sequence

from restore.commands.doctor.finding import Finding
from restore.commands.doctor.store import StoreDoctor
from restore.stores.layout import Kind


class BucketDoctor(StoreDoctor):
    """Looks at a bucket."""

    snapshot_kinds = frozenset({Kind.SNAPSHOT})

    def list_collections(self) -> Sequence[str]:
        """Return the collections in the names of the snapshots: listing them would be another request."""
        return sorted({entry.collection for entry in self.snapshots if entry.collection})

    def look_at_writing(self) -> Finding:
        """Return that it was not tried."""
        return Finding.skipped(
            "store writing", "not tried, because that writes; restoring needs to read and list only"
        )

    def look_at_latest(self) -> Finding:
        """Read the manifest of every collection's latest. Raise a `RestoreError` that names all that cannot."""

        def check(collection: str) -> None:
            if stored := self.store.find_snapshot(collection):
                self.store.read_manifest(stored)

        self.check_each_latest(check)
        return Finding.ok("latest", f"{len(self.collections):,} of them, each with its manifest")

    def look_at_space(self) -> Iterator[Finding]:
        """Yield nothing: a bucket does not say how much fits."""
        yield from ()

    def judge_debris(self, files: Sequence[str]) -> Finding:
        """Return what snapshots without a manifest mean."""
        if not files:
            message = "none that can be seen; parts of unfinished uploads only the provider shows"
            return Finding.ok("store leftovers", message)
        message = f"{len(files):,} without a manifest, of killed runs: {', '.join(files[:3])}"
        return Finding.warning("store leftovers", message, "not listed; 'qdrant-restore prune' removes them")
