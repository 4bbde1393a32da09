"""One opening per command: build the edges it uses, run it, describe its result. Imports what that command needs."""

# ruff: noqa: PLC0415 - a boot with nothing to do is nearly all imports
from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from restore.decisions.settings import Settings
from restore.decisions.settings_table import CONFIG, DOCTOR, RESTORE
from restore.words.log import Log, Progress

if TYPE_CHECKING:
    from restore.edges.qdrant import Qdrant


class Shown(msgspec.Struct, frozen=True):
    """A command's result, the lines that tell it, and its exit status."""

    result: msgspec.Struct
    lines: list[str]
    status: int


Opening = Callable[[Settings, Log, Progress], Shown]


def _open_config(settings: Settings, _log: Log, _progress: Progress) -> Shown:
    from restore.commands import config

    result = config.run(settings)
    return Shown(result, config.describe(result), result.status)


def _open_doctor(settings: Settings, log: Log, _progress: Progress) -> Shown:
    from restore.commands import doctor
    from restore.edges.clock import Clock

    with _connect(settings) as qdrant:
        result = doctor.run(settings, qdrant, Clock(), log, token=_make_token())
    return Shown(result, doctor.describe(result), result.status)


def _open_restore(settings: Settings, log: Log, progress: Progress) -> Shown:
    from restore.commands import restore
    from restore.decisions.report import describe
    from restore.edges.clock import Clock
    from restore.edges.directory import open_directory
    from restore.words.key import is_scoped

    store = open_directory(settings.store)
    with _connect(settings) as qdrant:
        tools = restore.Tools(
            qdrant=qdrant,
            store=store,
            clock=Clock(),
            log=log,
            progress=progress,
            holder=f"{os.uname().nodename} process {os.getpid()}",
            token=os.urandom(16).hex(),
            scoped=is_scoped(settings.api_key.reveal()) if settings.api_key else False,
        )
        report = restore.run(settings, tools)
    return Shown(report, describe(report), report.status)


def _make_token() -> str:
    return os.urandom(16).hex()


@contextlib.contextmanager
def _connect(settings: Settings) -> Iterator[Qdrant]:
    from restore.edges.qdrant import connect

    key = settings.api_key.reveal() if settings.api_key else ""
    qdrant = connect(settings.qdrant_url, key, ca_file=settings.ca_file, insecure=settings.insecure)
    with contextlib.closing(qdrant):
        yield qdrant


OPENINGS: Mapping[str, Opening] = {CONFIG: _open_config, DOCTOR: _open_doctor, RESTORE: _open_restore}
