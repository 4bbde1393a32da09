"""What goes with snapshots to another store: their pins, and the documents of the sets they belong to.

What was checked does not: a record is about the bytes that were read, and those lie elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from restore.errors import RestoreError
from restore.retention.pin import Pin
from restore.sets.document import SetDocument
from restore.snapshots.document import read_document
from restore.stores.layout import PIN_SUFFIX, SET_SUFFIX
from restore.stores.protocols import Store, WritableStore
from restore.system.events import Log


def copy_pins(source: Store, target: WritableStore, there: Collection[str], log: Log) -> tuple[str, ...]:
    """Pin in the target what is pinned in the source and is `there`; gives the documents' names. None is ever taken.

    A pin that cannot be read is left, and told.
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
    """Copy the documents of the source's `sets` that the target lacks, once what they name has come; gives names.

    A set waits for a member that `failed` to come now, so that the target's latest set stays one that is there; and
    one of which nothing is in the target is no set of it.
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
