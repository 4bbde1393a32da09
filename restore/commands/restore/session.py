"""What one restore works with, and one requested collection with its plan."""

import msgspec

from restore.commands.restore.report import RestoreOutcome
from restore.qdrant.url import redact_url
from restore.recovery.find_snapshot import LATEST
from restore.recovery.plan import Plan
from restore.recovery.policy_choices import OnExisting, Policies
from restore.recovery.request import RestoreRequest, SnapshotCandidate, SnapshotChoice
from restore.recovery.session import RecoverySession
from restore.settings.model import Settings
from restore.settings.sources import SourcePriority
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
    policies = settings.policies_for(name)
    return RestoreRequest(
        collection=name,
        named=settings.is_named(name),
        policies=policies,
        choice=_find_choice(settings, policies),
        flags=_list_flags(settings),
    )


def _find_choice(settings: Settings, policies: Policies) -> SnapshotChoice:
    if policies.snapshot == LATEST and not settings.sets.chosen:
        return SnapshotChoice.LATEST
    is_typed = settings.sets.chosen or _is_flag(settings, "snapshot")
    # Who types that an existing collection is to be skipped has decided already.
    is_decided = _is_flag(settings, "on-existing") and policies.on_existing is OnExisting.SKIP
    return SnapshotChoice.REQUESTED if is_typed and not is_decided else SnapshotChoice.PINNED


def _list_flags(settings: Settings) -> tuple[str, ...]:
    given = (("qdrant-url", redact_url(settings.server.url)), ("store", settings.store.location))
    words = [word for option, value in given if _is_flag(settings, option) for word in (f"--{option}", value)]
    if _is_flag(settings, "fallback-stores"):
        words += [word for store in settings.store.fallbacks for word in ("--fallback-store", store)]
    return tuple(words)


def _is_flag(settings: Settings, option: str) -> bool:
    return settings.origins[option].rank is SourcePriority.FLAG
