"""Select a set by `latest`, `previous` or its id, and find out what is left of it."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec

from restore.errors import IntegrityError, NotFoundError, RefusedError, RestoreError
from restore.qdrant.collection_names import find_name_problem
from restore.sets.document import SetDocument, SetMember
from restore.snapshots.name import encode_collection
from restore.stores.layout import Kind, classify
from restore.system.text import format_count

_HINT = "qdrant-restore list --sets shows what there is"


class SetState(StrEnum):
    """How complete a set is. FAILURES: some snapshots failed. THINNED: some were deleted since."""

    WHOLE = "whole"
    FAILURES = "with failures"
    THINNED = "thinned"


class StoredSet(msgspec.Struct, frozen=True, kw_only=True):
    """A set's document, its file, and the members whose snapshots are not in the store any more."""

    file: str
    document: SetDocument
    missing: tuple[SetMember, ...] = ()

    @property
    def state(self) -> SetState:
        """Return how complete it is. Deleted snapshots count before failed ones."""
        if self.missing:
            return SetState.THINNED
        return SetState.FAILURES if self.document.failed else SetState.WHOLE


def find_document_problem(document: SetDocument) -> str:
    """Return why a set's document must not be used; empty if every member is a snapshot of its own collection."""
    if document.created.tzinfo is None:
        return "`created` has no time zone"
    seen: set[str] = set()
    for member in document.collections:
        name = member.collection
        if problem := find_name_problem(name):
            return f"collection '{name}' {problem}"
        if name in seen:
            return f"collection '{name}' stands twice"
        entry = classify(member.file)
        if entry.kind is not Kind.SNAPSHOT or entry.encoded != encode_collection(name):
            return f"'{member.file}' is no snapshot of collection '{name}'"
        seen.add(name)
    return ""


def find_set(document: SetDocument, file: str, files: Iterable[str]) -> StoredSet:
    """Compare a document with the store's files. Raise `IntegrityError` when the document must not be used."""
    if problem := find_document_problem(document):
        raise IntegrityError(f"'{file}' must not be followed: {problem}", hint="delete it; no run of ours wrote that")
    existing = frozenset(files)
    missing = tuple(member for member in document.collections if member.file not in existing)
    return StoredSet(file=file, document=document, missing=missing)


def select_set(found: Sequence[StoredSet], selector: str, *, store: str) -> StoredSet:
    """Return the set that `latest`, `previous` or the beginning of an id selects.

    `latest` and `previous` skip sets with failures, and sets of some collections where there are sets of all. Raise
    `NotFoundError` when there is none, `RefusedError` for a beginning that several ids share.
    """
    if selector not in {"latest", "previous"}:
        return _select_by_id(found, selector, store=store)
    good = [one for one in found if not one.document.failed]
    good = [one for one in good if one.document.whole] or good
    good.sort(key=lambda one: (one.document.created, one.file))
    index = -1 if selector == "latest" else -2
    if len(good) < -index:
        failing = sum(1 for one in found if one.document.failed)
        beside = f"; {failing} with failures, which is never taken by itself" if failing else ""
        raise NotFoundError(f"store '{store}' has no {selector} set{beside}", hint=_HINT)
    return good[index]


def _select_by_id(found: Sequence[StoredSet], selector: str, *, store: str) -> StoredSet:
    matching = [one for one in found if one.document.run_id.startswith(selector)]
    if not matching:
        raise NotFoundError(f"store '{store}' has no set '{selector}'", hint=_HINT)
    if len(matching) > 1:
        names = ", ".join(one.document.run_id for one in matching)
        raise RefusedError(f"'{selector}' is the beginning of {len(matching)} sets: {names}", hint="give more of it")
    return matching[0]


def incomplete_set_error(found: StoredSet) -> RestoreError | None:
    """Return the refusal of a set of which snapshots were deleted; None when all exist."""
    if not found.missing:
        return None
    gone = ", ".join(f"'{member.collection}'" for member in found.missing)
    return RefusedError(
        f"set {found.document.short_id} is not whole any more: {len(found.missing):,} of "
        f"{format_count(len(found.document.collections), 'snapshot')} gone ({gone})",
        left="nothing was changed",
        hint="restore what is left of it with --allow-incomplete, or take another set",
    )
