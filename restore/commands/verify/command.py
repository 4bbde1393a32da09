"""`verify`: every pointer and, as deep as asked, every size, every byte and every archive's inside. It records."""

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
from restore.settings.selection import is_selected, warn_about_patterns
from restore.stores.layout import Entry, Kind, select_shown
from restore.stores.local.writer import WritableLocalStore
from restore.stores.protocols import Store, no_snapshot_error
from restore.system.clock import Clock
from restore.system.events import Log, Progress

if TYPE_CHECKING:
    from restore.stores.protocols import WritableStore


class VerifySession(msgspec.Struct, frozen=True, kw_only=True):
    """The edges of one run, built by a door. `store` is only read; `recorder` writes beside its snapshots."""

    store: Store
    recorder: CheckRecorder
    clock: Clock
    log: Log
    progress: Progress


def run(settings: Settings, session: VerifySession) -> VerifyReport:
    """Look at every file of the store, or at those of the collections, names and paths given; or at a sample of them.

    Raises `NotFoundError` for an argument that names nothing. What is wrong with a file is in the report, and so is
    that the store takes no record.
    """
    store, recorder = session.store, session.recorder
    began = session.clock.read_seconds()
    shown = () if names_only_paths(settings.arguments) else select_shown(store.list_entries())
    entries = _select(settings, store, shown)
    # One look at each pointer tells which entries are snapshots; finding out costs a listing of the store.
    own_marker = frozenset(entry.file for entry in entries if _holds_bytes(store, entry))
    sampled = _sample(settings, own_marker, recorder)
    left_out = own_marker - sampled
    files: list[FileReport] = []
    for entry in entries:
        if entry.file in left_out:
            continue
        begin = session.clock.read_seconds()
        found = check_file(
            store, entry, CheckOptions(settings.verification.depth, _tell(session.progress, entry.file))
        )
        found = msgspec.structs.replace(found, seconds=round(session.clock.read_seconds() - begin, 3))
        files.append(found)
        _say(session.log, found)
        if entry.file in sampled:
            recorder.record(found, settings.verification.depth)
    for path in filter(_is_path, settings.arguments):
        files.append(check_path(path, CheckOptions(settings.verification.depth, _tell(session.progress, path))))
        _say(session.log, files[-1])
    session.progress.close()
    return VerifyReport(
        store="" if names_only_paths(settings.arguments) else store.name,
        files=mark_latest(files),
        status=find_failure_status(files),
        depth=settings.verification.depth,
        snapshots=len(own_marker),
        sampled=len(sampled) if settings.verification.sample else None,
        summary=summarise(tuple(files), left_out=len(left_out), seconds=session.clock.read_seconds() - began),
        warnings=(*_warn_of_choice(settings, store, shown), *_warn(settings, recorder)),
    )


def _select(settings: Settings, store: Store, entries: tuple[Entry, ...]) -> list[Entry]:
    """Give the entries meant by the arguments: a collection's, or the file of that name; without any, all.

    Shell patterns choose collections, so with one that includes what belongs to none is left out.
    """
    if not settings.arguments:
        include, exclude = settings.patterns.include, settings.patterns.exclude
        return [entry for entry in entries if is_selected(entry.collection or "", include, exclude)]
    chosen: list[Entry] = []
    for argument in settings.arguments:
        meant = [entry for entry in entries if argument in {entry.collection, entry.file}]
        if not meant and not _is_path(argument):
            raise no_snapshot_error(store, argument)
        chosen += [entry for entry in meant if entry not in chosen]
    return chosen


def _sample(settings: Settings, own_marker: frozenset[str], recorder: CheckRecorder) -> frozenset[str]:
    """Give the files whose bytes are looked at now: all of them, or those whose last check is the oldest."""
    if settings.verification.sample is None:
        return own_marker
    covered = [find_last_checked(file, recorder.read(file), settings.verification.depth) for file in own_marker]
    return frozenset(select_oldest(covered, settings.verification.sample, recorder.now()))


def _holds_bytes(store: Store, entry: Entry) -> bool:
    """Tell whether an entry is a snapshot itself: also a latest that is the file and no pointer."""
    if entry.kind is not Kind.LATEST:
        return is_snapshot(entry)
    found = check_file(store, entry, CheckOptions(Depth.LIST))
    return not found.target and found.state is not FileState.DAMAGED


def _warn(settings: Settings, recorder: CheckRecorder) -> tuple[str, ...]:
    if not recorder.problem:
        return ()
    again = "; the next sample may be of the same files" if settings.verification.sample else ""
    return (f"what was found could not be recorded: {recorder.problem}{again}",)


def _warn_of_choice(settings: Settings, store: Store, shown: tuple[Entry, ...]) -> tuple[str, ...]:
    if settings.arguments:
        return ()
    names = (entry.collection for entry in shown if entry.collection)
    return warn_about_patterns(
        names, settings.patterns.include, settings.patterns.exclude, doing="verify", where=f"store '{store.name}'"
    )


def names_only_paths(arguments: tuple[str, ...]) -> bool:
    """Tell whether only files elsewhere are meant: then no store is needed."""
    return bool(arguments) and all(map(_is_path, arguments))


def _is_path(argument: str) -> bool:
    return "/" in argument or os.sep in argument


def _tell(progress: Progress, file: str) -> Callable[[int], None]:
    def tell(read_bytes: int) -> None:
        progress(file, read_bytes)

    return tell


def _say(log: Log, found: FileReport) -> None:
    if found.status:
        event = "file.not_opened" if found.status == DecryptionError.status else "file.damaged"
        log(event, level="error", file=found.file, reason=found.problem)
    else:
        log("file.verified", file=found.file, state=str(found.state), sha256=found.sha256)


def main(settings: Settings, log: Log, progress: Progress) -> CommandResult:
    """Open the store, and verify what is asked for."""
    store = _open_anywhere(settings) if names_only_paths(settings.arguments) else open_existing(settings)
    session = VerifySession(store=store, recorder=make_recorder(store), clock=Clock(), log=log, progress=progress)
    report = run(settings, session)
    return CommandResult(report, describe_verify(report), report.status)


def _open_anywhere(settings: Settings) -> WritableStore:
    """Give what stands for a store where only files given by their paths are looked at; nothing is asked of it."""
    return WritableLocalStore(".", file_mode=settings.store.file_mode)
