"""What one restore works with, and one requested collection with its plan."""

from __future__ import annotations

import msgspec

from restore.commands.restore.report import RestoreOutcome
from restore.qdrant.client import Qdrant
from restore.recovery.plan import Plan
from restore.recovery.request import RestoreRequest, SnapshotCandidate
from restore.settings.model import Settings
from restore.stores.protocols import Store
from restore.system.clock import Clock
from restore.system.events import Log, Progress


class RestoreSession(msgspec.Struct, frozen=True, kw_only=True):
    """The edges of one run. `holder` names this host and process; `token` is random, 32 hex digits.

    `scoped` says that our key is for single collections, so that marks cannot be seen with it.
    """

    qdrant: Qdrant
    store: Store
    clock: Clock
    log: Log
    progress: Progress
    holder: str
    token: str
    scoped: bool = False


class PlannedCollection(msgspec.Struct, frozen=True, kw_only=True):
    """One wanted collection with its plan, or the outcome that it already has."""

    request: RestoreRequest
    plan: Plan | None = None
    candidate: SnapshotCandidate | None = None
    outcome: RestoreOutcome | None = None


def make_request(settings: Settings, name: str) -> RestoreRequest:
    """Give what is wanted of one collection."""
    return RestoreRequest(collection=name, named=settings.is_named(name), policies=settings.policies_for(name))
