"""Clients and stores built from settings."""

# ruff: noqa: PLC0415 - boot: each import inside a function says what it costs one that has nothing to do
from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from ssl import SSLError
from typing import TYPE_CHECKING

from restore import __version__
from restore.errors import SettingsError
from restore.qdrant.api_key import is_scoped
from restore.qdrant.client import Qdrant, connect
from restore.qdrant.transport.proxy import find_proxy
from restore.settings.collections import names_a_path
from restore.settings.model import Settings, SnapshotOptions
from restore.settings.options.store import Compress, Encrypt
from restore.stores.local.reader import LocalStore, open_local_store
from restore.stores.location import Location, parse_location
from restore.system.clock import Clock
from restore.system.process import describe_process

if TYPE_CHECKING:
    from restore.checks.recorder import CheckRecorder
    from restore.snapshots.age import AgeIdentities
    from restore.snapshots.codec import Encoder
    from restore.stores.bucket.writer import WritableBucketStore
    from restore.stores.protocols import Store, WritableStore
    from restore.system.events import Log


def make_recorder(store: WritableStore) -> CheckRecorder:
    """Return what writes down beside a snapshot how a check of it ended."""
    from restore.checks.recorder import CheckRecorder  # 2 ms

    return CheckRecorder(store, Clock(), f"qdrant-restore {__version__}")


def has_scoped_key(settings: Settings) -> bool:
    """Return whether the key of the settings is for single collections only."""
    return settings.server.api_key is not None and is_scoped(settings.server.api_key.reveal())


def make_token() -> str:
    """Return a random token of 32 hex digits."""
    return os.urandom(16).hex()


@contextlib.contextmanager
def open_qdrant(settings: Settings) -> Iterator[Qdrant]:
    """Open a client of the server in the settings. Raise `SettingsError` for a wrong `ca_file`."""
    key = settings.server.api_key.reveal() if settings.server.api_key else ""
    try:
        qdrant = connect(
            settings.server.url,
            key,
            ca_file=settings.server.ca_file,
            insecure=settings.server.insecure,
            proxy=find_proxy(settings.server.url, os.environ),
        )
    except (OSError, ValueError) as error:
        where = settings.origins["ca-file"].where
        # Only TLS's own errors have a reason: the file could be read.
        reason = "it holds no certificate" if isinstance(error, SSLError) else getattr(error, "strerror", "") or error
        raise SettingsError(
            f"{where}: '{settings.server.ca_file}' is no file of authorities ({reason})",
            hint="give the certificate of the authority that signed Qdrant's, as PEM",
        ) from error
    with contextlib.closing(qdrant):
        yield qdrant


# How long a bucket may keep us waiting for an answer, unless a transfer may stall for less.
_SILENCE_SECONDS = 60.0


def open_store(settings: Settings, text: str = "") -> Store:
    """Open a store to read it: the one of the settings, or that at `text`.

    Raise `NotFoundError` when it is not there, or is no store; `AuthError` and `StoreError` when it cannot be asked.
    """
    location = parse_location(text or settings.store.location)
    if location.is_bucket:
        bucket = _open_bucket(settings, location)
        bucket.require_store()
        return bucket
    return open_local_store(location.path, _open_keys(settings))


def open_with_fallbacks(settings: Settings, log: Log) -> Store:
    """Open the store to restore from, and behind it those to fall back on."""
    if names_a_path(settings.collections.snapshot):
        return _open_anywhere(settings)
    if not settings.store.fallbacks:
        return open_store(settings)
    from restore.stores.fallback import FallbackStore  # 2 ms

    def make(text: str) -> Callable[[], Store]:
        return lambda: open_store(settings, text)

    texts = dict.fromkeys((settings.store.location, *settings.store.fallbacks))
    return FallbackStore([(text, make(text)) for text in texts], log)


def _open_anywhere(settings: Settings) -> Store:
    """Return a store for restoring one file, given by its path. The configured store need not exist."""
    location = parse_location(settings.store.location)
    return LocalStore("." if location.is_bucket else location.path, _open_keys(settings))


def open_existing(settings: Settings) -> WritableStore:
    """Open a store to read it, and to write documents beside its snapshots; nothing is made where there is none."""
    location = parse_location(settings.store.location)
    if location.is_bucket:
        bucket = _open_bucket(settings, location)
        bucket.require_store()
        return bucket
    from restore.stores.local.writer import WritableLocalStore  # 3 ms

    open_local_store(location.path)
    return WritableLocalStore(location.path, file_mode=settings.store.file_mode, keys=_open_keys(settings))


def open_or_create(settings: Settings, text: str = "") -> WritableStore:
    """Open a store to write to it, made where there is nothing yet; a bucket itself is never made."""
    location = parse_location(text or settings.store.location)
    if location.is_bucket:
        bucket = _open_bucket(settings, location)
        bucket.prepare()
        return bucket
    from restore.stores.local.writer import open_writable_local_store  # 3 ms

    return open_writable_local_store(location.path, file_mode=settings.store.file_mode, keys=_open_keys(settings))


def open_for_dry_run(settings: Settings, text: str) -> WritableStore:
    """Open a store to say what would be written there; nothing is made, and it may not be there yet.

    Raise `NotFoundError` when there is no such bucket.
    """
    location = parse_location(text)
    if location.is_bucket:
        bucket = _open_bucket(settings, location)
        bucket.list_collections()
        return bucket
    from restore.stores.local.writer import WritableLocalStore  # 3 ms

    return WritableLocalStore(location.path)


def make_encoders(settings: Settings) -> Callable[[str], Encoder | None]:
    """Return a function that makes a collection's encoder. All are made once here: errors show before the work."""
    encoders = {
        collection: _make_encoder(settings.snapshot_options_for(collection)) for collection in ("", *settings.own)
    }

    def find(collection: str) -> Encoder | None:
        encoder = encoders.get(collection, encoders[""])
        return encoder.clone() if encoder else None

    return find


def _make_encoder(settings: SnapshotOptions) -> Encoder | None:
    """Return what compresses and encrypts; None when neither is asked for. Raise `SettingsError`."""
    if settings.compress is Compress.NONE and settings.encrypt is Encrypt.NONE:
        return None
    from restore.snapshots.age import load_recipients  # 3 ms, with codec
    from restore.snapshots.codec import Encoder

    recipients = load_recipients(settings.recipients_file) if settings.encrypt is Encrypt.AGE else ()
    return Encoder(compress=settings.compress is Compress.ZSTD, recipients=recipients, threads=os.cpu_count() or 1)


def _open_keys(settings: Settings) -> AgeIdentities | None:
    if not settings.store.identity_file:
        return None
    from restore.snapshots.age import AgeIdentities  # 3 ms

    return AgeIdentities(settings.store.identity_file)


def _open_bucket(settings: Settings, location: Location) -> WritableBucketStore:
    from restore.stores.bucket.credentials import open_client  # 30 ms, with writer; an optional package
    from restore.stores.bucket.writer import WritableBucketStore

    return WritableBucketStore(
        open_client(
            location, os.environ, silence_seconds=min(_SILENCE_SECONDS, settings.limits.stall_timeout_seconds)
        ),
        location,
        holder=describe_process(),
        since=Clock().now().isoformat(timespec="seconds"),
        keys=_open_keys(settings),
        timeout_seconds=settings.limits.stall_timeout_seconds,
    )
