"""What one restore works with, and one requested collection with its plan."""

import msgspec

from restore.commands.restore.report import RestoreOutcome
from restore.recovery.plan import Plan
from restore.recovery.request import RestoreRequest, SnapshotCandidate
from restore.recovery.session import RecoverySession
from restore.settings.model import Settings
from restore.stores.protocols import Store


class RestoreSession(RecoverySession, frozen=True, kw_only=True):
    """The server and the store of one run. The store is only read."""

    store: Store


class PlannedCollection(msgspec.Struct, frozen=True, kw_only=True):
    """One requested collection with its plan, or with the outcome that it already has."""

    request: RestoreRequest
    plan: Plan | RestoreOutcome
    candidate: SnapshotCandidate | None = None


def make_request(settings: Settings, name: str) -> RestoreRequest:
    """Return what is asked of one collection."""
    return RestoreRequest(collection=name, named=settings.is_named(name), policies=settings.policies_for(name))
