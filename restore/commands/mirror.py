"""`mirror`: copy to another store what it lacks, every byte compared; what is there stays, and nothing is deleted."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager

import msgspec

from restore.decisions.choosing import choose, warn_of_choice
from restore.decisions.mirror_report import (
    Copied,
    MirrorOutcome,
    MirrorReport,
    Uncopied,
    decide_status,
    report_failure,
    summarise,
)
from restore.decisions.settings import Settings
from restore.edges.clock import Clock
from restore.edges.reading import hold_reading
from restore.errors import IntegrityError, NotFoundError, RestoreError
from restore.steps.carry import carry
from restore.steps.hold import hold_store
from restore.words.log import Log, Progress
from restore.words.manifest import Manifest
from restore.words.store import SET_SUFFIX, Store, StoredSnapshot, WritableStore, explain_missing


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """The edges of one run, built by a door."""

    source: Store
    target: WritableStore
    clock: Clock
    log: Log
    progress: Progress


def run(settings: Settings, tools: Tools) -> MirrorReport:
    """Copy what the target lacks, oldest first; one failure does not stop the rest. A dry run only reads.

    Raises `NotFoundError` for a named collection of which nothing is in the source, and what keeps either store from
    being listed or the target from being locked.
    """
    begin = tools.clock.read_seconds()
    target = tools.target
    wanted, warnings = _choose(settings, tools)
    with _hold(settings, tools) as waited:
        removed = () if settings.dry_run else target.remove_debris(wanted)
        outcomes = tuple(_mirror(tools, name, dry_run=settings.dry_run) for name in wanted)
        sets = () if settings.dry_run else _copy_sets(tools)
    tools.progress.close()
    seconds = round(tools.clock.read_seconds() - begin, 3)
    return MirrorReport(
        source=tools.source.name,
        target=target.name,
        outcomes=outcomes,
        seconds=seconds,
        status=decide_status(outcomes),
        sets=sets,
        removed=removed,
        dry_run=settings.dry_run,
        lock_wait_seconds=waited,
        summary=summarise(outcomes, seconds),
        warnings=warnings,
    )


def _hold(settings: Settings, tools: Tools) -> AbstractContextManager[float]:
    if settings.dry_run:
        return contextlib.nullcontext(0.0)
    return hold_store(tools.target, tools.clock, tools.log, timeout_seconds=settings.lock_timeout_seconds)


def _mirror(tools: Tools, collection: str, *, dry_run: bool) -> MirrorOutcome:
    begin = tools.clock.read_seconds()
    outcome = _Mirroring(tools, collection, dry_run=dry_run).carry_out()
    return msgspec.structs.replace(outcome, seconds=round(tools.clock.read_seconds() - begin, 3))


def _choose(settings: Settings, tools: Tools) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the collections that are meant, and what is odd about the patterns."""
    there = tools.source.list_collections()
    for name in settings.collections:
        if name not in there:
            raise explain_missing(tools.source, name)
    if settings.collections:
        return settings.collections, ()
    where = f"store '{tools.source.name}'"
    warnings = warn_of_choice(there, settings.include, settings.exclude, doing="mirror", where=where)
    return choose(there, settings.include, settings.exclude), warnings


def _copy_sets(tools: Tools) -> tuple[str, ...]:
    """Copy the documents of sets that the target lacks; what they name may have been chosen only in part."""
    there = set(tools.target.list_documents(SET_SUFFIX))
    copied = []
    for name in tools.source.list_documents(SET_SUFFIX):
        text = None if name in there else tools.source.read_document(name)
        if text is not None and tools.target.write_document(name, text, create_only=True):
            copied.append(name)
    return tuple(copied)


class _Mirroring:
    """One collection's snapshots, from one store to the other."""

    def __init__(self, tools: Tools, collection: str, *, dry_run: bool) -> None:
        self._tools = tools
        self._collection = collection
        self._dry_run = dry_run
        self._copied: list[Copied] = []
        self._failed: list[Uncopied] = []
        self._present = 0

    def carry_out(self) -> MirrorOutcome:
        """Copy what is missing, then let the target's latest be the source's. Raises nothing expected."""
        try:
            for stored in self._tools.source.list_snapshots(self._collection):
                self._handle(stored)
            latest = "" if self._dry_run else self._move_latest()
        except RestoreError as error:
            self._failed.append(report_failure(self._collection, error))
            latest = ""
        for one in self._failed:
            self._tools.log("snapshot.not_mirrored", level="error", file=one.file, reason=one.error)
        return MirrorOutcome(
            collection=self._collection,
            copied=tuple(self._copied),
            present=self._present,
            failed=tuple(self._failed),
            latest=latest,
        )

    def _handle(self, stored: StoredSnapshot) -> None:
        """Copy one snapshot unless it is there. A failure is noted, and the next one comes."""
        try:
            manifest = self._tools.source.read_manifest(stored)
            if manifest is None:
                # A person's file: whoever put it there copies it too.
                self._tools.log("snapshot.left", file=stored.file, reason="it has no manifest")
                return
            if self._is_there(stored, manifest):
                self._present += 1
                return
            if not self._dry_run:
                self._copy(stored, manifest)
        except RestoreError as error:
            self._failed.append(report_failure(stored.file, error))
        else:
            self._copied.append(Copied(stored.file, stored.size))

    def _copy(self, stored: StoredSnapshot, manifest: Manifest) -> None:
        def tell(count: int) -> None:
            self._tools.progress(self._collection, count, stored.size)

        with hold_reading(stored.path) as is_there:
            if not is_there:
                raise NotFoundError(
                    f"snapshot '{stored.file}' is being deleted from store '{self._tools.source.name}'"
                )
            carry(self._tools.source, self._tools.target, stored, manifest, on_bytes=tell)
        self._tools.log("snapshot.mirrored", file=stored.file, size_bytes=stored.size)

    def _is_there(self, stored: StoredSnapshot, manifest: Manifest) -> bool:
        """Tell whether the target has this very snapshot. Raises `IntegrityError` when that name is another one's."""
        source, target = self._tools.source, self._tools.target
        there = target.find_snapshot(self._collection, stored.file)
        found = target.read_manifest(there) if there else None
        if found is None:
            return False
        if found.sha256 != manifest.sha256:
            raise IntegrityError(
                f"snapshot '{stored.file}' in store '{target.name}' is another one than in '{source.name}'",
                left="both are left as they are",
                hint="which one is right? 'qdrant-restore verify' with either --store; move the other one away",
            )
        return True

    def _move_latest(self) -> str:
        """Let the target's latest be the source's, unless its own is newer; gives the file that is latest."""
        source, target = self._tools.source, self._tools.target
        wanted, now = source.find_snapshot(self._collection), target.find_snapshot(self._collection)
        if wanted is None or target.find_snapshot(self._collection, wanted.file) is None:
            return now.file if now else ""
        if now is not None and _age(now) > _age(wanted):
            return now.file
        target.move_latest(self._collection, wanted.file)
        return wanted.file


def _age(stored: StoredSnapshot) -> tuple[str, int]:
    return (stored.created.isoformat() if stored.created else "", stored.sequence)
