"""Decide which collection an alias belongs to when several snapshots had it: it was moved between two runs."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec


class AliasClaim(msgspec.Struct, frozen=True):
    """One collection's snapshot, when it was made (aware), and the aliases that the collection had then."""

    collection: str
    created: datetime
    aliases: tuple[str, ...]


def find_lost_aliases(claims: Iterable[AliasClaim]) -> Mapping[str, tuple[tuple[str, str], ...]]:
    """Return for each collection the aliases that belong to another one by now, each with that collection.

    The newest snapshot decides. Between two of one second the name decides, so that it is always the same one.
    """
    ordered = sorted(claims, key=lambda claim: (claim.created, claim.collection))
    owners = {alias: claim.collection for claim in ordered for alias in claim.aliases}
    lost = {
        claim.collection: tuple(
            (alias, owners[alias]) for alias in claim.aliases if owners[alias] != claim.collection
        )
        for claim in ordered
    }
    return {collection: aliases for collection, aliases in lost.items() if aliases}
