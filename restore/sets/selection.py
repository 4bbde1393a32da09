"""Which set a person means, and what is left of each."""

from __future__ import annotations

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
    """How much of a set there is."""

    WHOLE = "whole"
    FAILURES = "with failures"
    THINNED = "thinned"


class StoredSet(msgspec.Struct, frozen=True, kw_only=True):
    """A set's document, the file it stands in, and the members whose snapshots are not in the store any more."""

    file: str
    document: SetDocument
    missing: tuple[SetMember, ...] = ()

    @property
    def state(self) -> SetState:
        """Say how much of it there is; what is not there any more counts before what never was."""
        if self.missing:
            return SetState.THINNED
        return SetState.FAILURES if self.document.failed else SetState.WHOLE


def find_document_problem(document: SetDocument) -> str:
    """Say why a set's document must not be followed; empty when every member is a snapshot of its own collection."""
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
    """Compare a document with the files that are there. Raises `IntegrityError` when it must not be followed."""
    if problem := find_document_problem(document):
        raise IntegrityError(f"'{file}' must not be followed: {problem}", hint="delete it; no run of ours wrote that")
    there = frozenset(files)
    missing = tuple(member for member in document.collections if member.file not in there)
    return StoredSet(file=file, document=document, missing=missing)


def select_set(found: Sequence[StoredSet], selector: str, *, store: str) -> StoredSet:
    """Give the set meant by `latest`, `previous` or the beginning of an id.

    A set with failures is neither latest nor previous, and where sets of all collections were made, sets of some are
    not either. Raises `NotFoundError`; `RefusedError` for a beginning that several ids share.
    """
    if selector not in {"latest", "previous"}:
        return _pick_by_id(found, selector, store=store)
    good = [one for one in found if not one.document.failed]
    good = [one for one in good if one.document.whole] or good
    good.sort(key=lambda one: (one.document.created, one.file))
    place = -1 if selector == "latest" else -2
    if len(good) < -place:
        failing = sum(1 for one in found if one.document.failed)
        beside = f"; {failing} with failures, which is never taken by itself" if failing else ""
        raise NotFoundError(f"store '{store}' has no {selector} set{beside}", hint=_HINT)
    return good[place]


def _pick_by_id(found: Sequence[StoredSet], selector: str, *, store: str) -> StoredSet:
    meant = [one for one in found if one.document.run_id.startswith(selector)]
    if not meant:
        raise NotFoundError(f"store '{store}' has no set '{selector}'", hint=_HINT)
    if len(meant) > 1:
        names = ", ".join(one.document.run_id for one in meant)
        raise RefusedError(f"'{selector}' is the beginning of {len(meant)} sets: {names}", hint="give more of it")
    return meant[0]


def incomplete_set_error(found: StoredSet) -> RestoreError | None:
    """Give the refusal of a set of which a part is gone; None when all of it is there."""
    if not found.missing:
        return None
    gone = ", ".join(f"'{member.collection}'" for member in found.missing)
    return RefusedError(
        f"set {found.document.short_id} is not whole any more: {len(found.missing):,} of "
        f"{format_count(len(found.document.collections), 'snapshot')} gone ({gone})",
        left="nothing was changed",
        hint="restore what is left of it with --allow-incomplete, or take another set",
    )
