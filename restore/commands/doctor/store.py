"""Look at a store, whatever its kind: is it there, does every latest lead to a snapshot, what was left in it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from restore.commands.doctor.finding import Finding, look_at
from restore.errors import RestoreError, add_facts
from restore.stores.layout import Kind
from restore.stores.protocols import Store
from restore.system.text import format_count

# Two clocks may differ by this much.
_AHEAD = timedelta(minutes=5)
_WRONG_CLOCK = "a clock was wrong when it was made, or is now; the name's time decides which snapshot is the newest"


class StoreDoctor(ABC):
    """The looks that every opened store gets; a directory and a bucket say how each is done."""

    snapshot_kinds: frozenset[Kind]

    def __init__(self, store: Store) -> None:
        self.store = store
        self.entries = store.list_entries()
        self.snapshots = [entry for entry in self.entries if entry.kind in self.snapshot_kinds]
        self.collections = self.list_collections()

    @abstractmethod
    def list_collections(self) -> Sequence[str]:
        """Return the collections that the store has something of."""

    @abstractmethod
    def look_at_writing(self) -> Finding:
        """Return whether snapshots can be written."""

    @abstractmethod
    def look_at_latest(self) -> Finding:
        """Return whether each latest can be restored. Raise a `RestoreError` that names every one that cannot."""

    def check_each_latest(self, check: Callable[[str], object]) -> None:
        """Check every collection's latest. Raise the first error, with the sentences of all."""
        errors = []
        for collection in self.collections:
            try:
                check(collection)
            except RestoreError as error:
                errors.append(error)
        if errors:
            raise add_facts(errors[0], message="; ".join(error.message for error in errors)) from errors[0]

    @abstractmethod
    def look_at_space(self) -> Iterator[Finding]:
        """Yield whether the next snapshot has room, where that can be known."""

    @abstractmethod
    def judge_debris(self, files: Sequence[str]) -> Finding:
        """Return what the files mean that killed runs left in the store; there may be none."""

    def diagnose(self, now: datetime) -> Iterator[Finding]:
        """Yield every finding."""
        snapshots = format_count(len(self.snapshots), "snapshot")
        collections = format_count(len(self.collections), "collection")
        yield Finding.ok("store", f"'{self.store.name}' has {snapshots} of {collections}")
        yield look_at("store writing", self.look_at_writing)
        yield look_at("latest", self.look_at_latest)
        yield from self.look_at_space()
        yield self.judge_debris([entry.file for entry in self.entries if entry.kind is Kind.DEBRIS])
        ahead = [entry.file for entry in self.snapshots if entry.created and entry.created > now + _AHEAD]
        if ahead:
            yield Finding.warning("store times", f"dated in the future: {', '.join(ahead)}", _WRONG_CLOCK)


def diagnose_store(open_store: Callable[[], StoreDoctor], now: datetime) -> Iterator[Finding]:
    """Yield every finding about a store; only one when it cannot be opened and listed."""
    try:
        doctor = open_store()
    except RestoreError as error:
        yield Finding.failed("store", error)
        return
    yield from doctor.diagnose(now)
