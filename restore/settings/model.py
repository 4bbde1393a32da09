"""Settings: one frozen value with everything chosen, and where each choice came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from restore.checks.record import Depth, SampleShare
from restore.recovery.policy import Fallback, OnEmpty, OnExisting, OnMissing, Policies, Transfer, Verify
from restore.retention.rule import RetentionRule
from restore.settings.collections import OwnChoices
from restore.settings.option import LogFormat, LogLevel
from restore.settings.options.store import Compress, Encrypt
from restore.settings.sources import Origin, SourcePriority
from restore.system.secret import Secret


class SnapshotOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the snapshot of one collection is made and stored."""

    compress: Compress = Compress.NONE
    encrypt: Encrypt = Encrypt.NONE
    recipients_file: str = ""
    samples: int = 0
    allow_smaller: bool = False
    note: str = ""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a person may choose, decided. Lengths are in seconds, `file_mode` is a number, paths are texts.

    `collections` are those named one by one, by arguments, variables or the settings file; empty means every
    one. `arguments` are a command's own words where they need not be collections (`list`, `verify`). `origins`
    has one entry per attribute. `own` is what the settings file chooses for single collections.
    """

    qdrant_url: str
    api_key: Secret | None
    ca_file: str
    insecure: bool
    collections: tuple[str, ...]
    all_collections: bool
    snapshot: str
    to: str
    store: str
    server_store: str
    fallback_stores: tuple[str, ...]
    mirror_to: str
    identity_file: str
    compress: Compress
    encrypt: Encrypt
    recipients_file: str
    file_mode: int
    on_existing: OnExisting
    on_empty: OnEmpty
    on_missing: OnMissing
    verify: Verify
    transfer: Transfer
    fallback: Fallback
    allow_version_gap: bool
    samples: int
    dry_run: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    keep_last: int | None
    keep_within_seconds: float | None
    keep_hourly: int | None
    keep_daily: int | None
    keep_weekly: int | None
    keep_monthly: int | None
    keep_yearly: int | None
    min_keep: int
    grace_seconds: float
    mirror_rule: RetentionRule | None
    chosen_set: str
    allow_incomplete: bool
    show_sets: bool
    pin_reason: str
    prune_server: bool
    concurrency: int
    prove_write: bool
    allow_smaller: bool
    note: str
    wait_timeout_seconds: float
    stall_timeout_seconds: float
    lock_timeout_seconds: float | None
    deadline_seconds: float | None
    json: bool
    log_format: LogFormat
    log_level: LogLevel
    verify_depth: Depth
    verify_sample: SampleShare | None
    drill_on: str
    drill_api_key: Secret | None
    drill_insecure: bool
    schedule_snapshot: str
    schedule_prune: str
    schedule_mirror: str
    schedule_verify: str
    schedule_drill: str
    schedule_time_zone: str
    schedule_jitter_seconds: float
    listen: str
    listen_token: Secret | None
    health_timeout_seconds: float
    metrics_file: str
    notify_webhook: Secret | None
    notify_healthchecks: Secret | None
    config: str
    arguments: tuple[str, ...]
    own: OwnChoices
    origins: Mapping[str, Origin]
    warnings: tuple[str, ...]

    @property
    def collections_origin(self) -> str:
        """Say what named the collections; `default` when nothing did."""
        return self.origins["collections"].where

    def is_named(self, collection: str) -> bool:
        """Tell whether this collection was named one by one, which `replace` asks for."""
        return collection in self.collections

    def policies_for(self, collection: str) -> Policies:
        """Give the choices for one collection: a flag or a variable speaks for all, then its own, then the file's."""
        return Policies(**self._choose_for(collection, Policies.__struct_fields__))

    def rule_for(self, collection: str) -> RetentionRule:
        """Give the retention rule of one collection; each of its parts is chosen as the policies are."""
        return RetentionRule(**self._choose_for(collection, RetentionRule.__struct_fields__))

    def snapshot_options_for(self, collection: str) -> SnapshotOptions:
        """Give how one collection's snapshot is made; each of its parts is chosen as the policies are."""
        return SnapshotOptions(**self._choose_for(collection, SnapshotOptions.__struct_fields__))

    def _choose_for(self, collection: str, fields: tuple[str, ...]) -> dict[str, Any]:
        own = self.own.get(collection, {})
        chosen = {}
        for field in fields:
            stronger = self.origins[field].rank < SourcePriority.FILE
            chosen[field] = getattr(self, field) if stronger or field not in own else own[field]
        return chosen
