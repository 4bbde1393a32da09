"""Copy to another store what belongs to snapshots: their pins, and the documents of their sets.

Records of checks are not copied: they are about the bytes in the store that was checked.
"""

from collections.abc import Collection, Iterable

from restore.errors import RestoreError
from restore.retention.pin import Pin
from restore.sets.document import SetDocument
from restore.snapshots.document import read_document
from restore.stores.layout import PIN_SUFFIX, SET_SUFFIX
from restore.stores.protocols import Store, WritableStore
from restore.system.events import Log


def copy_pins(source: Store, target: WritableStore, there: Collection[str], log: Log) -> tuple[str, ...]:
    """Copy the pins of snapshots that are `there` in the target. Return the names of the copied documents.

    The target's own pins stay. A pin that cannot be read is logged and left.
    """
    known = set(target.list_documents(PIN_SUFFIX))
    copied = []
    for name in source.list_documents(PIN_SUFFIX):
        if name in known or name.removesuffix(PIN_SUFFIX) not in there:
            continue
        try:
            text = source.read_document(name)
            if text is not None:
                read_document(text, Pin, where=name)
        except RestoreError as error:
            log("pin.left", level="warning", file=name, reason=str(error))
            continue
        if text is not None and target.write_document(name, text, create_only=True):
            copied.append(name)
    return tuple(copied)


def copy_sets(
    source: Store, target: WritableStore, sets: Iterable[tuple[str, SetDocument]], failed: Collection[str]
) -> tuple[str, ...]:
    """Copy the documents of the source's `sets` that the target lacks. Return the names of the copied documents.

    A set with a member that `failed` to be copied waits for the next run, so that the target's latest set stays
    complete. A set without any snapshot in the target is not copied.
    """
    known = set(target.list_documents(SET_SUFFIX))
    missing = [(name, document) for name, document in sets if name not in known]
    there = {entry.file for entry in target.list_entries()} if missing else set()
    copied = []
    for name, document in missing:
        files = [member.file for member in document.collections]
        text = source.read_document(name)
        if text is None or not there.intersection(files) or not set(failed).isdisjoint(files):
            continue
        if target.write_document(name, text, create_only=True):
            copied.append(name)
    return tuple(copied)
