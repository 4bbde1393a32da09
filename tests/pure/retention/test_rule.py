"""Retention as arithmetic: whatever the history, the names, the rule and the clock, these promises hold."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from restore.errors import RefusedError
from restore.retention.model import RetentionCandidate
from restore.retention.rule import Decision, KeptSnapshot, RetentionRule, apply_rule
from restore.snapshots.name import SnapshotName, encode_collection

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
YEAR = timedelta(days=365)
KEEPS = ("keep_last", "keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly")
FIELDS = (*KEEPS, "keep_within_seconds")
DAY = 86_400.0

# Names that begin with one another, and whatever else a person may think of.
NAMES = st.sampled_from(["docs", "docs_v2", "docs-2024", "docs_latest", "docs_20261120_101500", "d", "../docs"])
ANY_NAMES = NAMES | st.text(min_size=1, max_size=20)
# Whole seconds, dense enough that some share a second, an hour or a week, and wide enough for years.
AGES = st.integers(-90, 90) | st.integers(-40 * 24 * 3600, 40 * 24 * 3600) | st.integers(0, 6 * 365 * 24 * 3600)
COUNTS = st.none() | st.integers(0, 6)


def build(collection: str, age: int, place: int, **more: Any) -> RetentionCandidate:  # noqa: ANN401 - its fields
    """Return a snapshot made so many seconds before noon; `place` makes its name its own."""
    created = NOW - timedelta(seconds=age)
    return RetentionCandidate(
        file=str(SnapshotName(encode_collection(collection), created, place)),
        collection=collection,
        created=created,
        sequence=place,
        **more,
    )


@st.composite
def histories(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> list[RetentionCandidate]:
    """Return the snapshots of a few collections, in no order."""
    flags = st.booleans() if draw(st.booleans()) else st.just(False)
    found = []
    for place, (name, age) in enumerate(draw(st.lists(st.tuples(names, AGES), max_size=30)), start=1):
        verified = draw(st.booleans()) or draw(st.booleans())
        found.append(
            build(
                name, age, place, verified=verified, is_latest=draw(flags), pinned=draw(flags), being_read=draw(flags)
            )
        )
    return found


@st.composite
def rules(draw: st.DrawFn) -> RetentionRule:
    """Return a rule that keeps something."""
    rule = RetentionRule(
        **{field: draw(COUNTS) for field in KEEPS},
        keep_within_seconds=draw(st.none() | st.floats(0, 60 * DAY)),
        min_keep=draw(st.integers(0, 4)),
        grace_seconds=draw(st.just(0.0) | st.floats(0, 10 * DAY)),
    )
    assume(not rule.is_empty and not rule.keeps_nothing)
    return rule


def kept(decision: Decision) -> set[str]:
    """Return the files that stay."""
    return {one.file for one in decision.kept}


def decide_for(ages: list[int], rule: RetentionRule, **more: Any) -> list[int]:  # noqa: ANN401 - its fields
    """Return the ages in seconds that stay, newest first, of one collection's verified snapshots."""
    candidates = {build("docs", age, place).file: age for place, age in enumerate(ages, start=1)}
    decision = apply_rule([build("docs", age, place, **more) for place, age in enumerate(ages, start=1)], rule, NOW)
    return sorted(candidates[one.file] for one in decision.kept)


# --- what no rule touches ---------------------------------------------------------------------------------------


@given(histories(ANY_NAMES), rules())
def test_latest_stays(history: list[RetentionCandidate], rule: RetentionRule) -> None:
    """For any history and any rule, the file that latest points at is kept, with that reason."""
    reasons = {one.file: one.reasons for one in apply_rule(history, rule, NOW).kept}
    assert {one.file for one in history if one.is_latest} == {
        file for file, found in reasons.items() if "latest" in found
    }


@given(histories(), rules())
def test_the_floor_of_verified_snapshots_is_never_crossed(
    history: list[RetentionCandidate], rule: RetentionRule
) -> None:
    """At least `min-keep` of each collection stay, or all there are."""
    stays = kept(apply_rule(history, rule, NOW))
    short = [
        name
        for name in {one.collection for one in history}
        if (verified := [one.file for one in history if one.collection == name and one.verified])
        if len(stays & set(verified)) < min(rule.min_keep, len(verified))
    ]
    assert short == []


@given(histories(), rules())
def test_what_was_held_back_counts_for_nothing(history: list[RetentionCandidate], rule: RetentionRule) -> None:
    """Taking the unverified ones away changes nothing about the verified ones."""
    verified = [one for one in history if one.verified]
    with_all, alone = apply_rule(history, rule, NOW), apply_rule(verified, rule, NOW)
    files = {one.file for one in verified}
    assert [one for one in with_all.kept if one.file in files] == list(alone.kept)


@given(histories(), rules())
def test_what_is_newer_than_every_verified_one_stays(history: list[RetentionCandidate], rule: RetentionRule) -> None:
    """A snapshot that was held back is there until a newer one is verified: people were told that it is kept."""
    stays = kept(apply_rule(history, rule, NOW))
    newest = {
        one.collection: max(
            (other.created, other.sequence)
            for other in history
            if other.verified and other.created <= NOW and other.collection == one.collection
        )
        for one in history
        if one.verified and one.created <= NOW
    }
    held = {one.file for one in history if (one.created, one.sequence) > newest.get(one.collection, (one.created, 0))}
    assert held - stays == set()


@given(histories(ANY_NAMES), st.integers(0, 5), st.floats(0, 60 * DAY))
def test_without_a_rule_everything_stays(history: list[RetentionCandidate], floor: int, grace: float) -> None:
    """A floor and a grace period keep, and are no rules by themselves."""
    decision = apply_rule(history, RetentionRule(min_keep=floor, grace_seconds=grace), NOW)
    assert (decision.pruned, {one.reasons for one in decision.kept} - {("no rule is set",)}) == ((), set())


@given(histories(), st.sets(st.sampled_from(FIELDS), min_size=1), st.integers(0, 3))
def test_a_rule_that_would_prune_everything_is_refused(
    history: list[RetentionCandidate], fields: set[str], floor: int
) -> None:
    """Only zeros: status 16, whatever is there."""
    rule = RetentionRule(**dict.fromkeys(fields, 0), min_keep=floor)
    with pytest.raises(
        RefusedError, match=r"^the retention rule keeps nothing: it would prune everything; nothing was deleted$"
    ):
        apply_rule(history, rule, NOW)


@given(histories(ANY_NAMES), rules(), ANY_NAMES)
def test_a_collection_is_pruned_as_if_it_were_alone(
    history: list[RetentionCandidate], rule: RetentionRule, name: str
) -> None:
    """`docs` never touches `docs_v2`, nor any other name that begins with it."""
    alone = apply_rule([one for one in history if one.collection == name], rule, NOW)
    others = apply_rule([one for one in history if one.collection != name], rule, NOW)
    both = apply_rule(history, rule, NOW)
    assert set(both.pruned) == {*alone.pruned, *others.pruned}
    assert kept(both) == kept(alone) | kept(others)


@given(histories(), rules(), st.randoms(use_true_random=False))
def test_names_and_order_of_listing_decide_nothing(
    history: list[RetentionCandidate], rule: RetentionRule, chance: random.Random
) -> None:
    """The manifest's time decides, also under names that sort the other way round, and in any order."""
    renamed = [msgspec.structs.replace(one, file=f"{10**6 - place:07}") for place, one in enumerate(history)]
    names = {one.file: other.file for one, other in zip(history, renamed, strict=True)}
    chance.shuffle(renamed)
    first, second = apply_rule(history, rule, NOW), apply_rule(renamed, rule, NOW)
    assert {names[file] for file in first.pruned} == set(second.pruned)


@given(histories(), rules(), st.integers(-14, 14))
def test_time_zones_decide_nothing(history: list[RetentionCandidate], rule: RetentionRule, hours: int) -> None:
    """Hours, days, weeks and years are UTC's, however a manifest writes its moment."""
    zone = timezone(timedelta(hours=hours))
    moved = [msgspec.structs.replace(one, created=one.created.astimezone(zone)) for one in history]
    assert apply_rule(moved, rule, NOW) == apply_rule(history, rule, NOW)


# --- clocks -----------------------------------------------------------------------------------------------------


@given(histories(), rules())
def test_what_is_dated_in_the_future_stays_and_is_warned_about(
    history: list[RetentionCandidate], rule: RetentionRule
) -> None:
    """Each collection that has some gets its warning."""
    decision = apply_rule(history, rule, NOW)
    future = [one for one in history if one.created > NOW]
    assert {one.file for one in future} - kept(decision) == set()
    assert len(decision.warnings) == len({one.collection for one in future})


@given(histories(), rules(), st.integers(0, 2 * 365 * 24 * 3600))
def test_a_clock_that_is_behind_deletes_nothing_that_a_right_one_keeps(
    history: list[RetentionCandidate], rule: RetentionRule, seconds: int
) -> None:
    """Behind by a year, or by any time."""
    right = apply_rule(history, rule, NOW)
    behind = apply_rule(history, rule, NOW - timedelta(seconds=seconds))
    assert set(behind.pruned) - set(right.pruned) == set()


@given(histories(), rules(), st.integers(0, 2 * 365 * 24 * 3600))
def test_a_clock_that_is_ahead_deletes_nothing_that_a_right_one_keeps(
    history: list[RetentionCandidate], rule: RetentionRule, seconds: int
) -> None:
    """Ahead by a year, or by any time; for snapshots that were made while it was right."""
    past = [one for one in history if one.created <= NOW]
    right = apply_rule(past, rule, NOW)
    assert apply_rule(past, rule, NOW + timedelta(seconds=seconds)).pruned == right.pruned


# --- the rules --------------------------------------------------------------------------------------------------


@given(histories(), rules())
def test_what_is_read_or_pinned_stays(history: list[RetentionCandidate], rule: RetentionRule) -> None:
    """Whatever the rule says."""
    stays = kept(apply_rule(history, rule, NOW))
    assert {one.file for one in history if one.being_read or one.pinned} - stays == set()


@given(histories(), rules())
def test_reading_keeps_what_is_read_and_nothing_else(history: list[RetentionCandidate], rule: RetentionRule) -> None:
    """A dry run may look whether a file is being read only where it would go."""
    idle = [msgspec.structs.replace(one, being_read=False) for one in history]
    read = {one.file for one in history if one.being_read}
    assert set(apply_rule(history, rule, NOW).pruned) == set(apply_rule(idle, rule, NOW).pruned) - read


@given(histories(ANY_NAMES), rules())
def test_every_snapshot_stays_for_a_reason_or_goes(history: list[RetentionCandidate], rule: RetentionRule) -> None:
    """Each is in one of the two lists, and each survivor names at least one reason."""
    decision = apply_rule(history, rule, NOW)
    listed = [one.file for one in decision.kept] + list(decision.pruned)
    assert sorted(listed) == sorted(one.file for one in history)
    assert all(one.reasons for one in decision.kept)


@given(histories(), rules(), st.sampled_from([*FIELDS, "min_keep", "grace_seconds"]), st.integers(1, 10))
@example(
    [build("docs", age, 1) for age in (0, 86400, 2 * 86400)], RetentionRule(keep_daily=2, min_keep=0), "keep_daily", 1
)
def test_raising_any_value_never_deletes_more(
    history: list[RetentionCandidate], rule: RetentionRule, field: str, more: int
) -> None:
    """A snapshot stays when any rule keeps it, and the floor is unconditional."""
    step = more * DAY if field.endswith("seconds") else more
    raised = msgspec.structs.replace(rule, **{field: (getattr(rule, field) or 0) + step})
    assert set(apply_rule(history, raised, NOW).pruned) - set(apply_rule(history, rule, NOW).pruned) == set()


@given(histories(), rules())
def test_what_stayed_stays_the_next_time(history: list[RetentionCandidate], rule: RetentionRule) -> None:
    """A second run deletes nothing: what the first one left is what the rule keeps."""
    stays = kept(apply_rule(history, rule, NOW))
    assert apply_rule([one for one in history if one.file in stays], rule, NOW).pruned == ()


HOUR, DAYS, WEEK = 3600, 86_400, 7 * 86_400


@pytest.mark.parametrize(
    ("ages", "rule", "stay"),
    [
        ([0, 1, 2, 3], RetentionRule(keep_last=2), [0, 1]),
        ([0, 1, 2, 3], RetentionRule(keep_last=1, min_keep=3), [0, 1, 2]),
        ([0, DAYS, 2 * DAYS, 9 * DAYS], RetentionRule(keep_within_seconds=2 * DAY), [0, DAYS, 2 * DAYS]),
        # From the newest one, not from now: nobody has made any for a month.
        ([30 * DAYS, 31 * DAYS, 39 * DAYS], RetentionRule(keep_within_seconds=2 * DAY), [30 * DAYS, 31 * DAYS]),
        # Noon: the newest of each day, and days without one do not count.
        ([0, HOUR, DAYS, DAYS + HOUR, 5 * DAYS, 6 * DAYS], RetentionRule(keep_daily=3), [0, DAYS, 5 * DAYS]),
        ([0, 60, HOUR, HOUR + 60, 2 * HOUR], RetentionRule(keep_hourly=2), [0, 60]),
        ([0, DAYS, WEEK, WEEK + DAYS, 2 * WEEK, 3 * WEEK], RetentionRule(keep_weekly=3), [0, WEEK, 2 * WEEK]),
        ([0, DAYS, 31 * DAYS, 62 * DAYS, 63 * DAYS], RetentionRule(keep_monthly=2), [0, 31 * DAYS]),
        ([0, 365 * DAYS, 730 * DAYS, 731 * DAYS], RetentionRule(keep_yearly=2), [0, 365 * DAYS]),
        # The series is not full yet, so the oldest stays: it will be the year's one day.
        ([0, DAYS, 2 * DAYS], RetentionRule(keep_yearly=1, keep_monthly=2), [0, 2 * DAYS]),
        # Grace counts from when a newer one replaced it: a restore may still read yesterday's.
        ([0, DAYS, 2 * DAYS], RetentionRule(keep_last=1, grace_seconds=HOUR), [0, DAYS]),
        ([0, DAYS, 2 * DAYS, 3 * DAYS], RetentionRule(keep_last=1, grace_seconds=1.5 * DAY), [0, DAYS, 2 * DAYS]),
        # 20 November 2026 is a Friday: Sunday belongs to the week before.
        ([0, 4 * DAYS, 5 * DAYS, 12 * DAYS], RetentionRule(keep_weekly=2), [0, 5 * DAYS]),
    ],
)
def test_each_rule_keeps_what_its_word_says(ages: list[int], rule: RetentionRule, stay: list[int]) -> None:
    """Ages in seconds, seen from Friday, 20 November 2026, noon UTC."""
    assert decide_for(ages, rule) == stay


def test_grace_counts_from_when_a_verified_one_replaced_it() -> None:
    """One that was held back never was the newest, so it ends no other's grace."""
    made = [build("docs", age, 1, verified=age != DAYS) for age in (0, DAYS, 2 * DAYS, 3 * DAYS)]
    rule = RetentionRule(keep_last=1, grace_seconds=HOUR)
    assert apply_rule(made, rule, NOW).pruned == (made[3].file,)


def test_every_reason_is_named() -> None:
    """What a person reads in a dry run."""
    history = [build("docs", age, place) for place, age in enumerate([0, DAYS, 2 * DAYS, 3 * DAYS], start=1)]
    newest = msgspec.structs.replace(history[0], is_latest=True)
    oldest = msgspec.structs.replace(history[3], pinned=True)
    decision = apply_rule([newest, *history[1:3], oldest], RetentionRule(keep_last=1, keep_daily=2), NOW)
    assert decision == Decision(
        kept=(
            KeptSnapshot(oldest.file, ("pinned",)),
            KeptSnapshot(history[1].file, ("daily 2 of 2",)),
            KeptSnapshot(newest.file, ("latest", "last 1 of 1", "min-keep 1 of 1", "daily 1 of 2")),
        ),
        pruned=(history[2].file,),
    )


def test_a_moment_that_has_no_utc_is_no_trouble() -> None:
    """Year 1, east of Greenwich: only an attacker's manifest says so, and it must not end the run."""
    odd = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))
    candidate = msgspec.structs.replace(build("docs", 0, 1), created=odd)
    decision = apply_rule(
        [candidate, build("docs", 0, 2)], RetentionRule(keep_yearly=1, keep_within_seconds=DAY), NOW
    )
    assert decision.pruned == (candidate.file,)
