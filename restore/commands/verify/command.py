"""`verify`: check pointers and, as deep as asked, sizes, bytes and archives, and record what was found."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from restore.checks.check_file import CheckOptions, check_file, check_path, is_snapshot
from restore.checks.file_report import FileReport, FileState, mark_latest
from restore.checks.record import Depth
from restore.checks.recorder import CheckRecorder
from restore.commands.factories import make_recorder, open_existing
from restore.commands.outcome import CommandResult, find_failure_status
from restore.commands.verify.report import VerifyReport, describe_verify, summarise
from restore.commands.verify.sampling import find_last_checked, select_oldest
from restore.errors import DecryptionError
from restore.settings.model import Settings
from restore.snapshots.name import name_latest
from restore.stores.layout import Entry, Kind, select_shown
from restore.stores.local.writer import WritableLocalStore
from restore.stores.protocols import Store, find_missing_pointers, no_snapshot_error
from restore.system.clock import Clock
from restore.system.events import Log, Progress

if TYPE_CHECKING:
    from restore.stores.protocols import WritableStore


class VerifySession(msgspec.Struct, frozen=True, kw_only=True):
    """What one run works with. `store` is only read; `recorder` writes beside its snapshots."""

    store: Store
    recorder: CheckRecorder
    clock: Clock
    log: Log
    progress: Progress


def run(settings: Settings, session: VerifySession) -> VerifyReport:
    """Check every file of the store, or those of the collections, names and paths given, or a sample of them.

    Raise `NotFoundError` for an argument that names nothing. What is wrong with a file is in the report, and so is
    a record that could not be written.
    """
    store, recorder = session.store, session.recorder
    began = session.clock.read_seconds()
    shown = () if names_only_paths(settings.arguments) else select_shown(store.list_entries())
    entries = _select(settings, store, shown)
    # Which entries are snapshots is found out once for each pointer: that costs a listing of the store.
    snapshots = frozenset(entry.file for entry in entries if _holds_bytes(store, entry))
    sampled = _sample(settings, snapshots, recorder)
    left_out = snapshots - sampled
    files: list[FileReport] = []
    for entry in entries:
        if entry.file in left_out:
            continue
        begin = session.clock.read_seconds()
        found = check_file(
            store, entry, CheckOptions(settings.verification.depth, _report_bytes(session.progress, entry.file))
        )
        found = msgspec.structs.replace(found, seconds=round(session.clock.read_seconds() - begin, 3))
        files.append(found)
        _log_found(session.log, found)
        if entry.file in sampled:
            recorder.record(found, settings.verification.depth)
    for path in filter(_is_path, settings.arguments):
        files.append(
            check_path(path, CheckOptions(settings.verification.depth, _report_bytes(session.progress, path)))
        )
        _log_found(session.log, files[-1])
    session.progress.close()
    return VerifyReport(
        store="" if names_only_paths(settings.arguments) else store.name,
        files=mark_latest(files),
        status=find_failure_status(files),
        depth=settings.verification.depth,
        snapshots=len(snapshots),
        sampled=len(sampled) if settings.verification.sample else None,
        summary=summarise(tuple(files), left_out=len(left_out), seconds=session.clock.read_seconds() - began),
        warnings=(
            *_warn_about_patterns(settings, store, shown),
            *_warn_about_pointers(store, shown, entries),
            *_warn_about_records(settings, recorder),
        ),
    )


def _select(settings: Settings, store: Store, entries: tuple[Entry, ...]) -> list[Entry]:
    """Return the entries that the arguments name by collection or file; without arguments all of them.

    Shell patterns choose collections: with one to include, files of no collection are left out.
    """
    if not settings.arguments:
        return [entry for entry in entries if settings.patterns.is_selected(entry.collection or "")]
    chosen: list[Entry] = []
    for argument in settings.arguments:
        meant = [entry for entry in entries if argument in {entry.collection, entry.file}]
        if not meant and not _is_path(argument):
            raise no_snapshot_error(store, argument)
        chosen += [entry for entry in meant if entry not in chosen]
    return chosen


def _sample(settings: Settings, snapshots: frozenset[str], recorder: CheckRecorder) -> frozenset[str]:
    """Return the files to read now: all of them, or those with the oldest checks."""
    if settings.verification.sample is None:
        return snapshots
    covered = [find_last_checked(file, recorder.read(file), settings.verification.depth) for file in snapshots]
    return frozenset(select_oldest(covered, settings.verification.sample, recorder.now()))


def _holds_bytes(store: Store, entry: Entry) -> bool:
    """Return whether an entry is a snapshot itself; so is a latest that is a plain file and no pointer."""
    if entry.kind is not Kind.LATEST:
        return is_snapshot(entry)
    found = check_file(store, entry, CheckOptions(Depth.LIST))
    return not found.target and found.state not in {FileState.DAMAGED, FileState.UNREADABLE}


def _warn_about_pointers(store: Store, shown: tuple[Entry, ...], entries: list[Entry]) -> tuple[str, ...]:
    """Return a warning for each checked collection that has a snapshot to restore and no pointer to it."""
    checked = {entry.collection for entry in entries}
    return tuple(
        f"'{name_latest(name)}' is missing: a restore takes the newest whole snapshot; "
        f"the next 'qdrant-restore snapshot {name}' makes it again"
        for name in (find_missing_pointers(store, shown) if shown else ())
        if name in checked
    )


def _warn_about_records(settings: Settings, recorder: CheckRecorder) -> tuple[str, ...]:
    if not recorder.problem:
        return ()
    again = "; the next sample may be of the same files" if settings.verification.sample else ""
    return (f"what was found could not be recorded: {recorder.problem}{again}",)


def _warn_about_patterns(settings: Settings, store: Store, shown: tuple[Entry, ...]) -> tuple[str, ...]:
    if settings.arguments:
        return ()
    names = (entry.collection for entry in shown if entry.collection)
    return settings.patterns.warn(names, doing="verify", where=f"store '{store.name}'")


def names_only_paths(arguments: tuple[str, ...]) -> bool:
    """Return whether every argument is a path to a file: then no store is needed."""
    return bool(arguments) and all(map(_is_path, arguments))


def _is_path(argument: str) -> bool:
    return "/" in argument or os.sep in argument


def _report_bytes(progress: Progress, file: str) -> Callable[[int], None]:
    def report(read_bytes: int) -> None:
        progress(file, read_bytes)

    return report


def _log_found(log: Log, found: FileReport) -> None:
    if found.status:
        unopened = found.status == DecryptionError.status or found.state is FileState.UNREADABLE
        event = "file.not_opened" if unopened else "file.damaged"
        log(event, level="error", file=found.file, reason=found.problem)
    else:
        log("file.verified", file=found.file, state=str(found.state), sha256=found.sha256)


def main(settings: Settings, log: Log, progress: Progress) -> CommandResult:
    """Open the store, and run `verify`."""
    store = _open_anywhere(settings) if names_only_paths(settings.arguments) else open_existing(settings)
    session = VerifySession(store=store, recorder=make_recorder(store), clock=Clock(), log=log, progress=progress)
    report = run(settings, session)
    return CommandResult(report, describe_verify(report), report.status)


def _open_anywhere(settings: Settings) -> WritableStore:
    """Return a store that is never read, for a run in which every file is given by its path."""
    return WritableLocalStore(".", file_mode=settings.store.file_mode)
