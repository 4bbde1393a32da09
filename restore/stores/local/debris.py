"""What a killed run left in a directory, told by names and sizes; only reads."""

import os
import stat
from pathlib import Path

import msgspec

from restore.errors import IntegrityError
from restore.snapshots.name import name_manifest
from restore.stores.layout import Kind, classify, name_documents
from restore.stores.local.reader import LocalStore


class DeletionIntent(msgspec.Struct, frozen=True):
    """The document that is written before a deletion begins: the file `delete`, of `size` bytes.

    After a kill the next run reads it and finishes the deletion.
    """

    delete: str
    size: int


def find_debris(store: LocalStore) -> tuple[str, ...]:
    """Return the names of what a killed run left: unfinished files, deletions that were begun, orphaned manifests.

    Without the store's lock, a living run may still be writing some of them.
    """
    # An unfinished file of ours is never a directory.
    debris = [name for name in store.list_names() if classify(name).kind is Kind.DEBRIS and _is_file(store, name)]
    # Manifests first: after a kill in between, the partial files that prove them ours are still there.
    return (*_find_begun_deletions(store, debris), *_find_orphans(store, debris), *debris) if debris else ()


def _is_file(store: LocalStore, name: str) -> bool:
    path = Path(store.path(name))
    return path.is_symlink() or not path.is_dir()


def _find_begun_deletions(store: LocalStore, debris: list[str]) -> list[str]:
    """Return the snapshots whose manifests a deletion has removed already, and the documents about them."""
    begun = []
    for name in debris:
        intent = _read_intent(store, name) if name.endswith(".json") else None
        if intent is None or classify(intent.delete).kind is not Kind.SNAPSHOT:
            continue
        path = Path(store.path(intent.delete))
        if Path(store.path(name_manifest(intent.delete))).exists():
            continue
        if os.path.lexists(path) and not _has_size(path, intent.size):
            # Another file has that name by now.
            continue
        names = (intent.delete, *name_documents(intent.delete))
        begun += [one for one in names if os.path.lexists(store.path(one))]
    return begun


def _read_intent(store: LocalStore, name: str) -> DeletionIntent | None:
    try:
        return msgspec.json.decode(store.read_document(name) or b"", type=DeletionIntent)
    except (IntegrityError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Not an intent of ours; it is removed as the other unfinished files are.
        return None


def _find_orphans(store: LocalStore, debris: list[str]) -> list[str]:
    """Return the manifests without their snapshots beside which lies a partial file of just the size they promise.

    Any other one stays: a person may be copying files here.
    """
    sizes = {Path(store.path(name)).lstat().st_size for name in debris}
    names = set(store.list_names())
    snapshots = [name.removesuffix(".json") for name in names if classify(name).kind is Kind.MANIFEST]
    orphans = []
    for snapshot in snapshots:
        if snapshot not in names and classify(snapshot).kind is Kind.SNAPSHOT:
            manifest = store.try_read_manifest(snapshot)
            if manifest and manifest.bytes_in_store in sizes:
                orphans.append(name_manifest(snapshot))
    return sorted(orphans)


def _has_size(path: Path, size: int) -> bool:
    found = path.lstat()
    return stat.S_ISREG(found.st_mode) and found.st_size == size
