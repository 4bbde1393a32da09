"""Read the snapshots that retention decides about, with what protects them.

A file may be deleted only if this program wrote it: its name is one that this program gives, and its manifest exists,
was written by this program and agrees with the name and the size. All other files are left and reported.
"""

import contextlib
from collections.abc import Callable

import msgspec

from restore.checks.record import FailedCheck, find_damage, name_check, parse_check
from restore.errors import IntegrityError, RestoreError
from restore.retention.model import CollectionCandidates, RetentionCandidate
from restore.retention.pin import name_pin, read_reason
from restore.snapshots.manifest import Manifest
from restore.snapshots.name import encode_collection
from restore.snapshots.stored import StoredSnapshot
from restore.stores.layout import CHECK_SUFFIX, PIN_SUFFIX, Entry, Kind, classify, find_pointer_problem
from restore.stores.protocols import WritableStore

_OURS = "qdrant-restore"
_SNAPSHOTS = frozenset({Kind.SNAPSHOT, Kind.SERVER_SNAPSHOT})


class _Protection:
    """What protects files by name: pins, and pointers or a user's own links that lead to them."""

    def __init__(self, store: WritableStore, names: frozenset[str]) -> None:
        self._links = store.list_links()
        self._names = names
        self.targets = frozenset(target.removeprefix("./") for target in self._links.values())
        self.pinned = frozenset(name.removesuffix(PIN_SUFFIX) for name in store.list_documents(PIN_SUFFIX))
        self.checked = frozenset(name.removesuffix(CHECK_SUFFIX) for name in store.list_documents(CHECK_SUFFIX))

    def find_problem(self, pointer: Entry) -> str:
        """Return why a collection's pointer leads to no latest snapshot; empty if it does."""
        if pointer.file not in self._links:
            # A plain file: it is the latest itself.
            return ""
        target = self._links[pointer.file].removeprefix("./")
        problem = find_pointer_problem(target)
        if not problem and target not in self._names:
            problem = "which is not there"
        found = classify(target)
        if not problem and found.kind is Kind.SNAPSHOT and found.encoded != pointer.encoded:
            problem = "a snapshot of another collection"
        return f"'{pointer.file}' points to '{target}', {problem}" if problem else ""


def find_candidates(
    store: WritableStore, is_wanted: Callable[[str], bool], *, without: frozenset[str] = frozenset()
) -> tuple[CollectionCandidates, ...]:
    """Return the candidates of each collection for which `is_wanted` is true, sorted by collection.

    The files in `without` count as deleted. It costs one listing, and one manifest for each snapshot.
    """
    entries = [entry for entry in store.list_entries() if entry.file not in without]
    protection = _Protection(store, frozenset(entry.file for entry in entries))
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.collection is not None and is_wanted(entry.collection):
            groups.setdefault(entry.collection, []).append(entry)
    return tuple(_find_in_collection(store, name, groups[name], protection) for name in sorted(groups))


def _find_in_collection(
    store: WritableStore, collection: str, entries: list[Entry], protection: _Protection
) -> CollectionCandidates:
    pointers = [entry for entry in entries if entry.kind is Kind.LATEST]
    problems = [problem for pointer in pointers if (problem := protection.find_problem(pointer))]
    if problems:
        refusal = IntegrityError(
            f"collection '{collection}': {problems[0]}, so it is not known which snapshot is its latest",
            left="nothing of it was deleted",
            hint=f"make a new one: qdrant-restore snapshot {collection}; or link it to one that is there",
        )
        return CollectionCandidates(collection=collection, refusal=refusal)
    candidates: list[RetentionCandidate] = []
    paths: dict[str, str] = {}
    left: list[tuple[str, str]] = []
    for entry in entries:
        if entry.kind not in _SNAPSHOTS:
            continue
        try:
            stored, manifest = _read(store, entry, collection)
        except RestoreError as error:
            left.append((entry.file, str(error)))
            continue
        paths[entry.file] = stored.path
        pinned, is_latest = entry.file in protection.pinned, entry.file in protection.targets
        candidates.append(make_candidate(stored, manifest, pinned=pinned, is_latest=is_latest))
    if not pointers:
        candidates = _mark_newest(candidates)
    candidates, warnings = _mark_damaged(store, candidates, protection)
    candidates = [_add_reason(store, one) if one.pinned else one for one in candidates]
    return CollectionCandidates(
        collection=collection, candidates=tuple(candidates), paths=paths, left=tuple(left), warnings=warnings
    )


def _read(store: WritableStore, entry: Entry, collection: str) -> tuple[StoredSnapshot, Manifest]:
    """Return a file that this program wrote, with its manifest. Raise `RestoreError` for any other file."""
    if entry.kind is not Kind.SNAPSHOT or entry.encoded != encode_collection(collection):
        raise IntegrityError("its name is not one that this program gives")
    stored = store.open_entry(entry)
    manifest = store.read_manifest(stored)
    if manifest is None:
        raise IntegrityError("it has no manifest")
    if not manifest.written_by.startswith(_OURS):
        raise IntegrityError("its manifest was not written by this program")
    return stored, manifest


def make_candidate(
    stored: StoredSnapshot, manifest: Manifest, *, pinned: bool, is_latest: bool = False
) -> RetentionCandidate:
    """Return a snapshot as the retention rule sees it."""
    return RetentionCandidate(
        file=stored.file,
        collection=manifest.collection,
        created=manifest.created,
        sequence=stored.sequence,
        size_bytes=stored.size,
        verified=not manifest.held_back,
        is_latest=is_latest,
        pinned=pinned,
    )


def _mark_newest(candidates: list[RetentionCandidate]) -> list[RetentionCandidate]:
    """Mark the newest as latest: without a pointer, it is what a restore takes."""
    verified = [one for one in candidates if one.verified]
    if not verified:
        return candidates
    newest = max(verified, key=lambda one: (one.created, one.sequence, one.file))
    return [msgspec.structs.replace(one, is_latest=True) if one is newest else one for one in candidates]


def _mark_damaged(
    store: WritableStore, candidates: list[RetentionCandidate], protection: _Protection
) -> tuple[list[RetentionCandidate], tuple[str, ...]]:
    """Mark candidates that a check found damaged as not verified; return warnings about them.

    Otherwise a broken file could be kept in place of the last good one.
    """
    found, warnings = [], []
    for one in candidates:
        damage = _find_damage(store, one) if one.file in protection.checked else None
        found.append(msgspec.structs.replace(one, verified=False) if damage else one)
        if damage:
            warnings.append(
                f"'{one.file}' was found damaged on {damage.at:%Y-%m-%d} and counts for no rule: {damage.problem}"
            )
    return found, tuple(warnings)


def _find_damage(store: WritableStore, one: RetentionCandidate) -> FailedCheck | None:
    name = name_check(one.file)
    with contextlib.suppress(RestoreError):
        return find_damage(parse_check(store.read_document(name), name), size=one.size_bytes)
    return None


def _add_reason(store: WritableStore, one: RetentionCandidate) -> RetentionCandidate:
    """Add the reason of its pin; empty when the pin cannot be read, which pins all the same."""
    reason = ""
    with contextlib.suppress(RestoreError):
        reason = read_reason(store.read_document(name_pin(one.file)))
    return msgspec.structs.replace(one, pin_reason=reason)
