"""`mirror`: copy to another store the snapshots that it lacks, every byte compared, with their pins and sets.

What the target has is never changed, and nothing is deleted there unless a rule of its own is given.
"""

from pathlib import Path

import msgspec

from restore.commands.factories import open_for_dry_run, open_or_create, open_store
from restore.commands.mirror.copy_documents import copy_pins, copy_sets
from restore.commands.mirror.copy_snapshot import copy_snapshot
from restore.commands.mirror.report import (
    CopiedSnapshot,
    CopyFailure,
    MirrorOutcome,
    MirrorReport,
    decide_status,
    describe,
)
from restore.commands.outcome import CommandResult, summarise
from restore.errors import IntegrityError, NotFoundError, RefusedError, RestoreError
from restore.retention.candidates import find_candidates, make_candidate
from restore.retention.outcome import PruneOutcome
from restore.retention.pruner import Pruner
from restore.retention.rule import RetentionRule, apply_rule
from restore.sets.reader import read_sets
from restore.settings.model import Settings
from restore.snapshots.manifest import Manifest
from restore.snapshots.stored import StoredSnapshot
from restore.stores.layout import PIN_SUFFIX
from restore.stores.location import Location, parse_location
from restore.stores.protocols import Store, WritableStore, no_snapshot_error
from restore.stores.snapshot_lock import shared_lock
from restore.stores.store_lock import store_lock
from restore.system.clock import Clock
from restore.system.events import Log, Progress


class MirrorSession(msgspec.Struct, frozen=True, kw_only=True):
    """What one run works with. The `target` of a dry run need not exist."""

    source: Store
    target: WritableStore
    clock: Clock
    log: Log
    progress: Progress


def run(settings: Settings, session: MirrorSession) -> MirrorReport:
    """Copy what the target lacks, oldest first; one failure does not stop the rest. A dry run only reads.

    Raise `NotFoundError` for a named collection of which the source has nothing, and what the listing of a store or
    the lock of the target raises.
    """
    begin = session.clock.read_seconds()
    target = session.target
    wanted, warnings = _choose(settings, session)
    with store_lock(
        target,
        session.clock,
        session.log,
        timeout_seconds=settings.limits.lock_timeout_seconds,
        dry_run=settings.policies.dry_run,
    ) as waited:
        removed = () if settings.policies.dry_run else target.remove_debris(wanted)
        outcomes = tuple(_mirror(settings, session, name) for name in wanted)
        follow_up = _FollowUp() if settings.policies.dry_run else _follow_up(settings, session, outcomes)
    session.progress.close()
    seconds = round(session.clock.read_seconds() - begin, 3)
    return MirrorReport(
        source=session.source.name,
        target=target.name,
        outcomes=outcomes,
        seconds=seconds,
        status=decide_status(outcomes, follow_up.pruned),
        sets=follow_up.sets,
        pins=follow_up.pins,
        pruned=follow_up.pruned,
        removed=removed,
        dry_run=settings.policies.dry_run,
        lock_wait_seconds=waited,
        summary=summarise(outcomes, seconds),
        warnings=warnings,
    )


def _mirror(settings: Settings, session: MirrorSession, collection: str) -> MirrorOutcome:
    begin = session.clock.read_seconds()
    outcome = _CollectionMirror(settings, session, collection).run()
    return msgspec.structs.replace(outcome, seconds=round(session.clock.read_seconds() - begin, 3))


def _choose(settings: Settings, session: MirrorSession) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the chosen collections, and warnings about the patterns. Raise `NotFoundError`."""
    there = session.source.list_collections()
    for name in settings.collections.names:
        if name not in there:
            raise no_snapshot_error(session.source, name)
    if settings.collections.names:
        return settings.collections.names, ()
    where = f"store '{session.source.name}'"
    warnings = settings.patterns.warn(there, doing="mirror", where=where)
    return settings.patterns.select(there), warnings


class _FollowUp(msgspec.Struct, frozen=True, kw_only=True):
    """What was done after the snapshots were copied."""

    pins: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    pruned: tuple[PruneOutcome, ...] = ()


def _follow_up(settings: Settings, session: MirrorSession, outcomes: tuple[MirrorOutcome, ...]) -> _FollowUp:
    """Copy pins, prune what the target's rule does not keep, then copy the sets of what is left."""
    target = session.target
    wanted = {outcome.collection for outcome in outcomes}
    there = {one.file for name in wanted for one in target.list_snapshots(name, held_back=True)}
    pins = copy_pins(session.source, target, there, session.log)
    pruned: tuple[PruneOutcome, ...] = ()
    rule = settings.maintenance.mirror_rule
    if rule is not None:
        pruner = Pruner(target, session.log, find_rule=lambda _: rule, now=session.clock.now())
        pruned = tuple(pruner.prune(one) for one in find_candidates(target, wanted.__contains__))
        pruner.prune_sets(frozenset())
    failed = {one.file for outcome in outcomes for one in outcome.failed}
    sets, damaged = read_sets(session.source)
    for name, reason in damaged:
        session.log("set.left", level="warning", file=name, reason=reason)
    return _FollowUp(pins=pins, pruned=pruned, sets=copy_sets(session.source, target, sets, failed))


class _CollectionMirror:
    """Copies one collection's snapshots from one store to the other."""

    def __init__(self, settings: Settings, session: MirrorSession, collection: str) -> None:
        self._session = session
        self._collection = collection
        self._dry_run = settings.policies.dry_run
        self._rule = settings.maintenance.mirror_rule
        self._there: dict[str, StoredSnapshot] = {}
        self._copied: list[CopiedSnapshot] = []
        self._failed: list[CopyFailure] = []
        self._present = self._unkept = 0

    def run(self) -> MirrorOutcome:
        """Copy what is missing, then move the target's latest. Return the outcome, also of an expected failure."""
        latest = ""
        try:
            self._there = {one.file: one for one in self._list_there()}
            listed = self._session.source.list_snapshots(self._collection, held_back=True)
            promised = [(stored, manifest) for stored in listed if (manifest := self._read(stored))]
            unkept = self._find_unkept(promised, self._rule) if self._rule else frozenset()
            for stored, manifest in promised:
                self._handle(stored, manifest, is_kept=stored.file not in unkept)
            latest = "" if self._dry_run else self._move_latest()
        except RestoreError as error:
            self._failed.append(CopyFailure.from_error(self._collection, error))
        for one in self._failed:
            self._session.log("snapshot.not_mirrored", level="error", file=one.file, reason=one.error)
        return MirrorOutcome(
            collection=self._collection,
            copied=tuple(self._copied),
            present=self._present,
            unkept=self._unkept,
            failed=tuple(self._failed),
            latest=latest,
        )

    def _list_there(self) -> tuple[StoredSnapshot, ...]:
        try:
            return self._session.target.list_snapshots(self._collection, held_back=True)
        except NotFoundError:
            if not self._dry_run:
                raise
            return ()

    def _read(self, stored: StoredSnapshot) -> Manifest | None:
        """Return a snapshot's manifest; None when it cannot be copied, which is recorded or logged."""
        try:
            manifest = self._session.source.read_manifest(stored)
        except RestoreError as error:
            self._failed.append(CopyFailure.from_error(stored.file, error))
            return None
        if manifest is None:
            # A person put it there by hand, and copies it by hand.
            self._session.log("snapshot.left", file=stored.file, reason="it has no manifest")
        return manifest

    def _find_unkept(self, promised: list[tuple[StoredSnapshot, Manifest]], rule: RetentionRule) -> frozenset[str]:
        """Return the missing files that the target's rule would delete at once. Raise what `apply_rule` raises."""
        source, target = self._session.source, self._session.target
        missing = [pair for pair in promised if pair[0].file not in self._there]
        there = ((one, target.read_manifest(one)) for one in self._there.values())
        present = [(one, manifest) for one, manifest in there if manifest]
        pinned = {*source.list_documents(PIN_SUFFIX), *(target.list_documents(PIN_SUFFIX) if present else ())}
        candidates = [
            make_candidate(*pair, pinned=pair[0].file + PIN_SUFFIX in pinned) for pair in (*present, *missing)
        ]
        gone = apply_rule(candidates, rule, self._session.clock.now()).pruned
        return frozenset(gone).difference(self._there)

    def _handle(self, stored: StoredSnapshot, manifest: Manifest, *, is_kept: bool) -> None:
        """Copy one snapshot unless the target has it or would delete it. An expected failure is recorded."""
        try:
            if self._is_there(stored, manifest):
                self._present += 1
                return
            if not is_kept:
                self._unkept += 1
                return
            if not self._dry_run:
                self._copy(stored, manifest)
        except RestoreError as error:
            self._failed.append(CopyFailure.from_error(stored.file, error))
        else:
            self._copied.append(CopiedSnapshot(stored.file, stored.size))

    def _copy(self, stored: StoredSnapshot, manifest: Manifest) -> None:
        def report(count: int) -> None:
            self._session.progress(self._collection, count, stored.size)

        with shared_lock(stored.path) as is_there:
            if not is_there:
                raise NotFoundError(
                    f"snapshot '{stored.file}' is being deleted from store '{self._session.source.name}'"
                )
            copy_snapshot(self._session.source, self._session.target, stored, manifest, on_bytes=report)
        self._session.log("snapshot.mirrored", file=stored.file, size_bytes=stored.size)

    def _is_there(self, stored: StoredSnapshot, manifest: Manifest) -> bool:
        """Return whether the target has this snapshot. Raise `IntegrityError` when its file is another one."""
        source, target = self._session.source, self._session.target
        there = self._there.get(stored.file)
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
        """Move the target's latest to the source's, unless its own is newer. Return the file that is latest then."""
        source, target = self._session.source, self._session.target
        wanted, now = source.find_snapshot(self._collection), target.find_snapshot(self._collection)
        if wanted is None or target.find_snapshot(self._collection, wanted.file) is None:
            return now.file if now else ""
        if now is not None and _age(now) > _age(wanted):
            return now.file
        target.move_latest(self._collection, wanted.file)
        return wanted.file


def _age(stored: StoredSnapshot) -> tuple[str, int]:
    return (stored.created.isoformat() if stored.created else "", stored.sequence)


def is_same_store(one: Location, other: Location) -> bool:
    """Return True if both are one directory, whatever its paths, or one bucket and prefix.

    The endpoint of every bucket comes from the same environment.
    """
    if one.is_bucket or other.is_bucket:
        return one == other
    try:
        return Path(one.path).samefile(other.path)
    except OSError:
        # One of them does not exist; opening it tells.
        return False


def main(settings: Settings, log: Log, progress: Progress) -> CommandResult:
    """Open both stores, and run `mirror`. Raise `RefusedError` when they are one store."""
    source, target = settings.arguments or (settings.store.location, settings.store.mirror_to)
    if is_same_store(parse_location(source), parse_location(target)):
        # As its own target, a store would be pruned by the target's rule.
        raise RefusedError(
            f"'{source}' and '{target}' are one store, and a mirror is a second one",
            left="nothing was copied or deleted",
            hint="give another directory or bucket as the target",
        )
    session = MirrorSession(
        source=open_store(settings, source),
        target=open_for_dry_run(settings, target) if settings.policies.dry_run else open_or_create(settings, target),
        clock=Clock(),
        log=log,
        progress=progress,
    )
    report = run(settings, session)
    return CommandResult(report, describe(report), report.status)
