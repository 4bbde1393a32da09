"""`verify`: every byte against its checksum, every archive's inside, every pointer. Only reads."""

from __future__ import annotations

import os
from collections.abc import Callable

from restore.decisions.settings import Settings
from restore.decisions.store_report import VerifyReport, decide_status, mark_latest
from restore.edges.directory import Directory
from restore.steps.assess import assess, assess_path
from restore.words.assessment import Assessment
from restore.words.log import Log, Progress
from restore.words.store import Entry, explain_missing, select_shown


def run(settings: Settings, store: Directory, log: Log, progress: Progress) -> VerifyReport:
    """Read every file of the store, or those of the collections, names and paths given.

    Raises `NotFoundError` for an argument that names nothing. What is wrong with a file is in the report.
    """
    entries = select_shown(store.list_entries())
    files: list[Assessment] = []
    for entry in _select(settings, store, entries):
        files.append(assess(store, entry, on_bytes=_tell(progress, entry.file)))
        _say(log, files[-1])
    for path in filter(_is_path, settings.arguments):
        files.append(assess_path(path, on_bytes=_tell(progress, path)))
        _say(log, files[-1])
    progress.close()
    return VerifyReport(store=store.name, files=mark_latest(files), status=decide_status(files))


def _select(settings: Settings, store: Directory, entries: tuple[Entry, ...]) -> list[Entry]:
    """Give the entries meant by the arguments: a collection's, or the file of that name; without any, all."""
    if not settings.arguments:
        return list(entries)
    chosen: list[Entry] = []
    for argument in settings.arguments:
        meant = [entry for entry in entries if argument in {entry.collection, entry.file}]
        if not meant and not _is_path(argument):
            raise explain_missing(store, argument)
        chosen += [entry for entry in meant if entry not in chosen]
    return chosen


def _is_path(argument: str) -> bool:
    return "/" in argument or os.sep in argument


def _tell(progress: Progress, file: str) -> Callable[[int], None]:
    def tell(read_bytes: int) -> None:
        progress(file, read_bytes)

    return tell


def _say(log: Log, found: Assessment) -> None:
    if found.status:
        log("file.damaged", level="error", file=found.file, reason=found.problem)
    else:
        log("file.verified", file=found.file, state=str(found.state), sha256=found.sha256)
