"""One wanted collection, and what is known of its end before anything was done."""

from __future__ import annotations

import msgspec

from restore.decisions.plan import Plan
from restore.decisions.report import Outcome
from restore.decisions.settings import Settings
from restore.words.offer import Offer, Wanted


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One wanted collection with its plan, or the outcome that it already has."""

    wanted: Wanted
    plan: Plan | None = None
    offer: Offer | None = None
    outcome: Outcome | None = None


def want(settings: Settings, name: str) -> Wanted:
    """Give what is wanted of one collection."""
    return Wanted(collection=name, named=settings.is_named(name), policies=settings.policies_for(name))
