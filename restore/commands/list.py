"""`list`: what rests in the store. Nothing is hidden; headers are read, never every byte."""

from __future__ import annotations

from restore.decisions.settings import Settings
from restore.decisions.store_report import ListReport, mark_latest
from restore.steps.assess import assess
from restore.steps.record import add_checks
from restore.words.store import Store, explain_missing, select_shown


def run(settings: Settings, store: Store) -> ListReport:
    """Look at every file, or at those of the collections named. Only reads.

    Raises `NotFoundError` for a named collection of which nothing is there. Damage is shown, and is no failure.
    """
    entries = select_shown(store.list_entries())
    for name in settings.arguments:
        if not any(entry.collection == name for entry in entries):
            raise explain_missing(store, name)
    wanted = [entry for entry in entries if not settings.arguments or entry.collection in settings.arguments]
    files = add_checks(store, (assess(store, entry) for entry in wanted))
    return ListReport(store=store.name, files=mark_latest(files))
