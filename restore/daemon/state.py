"""The scheduler's state that outlives its process: one document in the store, shared by the machines that use it."""

import msgspec

from restore.daemon.slots import JobRecord
from restore.stores.layout import SCHEDULE_FILE
from restore.stores.protocols import WritableDocumentStore


class SchedulerState(msgspec.Struct, frozen=True, kw_only=True):
    """The document, as JSON. Unknown fields are ignored. `metrics` is the text that Prometheus reads."""

    jobs: tuple[JobRecord, ...] = ()
    metrics: str = ""
    schema: int = 1


class StateStore:
    """The document in its store: read, and replaced only while it still is what was read."""

    def __init__(self, store: WritableDocumentStore) -> None:
        self._store = store
        self._seen: bytes | None = None

    def read(self) -> bytes | None:
        """Return what was written last; None when there is nothing. Raise `RestoreError`."""
        self._seen = self._store.read_document(SCHEDULE_FILE)
        return self._seen

    def write(self, content: bytes) -> bool:
        """Replace what was read last, as a whole. False: another machine did so first. Raise `RestoreError`."""
        return self._store.swap_document(SCHEDULE_FILE, self._seen, content)
