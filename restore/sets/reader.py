"""Read the documents of sets, and compare their members with the files."""

from restore.errors import IntegrityError, RestoreError
from restore.sets.document import SetDocument, SetMember
from restore.sets.selection import StoredSet, find_set
from restore.snapshots.document import read_document
from restore.stores.layout import SET_SUFFIX, Kind, classify
from restore.stores.protocols import Store


def list_sets(store: Store) -> tuple[list[StoredSet], list[tuple[str, str]]]:
    """Return every set, oldest first, and the damaged documents, each with the reason."""
    documents, damaged = read_sets(store)
    if not documents:
        return [], damaged
    files = [entry.file for entry in store.list_entries()]
    found = [find_set(document, name, files) for name, document in documents]
    return sorted(found, key=lambda one: (one.document.created, one.file)), damaged


def read_sets(store: Store) -> tuple[list[tuple[str, SetDocument]], list[tuple[str, str]]]:
    """Return the documents of all sets with their names, and the names of damaged ones, each with the reason."""
    found: list[tuple[str, SetDocument]] = []
    damaged: list[tuple[str, str]] = []
    for name in store.list_documents(SET_SUFFIX):
        if classify(name).kind is not Kind.SET:
            continue
        try:
            document = _read(store, name)
            find_set(document, name, ())
            found.append((name, document))
        except RestoreError as error:
            damaged.append((name, str(error)))
    return found, damaged


def _read(store: Store, name: str) -> SetDocument:
    text = store.read_document(name)
    if text is None:
        raise IntegrityError(f"'{name}' is gone")
    return read_document(text, SetDocument, where=name)


def find_member_problem(store: Store, member: SetMember) -> RestoreError | None:
    """Return the error if a member's file is not the one that the set names; None if it is."""
    try:
        stored = store.find_snapshot(member.collection, member.file)
        manifest = store.read_manifest(stored) if stored else None
    except RestoreError as error:
        return error
    if manifest is None or manifest.sha256 != member.sha256:
        return IntegrityError(
            f"snapshot '{member.file}' is not the one that the set names: another checksum, or no manifest",
            hint=f"look at it: qdrant-restore verify {member.file}; it can be restored by itself with --snapshot",
        )
    return None
