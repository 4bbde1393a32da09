"""`list`: what rests in the store. Nothing is hidden; headers are read, never every byte."""

from datetime import datetime

from restore.checks.inventory import read_inventory
from restore.commands.factories import open_store
from restore.commands.list.report import ListReport, SetsReport, describe_list, describe_sets, summarise_set
from restore.commands.outcome import CommandResult
from restore.retention.pin import add_pins
from restore.sets.reader import list_sets
from restore.settings.model import Settings
from restore.stores.layout import Entry, select_shown
from restore.stores.protocols import Store, no_snapshot_error
from restore.system.clock import Clock
from restore.system.events import Log, Progress


def run(settings: Settings, store: Store, now: datetime) -> ListReport:
    """Report every file, or those of the collections that are named. Only reads.

    Records of checks that are later than `now` are left out. Raise `NotFoundError` for a named collection of which
    the store has nothing. Damage is in the report, and is no error.
    """
    entries = select_shown(store.list_entries())
    for name in settings.arguments:
        if not any(entry.collection == name for entry in entries):
            raise no_snapshot_error(store, name)
    wanted = [entry for entry in entries if _is_wanted(settings, entry)]
    return ListReport(
        store=store.name,
        files=add_pins(store, read_inventory(store, wanted, now)),
        warnings=_warn(settings, store, entries),
    )


def _warn(settings: Settings, store: Store, entries: tuple[Entry, ...]) -> tuple[str, ...]:
    if settings.arguments:
        return ()
    names = (entry.collection for entry in entries if entry.collection)
    return settings.patterns.warn(names, doing="list", where=f"store '{store.name}'")


def _is_wanted(settings: Settings, entry: Entry) -> bool:
    if settings.arguments:
        return entry.collection in settings.arguments
    if settings.patterns.include or settings.patterns.exclude:
        return entry.collection is not None and settings.patterns.is_selected(entry.collection)
    return True


def run_sets(store: Store) -> SetsReport:
    """Report what each run of `snapshot` made, and how much of it is in the store. Only reads."""
    found, damaged = list_sets(store)
    return SetsReport(store=store.name, sets=tuple(map(summarise_set, found)), damaged=tuple(damaged))


def main(settings: Settings, _log: Log, _progress: Progress) -> CommandResult:
    """Open the store, and list its files or its sets."""
    if settings.sets.show:
        sets = run_sets(open_store(settings))
        return CommandResult(sets, describe_sets(sets), sets.status)
    report = run(settings, open_store(settings), Clock().now())
    return CommandResult(report, describe_list(report), report.status)
