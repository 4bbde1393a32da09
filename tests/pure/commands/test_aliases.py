"""An alias that several snapshots had is that of the newest, whatever their order; everybody else yields it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from restore.commands.restore.aliases import AliasClaim, find_lost_aliases

NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
CLAIMS = st.lists(
    st.builds(
        AliasClaim,
        st.sampled_from(["a", "b", "c", "d"]),
        st.integers(0, 3).map(lambda minutes: NOON - timedelta(minutes=minutes)),
        st.lists(st.sampled_from(["live", "test", "old"]), unique=True).map(tuple),
    ),
    unique_by=lambda claim: claim.collection,
)


@given(CLAIMS, st.randoms(use_true_random=False))
def test_each_alias_is_left_to_one_collection(claims: list[AliasClaim], chance: random.Random) -> None:
    """To that of its newest snapshot; nobody else keeps it, and nobody loses one that he alone had."""
    yielding = find_lost_aliases(claims)
    kept = [
        (alias, one.collection)
        for one in claims
        for alias in one.aliases
        if alias not in dict(yielding.get(one.collection, ()))
    ]
    newest = {
        alias: max((one for one in claims if alias in one.aliases), key=lambda one: (one.created, one.collection))
        for one in claims
        for alias in one.aliases
    }
    assert sorted(kept) == sorted((alias, one.collection) for alias, one in newest.items())
    shuffled = list(claims)
    chance.shuffle(shuffled)
    assert find_lost_aliases(shuffled) == yielding


def test_who_yields_is_told_whose_it_is() -> None:
    """For the warning."""
    claims = [AliasClaim("v1", NOON, ("live", "first")), AliasClaim("v2", NOON + timedelta(days=1), ("live",))]
    assert find_lost_aliases(claims) == {"v1": (("live", "v2"),)}
