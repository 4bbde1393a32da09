"""Look at a bucket as a store: can it be asked, is each latest readable, what was left in it. Only reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from restore.commands.doctor.finding import Finding, find_failed, find_ok, find_skipped, find_warning
from restore.errors import RestoreError
from restore.stores.layout import Kind
from restore.stores.protocols import Store
from restore.system.text import format_count

_AHEAD = timedelta(minutes=5)


def diagnose_bucket(open_store: Callable[[], Store], now: datetime) -> Iterator[Finding]:
    """Look at the bucket that is opened. What it may write is not tried: that is `snapshot`'s to say."""
    try:
        store = open_store()
        entries = store.list_entries()
    except RestoreError as error:
        yield find_failed("store", error)
        return
    snapshots = [entry for entry in entries if entry.kind is Kind.SNAPSHOT]
    collections = sorted({entry.collection for entry in snapshots if entry.collection})
    yield find_ok(
        "store",
        f"'{store.name}' has {format_count(len(snapshots), 'snapshot')} of "
        f"{format_count(len(collections), 'collection')}",
    )
    yield find_skipped("store writing", "not tried, because that writes; restoring needs to read and list only")
    yield _look_at_latest(store, collections)
    left = [entry.file for entry in entries if entry.kind is Kind.DEBRIS]
    if left:
        message = f"{len(left):,} without a manifest, of killed runs: {', '.join(left[:3])}"
        yield find_warning("store leftovers", message, "nobody sees them; 'qdrant-restore prune' removes them")
    else:
        yield find_ok("store leftovers", "none that can be seen; parts of unfinished uploads only the provider shows")
    ahead = [entry.file for entry in snapshots if entry.created and entry.created > now + _AHEAD]
    if ahead:
        hint = "a clock was wrong when it was made, or is now; the name's time decides which snapshot is the newest"
        yield find_warning("store times", f"dated in the future: {', '.join(ahead)}", hint)


def _look_at_latest(store: Store, collections: list[str]) -> Finding:
    """Read the manifest of every collection's latest; the first that cannot be read fails."""
    try:
        for collection in collections:
            stored = store.find_snapshot(collection)
            if stored is not None:
                store.read_manifest(stored)
    except RestoreError as error:
        return find_failed("latest", error)
    return find_ok("latest", f"{len(collections):,} of them, each with its manifest")
