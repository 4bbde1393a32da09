"""One opening per command: build the edges it uses, run it, describe its result. Imports what that command needs."""

# ruff: noqa: PLC0415 - a boot with nothing to do is nearly all imports
from __future__ import annotations

import contextlib
import functools
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from restore.decisions.settings import Settings
from restore.decisions.settings_keeping import PIN, PRUNE, UNPIN
from restore.decisions.settings_proving import DRILL, ON_EMBEDDED, ON_SERVER
from restore.decisions.settings_serving import HEALTHCHECK
from restore.decisions.settings_stores import MIRROR
from restore.decisions.settings_table import CONFIG, DOCTOR, LIST, RESTORE, SNAPSHOT, VERIFY
from restore.errors import SettingsError
from restore.words.log import Log, Progress
from restore.words.secret import Secret

if TYPE_CHECKING:
    from restore.edges.qdrant import Qdrant
    from restore.steps.record import Recorder
    from restore.words.store import WritableStore


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
    from restore.doors.stores import open_store
    from restore.edges.clock import Clock
    from restore.words.location import parse_location

    is_bucket = parse_location(settings.store).is_bucket
    open_bucket = functools.partial(open_store, settings) if is_bucket else None
    with _connect(settings) as qdrant:
        result = doctor.run(settings, qdrant, Clock(), log, token=_make_token(), open_bucket=open_bucket)
    return Shown(result, doctor.describe(result), result.status)


def _open_restore(settings: Settings, log: Log, progress: Progress) -> Shown:
    from restore.commands import restore
    from restore.decisions.report import describe
    from restore.doors.stores import open_stores
    from restore.edges.clock import Clock

    store = open_stores(settings, log)
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
    from restore.doors.stores import make_packers, open_writing
    from restore.edges.clock import Clock

    find_packer = make_packers(settings)
    with _connect(settings) as qdrant:
        shelf = open_writing(settings)
        tools = snapshot.Tools(
            qdrant=qdrant,
            shelf=shelf,
            clock=Clock(),
            log=log,
            progress=progress,
            scoped=_is_scoped(settings),
            find_packer=find_packer,
            run_id=_make_token(),
        )
        report = snapshot.run(settings, tools)
    return Shown(report, describe(report), report.status)


def _open_list(settings: Settings, _log: Log, _progress: Progress) -> Shown:
    from restore.commands import list as listing
    from restore.decisions.store_report import describe_list
    from restore.doors.stores import open_store
    from restore.edges.clock import Clock

    if settings.show_sets:
        from restore.decisions.sets_report import describe_sets

        sets = listing.run_sets(open_store(settings))
        return Shown(sets, describe_sets(sets), sets.status)
    report = listing.run(settings, open_store(settings), Clock().now())
    return Shown(report, describe_list(report), report.status)


def _open_verify(settings: Settings, log: Log, progress: Progress) -> Shown:
    from restore.commands import verify
    from restore.decisions.store_report import describe_verify
    from restore.edges.clock import Clock

    store = _open_anywhere(settings) if verify.names_only_paths(settings.arguments) else _open_recording(settings)
    tools = verify.Tools(store=store, recorder=_make_recorder(store), clock=Clock(), log=log, progress=progress)
    report = verify.run(settings, tools)
    return Shown(report, describe_verify(report), report.status)


def _open_drill(settings: Settings, log: Log, progress: Progress) -> Shown:
    from restore.commands import drill
    from restore.decisions.drill_report import describe
    from restore.edges.clock import Clock
    from restore.words.check import EMBEDDED, RESTORE

    store = _open_recording(settings)
    with _open_stage(settings) as qdrant:
        tools = drill.Tools(
            qdrant=qdrant,
            store=store,
            clock=Clock(),
            log=log,
            progress=progress,
            recorder=_make_recorder(store),
            holder=f"{platform.node()} process {os.getpid()}",
            token=_make_token(),
            depth=EMBEDDED if settings.drill_on == ON_EMBEDDED else RESTORE,
            server_store=settings.server_store if settings.drill_on == ON_SERVER else "",
        )
        report = drill.run(settings, tools)
    return Shown(report, describe(report), report.status)


@contextlib.contextmanager
def _open_stage(settings: Settings) -> Iterator[Qdrant]:
    """Connect to where a drill restores: the server itself, another one with a key of its own, or the engine here."""
    if settings.drill_on == ON_SERVER:
        with _connect(settings) as qdrant:
            yield qdrant
    elif settings.drill_on == ON_EMBEDDED:
        from restore.edges.embedded import open_embedded

        with open_embedded() as url, _connect(_aim(settings, url, None)) as qdrant:
            yield qdrant
    else:
        with _connect(_aim(settings, settings.drill_on, settings.drill_api_key)) as qdrant:
            yield qdrant


def _aim(settings: Settings, url: str, key: Secret | None) -> Settings:
    return msgspec.structs.replace(settings, qdrant_url=url, api_key=key, insecure=settings.drill_insecure)


def _open_prune(settings: Settings, log: Log, _progress: Progress) -> Shown:
    from restore.commands import prune
    from restore.decisions.prune_report import describe
    from restore.edges.clock import Clock

    with contextlib.ExitStack() as opened:
        qdrant = opened.enter_context(_connect(settings)) if settings.prune_server else None
        tools = prune.Tools(store=_open_recording(settings), clock=Clock(), log=log, qdrant=qdrant)
        report = prune.run(settings, tools)
    return Shown(report, describe(report), report.status)


def _open_mirror(settings: Settings, log: Log, progress: Progress) -> Shown:
    from restore.commands import mirror
    from restore.decisions.mirror_report import describe
    from restore.doors.stores import open_glimpse, open_store, open_writing
    from restore.edges.clock import Clock

    source, target = settings.arguments or (settings.store, settings.mirror_to)
    tools = mirror.Tools(
        source=open_store(settings, source),
        target=open_glimpse(settings, target) if settings.dry_run else open_writing(settings, target),
        clock=Clock(),
        log=log,
        progress=progress,
    )
    report = mirror.run(settings, tools)
    return Shown(report, describe(report), report.status)


def _open_pin(settings: Settings, _log: Log, _progress: Progress) -> Shown:
    from restore.commands import pin
    from restore.decisions.pin_report import describe
    from restore.edges.clock import Clock

    report = pin.pin(settings, _open_recording(settings), Clock())
    return Shown(report, describe(report), report.status)


def _open_unpin(settings: Settings, _log: Log, _progress: Progress) -> Shown:
    from restore.commands import pin
    from restore.decisions.pin_report import describe

    report = pin.unpin(settings, _open_recording(settings))
    return Shown(report, describe(report), report.status)


def _open_healthcheck(settings: Settings, _log: Log, _progress: Progress) -> Shown:
    from restore.doors.serve.probe import probe

    status = probe(settings.listen)
    return Shown(Probed(listen=settings.listen, status=status), [], status)


def _open_recording(settings: Settings) -> WritableStore:
    """Open a store to read it, and to write beside a snapshot how a check of it ended; nothing is written yet."""
    from restore.doors.stores import open_recording

    return open_recording(settings)


def _open_anywhere(settings: Settings) -> WritableStore:
    """Give what stands for a store where only files given by their paths are looked at; nothing is asked of it."""
    from restore.edges.shelf import Shelf

    return Shelf(".", file_mode=settings.file_mode)


def _make_recorder(store: WritableStore) -> Recorder:
    from restore import __version__
    from restore.edges.clock import Clock
    from restore.steps.record import Recorder

    return Recorder(store, Clock(), f"qdrant-restore {__version__}")


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
    PRUNE: _open_prune,
    MIRROR: _open_mirror,
    PIN: _open_pin,
    UNPIN: _open_unpin,
    DRILL: _open_drill,
    DOCTOR: _open_doctor,
    CONFIG: _open_config,
    HEALTHCHECK: _open_healthcheck,
}
