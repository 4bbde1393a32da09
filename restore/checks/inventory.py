"""What rests in a store: each file checked by its headers, with what its earlier checks recorded."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from restore.checks.check_file import check_file
from restore.checks.file_report import FileReport, mark_latest, mark_newest
from restore.checks.recorder import add_checks
from restore.stores.layout import Entry
from restore.stores.protocols import Store
from restore.system.events import no_op


def read_inventory(
    store: Store, entries: Iterable[Entry], now: datetime, *, on_file: Callable[[], None] = no_op
) -> tuple[FileReport, ...]:
    """Return a report for each of these entries, the latest marked. Only reads, and of snapshots only the headers.

    Records of checks that are later than `now` are left out. `on_file` is called before each file: a store may have
    very many. Damage is in the report, and is no error.
    """

    def check() -> Iterator[FileReport]:
        for entry in entries:
            on_file()
            yield check_file(store, entry)

    files = add_checks(store, check(), now)
    return mark_latest(files) if store.has_pointers else mark_newest(files)
