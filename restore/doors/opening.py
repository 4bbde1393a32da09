"""One opening per command: build the edges it uses, run it, describe its result. Imports what that command needs."""

# ruff: noqa: PLC0415 - a boot with nothing to do is nearly all imports
from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from restore.decisions.settings import Settings
from restore.decisions.settings_serving import HEALTHCHECK
from restore.decisions.settings_table import CONFIG, DOCTOR, LIST, RESTORE, SNAPSHOT, VERIFY
from restore.errors import SettingsError
from restore.words.log import Log, Progress

if TYPE_CHECKING:
    from restore.edges.qdrant import Qdrant


class Shown(msgspec.Struct, frozen=True):
    """A command's result, the lines that tell it, and its exit status."""

    result: msgspec.Struct
    lines: list[str]
    status: int


class Probed(msgspec.Struct, frozen=True):
    """What `healthcheck` found."""

    listen: str
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

    store = open_directory(settings.store)
    with _connect(settings) as qdrant:
        tools = restore.Tools(
            qdrant=qdrant,
            store=store,
            clock=Clock(),
            log=log,
            progress=progress,
            holder=f"{platform.node()} process {os.getpid()}",
            token=_make_token(),
            scoped=_is_scoped(settings),
        )
        report = restore.run(settings, tools)
    return Shown(report, describe(report), report.status)


def _open_snapshot(settings: Settings, log: Log, progress: Progress) -> Shown:
    from restore.commands import snapshot
    from restore.decisions.snapshot_report import describe
    from restore.edges.clock import Clock
    from restore.edges.shelf import open_shelf

    with _connect(settings) as qdrant:
        shelf = open_shelf(settings.store, file_mode=settings.file_mode)
        tools = snapshot.Tools(
            qdrant=qdrant, shelf=shelf, clock=Clock(), log=log, progress=progress, scoped=_is_scoped(settings)
        )
        report = snapshot.run(settings, tools)
    return Shown(report, describe(report), report.status)


def _open_list(settings: Settings, _log: Log, _progress: Progress) -> Shown:
    from restore.commands import list as listing
    from restore.decisions.store_report import describe_list
    from restore.edges.directory import open_directory

    report = listing.run(settings, open_directory(settings.store))
    return Shown(report, describe_list(report), report.status)


def _open_verify(settings: Settings, log: Log, progress: Progress) -> Shown:
    from restore.commands import verify
    from restore.decisions.store_report import describe_verify
    from restore.edges.directory import open_directory

    report = verify.run(settings, open_directory(settings.store), log, progress)
    return Shown(report, describe_verify(report), report.status)


def _open_healthcheck(settings: Settings, _log: Log, _progress: Progress) -> Shown:
    from restore.doors.serve.probe import probe

    status = probe(settings.listen)
    return Shown(Probed(listen=settings.listen, status=status), [], status)


def _is_scoped(settings: Settings) -> bool:
    from restore.words.key import is_scoped

    return settings.api_key is not None and is_scoped(settings.api_key.reveal())


def _make_token() -> str:
    return os.urandom(16).hex()


@contextlib.contextmanager
def _connect(settings: Settings) -> Iterator[Qdrant]:
    from restore.edges.qdrant import connect

    key = settings.api_key.reveal() if settings.api_key else ""
    try:
        qdrant = connect(settings.qdrant_url, key, ca_file=settings.ca_file, insecure=settings.insecure)
    except OSError as error:
        where = settings.origins["ca_file"].where
        # Only TLS's own errors have a reason: the file could be read.
        reason = "it holds no certificate" if hasattr(error, "reason") else error.strerror or error
        raise SettingsError(
            f"{where}: '{settings.ca_file}' is no file of authorities ({reason})",
            hint="give the certificate of the authority that signed Qdrant's, as PEM",
        ) from error
    with contextlib.closing(qdrant):
        yield qdrant


OPENINGS: Mapping[str, Opening] = {
    RESTORE: _open_restore,
    SNAPSHOT: _open_snapshot,
    LIST: _open_list,
    VERIFY: _open_verify,
    DOCTOR: _open_doctor,
    CONFIG: _open_config,
    HEALTHCHECK: _open_healthcheck,
}
