"""`pin` and `unpin`: exempt snapshots from every retention rule, and end that."""

from collections.abc import Callable

from restore.commands.factories import open_existing
from restore.commands.outcome import CommandResult, decide_status
from restore.commands.pin.report import PinOutcome, PinReport, describe
from restore.errors import NotFoundError, RestoreError
from restore.retention.pin import Pin, name_pin
from restore.settings.model import Settings
from restore.snapshots.document import write_document
from restore.stores.layout import PIN_SUFFIX, Kind, classify
from restore.stores.protocols import WritableStore
from restore.system.clock import Clock
from restore.system.events import Log, Progress


def pin(settings: Settings, store: WritableStore, clock: Clock) -> PinReport:
    """Pin snapshots named by file or by collection (then its latest). Pinning again replaces the reason."""
    document = write_document(Pin(reason=settings.maintenance.pin_reason, at=clock.now().replace(microsecond=0)))

    def write_pin(file: str) -> bool:
        return store.write_document(name_pin(file), document)

    with store.lock(settings.limits.lock_timeout_seconds):
        outcomes = tuple(_change(store, argument, write_pin) for argument in dict.fromkeys(settings.arguments))
    return _report(store, outcomes, pinned=True)


def unpin(settings: Settings, store: WritableStore) -> PinReport:
    """Remove the pins of these snapshots; one without a pin stays as it is."""

    def delete_pin(file: str) -> bool:
        return store.delete_document(name_pin(file))

    with store.lock(settings.limits.lock_timeout_seconds):
        # A pin is removed also when its snapshot is gone.
        pins = frozenset(store.list_documents(PIN_SUFFIX))
        outcomes = tuple(
            PinOutcome(snapshot=argument, changed=delete_pin(argument))
            if name_pin(argument) in pins
            else _change(store, argument, delete_pin)
            for argument in dict.fromkeys(settings.arguments)
        )
    return _report(store, outcomes, pinned=False)


def _change(store: WritableStore, argument: str, change: Callable[[str], bool]) -> PinOutcome:
    try:
        file = _find_file(store, argument)
        return PinOutcome(snapshot=file, changed=change(file))
    except RestoreError as error:
        return PinOutcome(snapshot=argument, status=error.status, message=str(error), hint=error.hint)


def _find_file(store: WritableStore, argument: str) -> str:
    """Return the file that the argument names, or the latest of the collection it names. Raise `NotFoundError`."""
    entry = classify(argument)
    if entry.kind in {Kind.SNAPSHOT, Kind.SERVER_SNAPSHOT}:
        return store.open_entry(entry).file
    stored = store.find_snapshot(argument)
    if stored is None or classify(stored.file).kind is Kind.LATEST:
        raise NotFoundError(
            f"'{argument}' is neither a snapshot in store '{store.name}' nor a collection with a latest",
            hint="qdrant-restore list shows what is there",
        )
    return stored.file


def _report(store: WritableStore, outcomes: tuple[PinOutcome, ...], *, pinned: bool) -> PinReport:
    return PinReport(store=store.name, pinned=pinned, outcomes=outcomes, status=decide_status(outcomes))


def main(settings: Settings, _log: Log, _progress: Progress) -> CommandResult:
    """Open the store, and run `pin`."""
    report = pin(settings, open_existing(settings), Clock())
    return CommandResult(report, describe(report), report.status)


def unpin_main(settings: Settings, _log: Log, _progress: Progress) -> CommandResult:
    """Open the store, and run `unpin`."""
    report = unpin(settings, open_existing(settings))
    return CommandResult(report, describe(report), report.status)
