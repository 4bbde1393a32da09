"""Look at a store: is it there, what can be done in it, does every latest lead somewhere, what was left in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from restore.commands.doctor.finding import Finding, find_failed, find_ok, find_skipped, find_warning
from restore.errors import RestoreError
from restore.snapshots.name import parse_latest
from restore.snapshots.stored import StoredSnapshot
from restore.stores.layout import Kind
from restore.stores.local.capabilities import DirectoryCapabilities, measure_files, measure_free, probe_directory
from restore.stores.local.reader import LocalStore, open_local_store
from restore.system.text import format_count

_AHEAD = timedelta(minutes=5)
_NEEDED_ON_SERVER = 2


def diagnose_directory(path: str, now: datetime) -> Iterator[Finding]:
    """Look at the store in `path`. Only hidden files are made in it, and removed at once."""
    try:
        store = open_local_store(path)
        entries = store.list_entries()
    except RestoreError as error:
        yield find_failed("store", error)
        return
    snapshots = [entry for entry in entries if entry.kind in {Kind.SNAPSHOT, Kind.SERVER_SNAPSHOT}]
    collections = store.list_collections()
    own_marker = f"{_count(len(snapshots), 'snapshot')} of {_count(len(collections), 'collection')}"
    yield find_ok("store", f"'{path}' has {own_marker}")
    yield _guard("store writing", lambda: _judge_ability(probe_directory(path)))
    yield _guard("latest", lambda: _look_at_latest(store, collections))
    yield _guard("room", lambda: _look_at_room(store, collections))
    left = [entry.file for entry in entries if entry.kind is Kind.DEBRIS]
    if left:
        message = f"{_count(len(left), 'unfinished file')} of a killed run: {', '.join(left)}"
        yield find_warning("store leftovers", message, "the next 'qdrant-restore snapshot' removes them")
    else:
        yield find_ok("store leftovers", "none")
    ahead = [entry.file for entry in entries if entry.created and entry.created > now + _AHEAD]
    if ahead:
        hint = "a clock was wrong when it was made, or is now; the name's time decides which snapshot is the newest"
        yield find_warning("store times", f"dated in the future: {', '.join(ahead)}", hint)


def find_smallest_file(path: str) -> str | None:
    """Give the name of the store's smallest plain file; None when there is none, or no store."""
    try:
        sizes = measure_files(path)
    except RestoreError:
        return None
    return min(sizes, key=lambda name: (sizes[name], name), default=None)


def _judge_ability(found: DirectoryCapabilities) -> Finding:
    about = "store writing"
    if not found.writes:
        return find_skipped(about, f"read-only here ({found.why_not}): enough to restore, not to make snapshots")
    if not found.syncs:
        hint = "after a power cut a snapshot may be missing here that was reported as made"
        return find_warning(about, "files can be written, but this file system does not sync them (fsync)", hint)
    if not found.links:
        message = "files can be written and synced, links cannot be made"
        return find_warning(about, message, "latest is then a one-line text file; it is followed everywhere")
    return find_ok(about, "files can be written and synced, links be made and renamed")


def _look_at_latest(store: LocalStore, collections: tuple[str, ...]) -> Finding:
    """Follow every pointer; the first that leads nowhere fails."""
    pointers = [name for name in store.list_names() if parse_latest(name)]
    for collection in collections:
        store.find_snapshot(collection)
    return find_ok("latest", f"{_count(len(pointers), 'pointer')}, each leads to a snapshot")


def _look_at_room(store: LocalStore, collections: tuple[str, ...]) -> Finding:
    found = [stored for collection in collections for stored in store.list_snapshots(collection)]
    if not found:
        return find_skipped("room", "no snapshot whose size could be compared")
    return _judge_room(max(found, key=lambda stored: stored.size), measure_free(store.name))


def _judge_room(biggest: StoredSnapshot, free: int | None) -> Finding:
    needs = (
        f"restoring the biggest snapshot ('{biggest.collection}', {format_count(biggest.size, 'byte')}) takes up to "
        f"{format_count(_NEEDED_ON_SERVER * biggest.size, 'byte')} on the server's disk, which nobody can ask"
    )
    if free is None:
        return find_skipped("room", f"this file system does not say how much is free; {needs}")
    if free < biggest.size:
        few = f"{format_count(free, 'byte')} free in the store, too few for another such snapshot"
        return find_warning("room", f"{few}; {needs}", "free some room, or give another store with --store")
    return find_ok("room", f"{format_count(free, 'byte')} free in the store; {needs}")


def _guard(about: str, state: Callable[[], Finding]) -> Finding:
    try:
        return state()
    except RestoreError as error:
        return find_failed(about, error)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
