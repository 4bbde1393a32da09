"""Look at a directory as a store. Only hidden files are made in it, and removed at once."""

from collections.abc import Iterator, Sequence

from restore.commands.doctor.finding import Finding, look_at
from restore.commands.doctor.store import StoreDoctor
from restore.errors import RestoreError
from restore.snapshots.name import name_latest
from restore.snapshots.stored import StoredSnapshot
from restore.stores.layout import Kind
from restore.stores.local.capabilities import DirectoryCapabilities, measure_files, measure_free, probe_directory
from restore.stores.protocols import find_missing_pointers
from restore.system.text import format_count

_NEEDED_ON_SERVER = 2


class DirectoryDoctor(StoreDoctor):
    """Looks at the store in a directory."""

    snapshot_kinds = frozenset({Kind.SNAPSHOT, Kind.SERVER_SNAPSHOT})

    def list_collections(self) -> Sequence[str]:
        """Return the collections that the store has something of."""
        return self.store.list_collections()

    def look_at_writing(self) -> Finding:
        """Try a file, its sync and a link."""
        return _judge_capabilities(probe_directory(self.store.name))

    def look_at_latest(self) -> Finding:
        """Follow every pointer. Raise a `RestoreError` that names every one that leads to no snapshot."""
        self.check_each_latest(self.store.find_snapshot)
        if missing := find_missing_pointers(self.store, self.entries):
            names = ", ".join(name_latest(name) for name in missing)
            hint = "was the store copied without its links? 'qdrant-restore snapshot' makes them again"
            return Finding.warning("latest", f"missing, the newest whole snapshot is taken: {names}", hint)
        pointers = sum(1 for entry in self.entries if entry.kind is Kind.LATEST)
        return Finding.ok("latest", f"{format_count(pointers, 'pointer')}, each leads to a snapshot")

    def look_at_space(self) -> Iterator[Finding]:
        """Yield whether another snapshot like the biggest one fits."""
        yield look_at("room", self._look_at_biggest)

    def _look_at_biggest(self) -> Finding:
        found = [stored for collection in self.collections for stored in self.store.list_snapshots(collection)]
        if not found:
            return Finding.skipped("room", "no snapshot whose size could be compared")
        return _judge_space(max(found, key=lambda stored: stored.size), measure_free(self.store.name))

    def judge_debris(self, files: Sequence[str]) -> Finding:
        """Return what unfinished files mean."""
        if not files:
            return Finding.ok("store leftovers", "none")
        message = f"{format_count(len(files), 'unfinished file')} of a killed run: {', '.join(files)}"
        return Finding.warning("store leftovers", message, "the next 'qdrant-restore snapshot' removes them")


def find_smallest_file(path: str) -> str | None:
    """Return the name of the store's smallest plain file; None when there is none, or no store."""
    try:
        sizes = measure_files(path)
    except RestoreError:
        return None
    return min(sizes, key=lambda name: (sizes[name], name), default=None)


def _judge_capabilities(found: DirectoryCapabilities) -> Finding:
    about = "store writing"
    if not found.writes:
        return Finding.skipped(about, f"read-only here ({found.why_not}): enough to restore, not to make snapshots")
    if not found.syncs:
        hint = "after a power cut a snapshot may be missing here that was reported as made"
        return Finding.warning(about, "files can be written, but this file system does not sync them (fsync)", hint)
    if not found.links:
        message = "files can be written and synced, links cannot be made"
        return Finding.warning(about, message, "latest is then a one-line text file; it is followed everywhere")
    return Finding.ok(about, "files can be written and synced, links be made and renamed")


def _judge_space(biggest: StoredSnapshot, free: int | None) -> Finding:
    needs = (
        f"restoring the biggest snapshot ('{biggest.collection}', {format_count(biggest.size, 'byte')}) takes up to "
        f"{format_count(_NEEDED_ON_SERVER * biggest.size, 'byte')} on the server's disk, which cannot be asked"
    )
    if free is None:
        return Finding.skipped("room", f"this file system does not say how much is free; {needs}")
    if free < biggest.size:
        few = f"{format_count(free, 'byte')} free in the store, too few for another such snapshot"
        return Finding.warning("room", f"{few}; {needs}", "free some room, or give another store with --store")
    return Finding.ok("room", f"{format_count(free, 'byte')} free in the store; {needs}")
