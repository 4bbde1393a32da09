"""Retention against a second implementation: the words of docs/retention.md, said again as plainly as can be.

It shares nothing with the program but the values: calendar periods by their names in text, one question per snapshot
and rule, no sorting by keys of its own making.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from restore.retention.model import RetentionCandidate
from restore.retention.rule import RetentionRule, apply_rule

DAY = 86_400.0
PERIODS: dict[str, Callable[[datetime], str]] = {
    "keep_hourly": lambda at: at.strftime("%Y-%m-%dT%H"),
    "keep_daily": lambda at: at.strftime("%Y-%m-%d"),
    "keep_weekly": lambda at: at.strftime("%G-W%V"),
    "keep_monthly": lambda at: at.strftime("%Y-%m"),
    "keep_yearly": lambda at: at.strftime("%Y"),
}


def is_newer(one: RetentionCandidate, other: RetentionCandidate) -> bool:
    """Return True if one was made after the other: by its time, then its number within the second, then its name."""
    if one.created != other.created:
        return one.created > other.created
    return (one.sequence, one.file) > (other.sequence, other.file)


def keeps(one: RetentionCandidate, neighbours: list[RetentionCandidate], rule: RetentionRule, now: datetime) -> bool:
    """Return True if the documented rule keeps a snapshot; `neighbours` are its collection's, itself included."""
    if one.is_latest or one.pinned or one.being_read or one.created > now:
        return True
    counted = [other for other in neighbours if other.verified and other.created <= now]
    if not one.verified and not any(is_newer(other, one) for other in counted):
        return True
    newest = next((other for other in counted if not any(is_newer(third, other) for third in counted)), None)
    anchor = newest.created if newest else now
    newer = [other for other in counted if is_newer(other, one)]
    replaced_at = min((other.created for other in newer), default=anchor)
    if (anchor - replaced_at).total_seconds() < rule.grace_seconds:
        return True
    if one not in counted:
        return False
    if len(newer) < max(rule.keep_last or 0, rule.min_keep):
        return True
    if rule.keep_within_seconds and (anchor - one.created).total_seconds() <= rule.keep_within_seconds:
        return True
    return any(keeps_period(one, counted, newer, getattr(rule, word) or 0, word) for word in PERIODS)


def keeps_period(  # noqa: PLR0917
    one: RetentionCandidate,
    counted: list[RetentionCandidate],
    newer: list[RetentionCandidate],
    wanted: int,
    word: str,
) -> bool:
    """Keep the newest of each of the last so many periods that have one, and the oldest of all while few have."""
    period, *periods = (PERIODS[word](other.created.astimezone(UTC)) for other in (one, *counted))
    later = {PERIODS[word](other.created.astimezone(UTC)) for other in newer}
    if period not in later and len(later) < wanted:
        return True
    return len(set(periods)) < wanted and len(newer) == len(counted) - 1


# Ends of years, of ISO weeks and of months, leap days, and the hours in which clocks are changed.
CORNERS = [
    datetime(2024, 2, 29, 0, 30, tzinfo=UTC),
    datetime(2024, 12, 29, 23, 30, tzinfo=UTC),
    datetime(2024, 12, 30, 0, 30, tzinfo=UTC),
    datetime(2021, 1, 3, 23, 59, 59, tzinfo=UTC),
    datetime(2021, 1, 4, tzinfo=UTC),
    datetime(2026, 3, 29, 0, 59, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2027, 1, 1, tzinfo=UTC),
]
STEPS = st.sampled_from([0, 1, 59, 3600, 5400, 86_400, 6 * 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400])
ZONES = st.sampled_from([-660, -30, 0, 330, 840]).map(lambda minutes: timezone(timedelta(minutes=minutes)))
ANY_MOMENT = st.integers(0, 8 * 365 * 86_400).map(lambda seconds: CORNERS[0] + timedelta(seconds=seconds))
COUNTS = st.none() | st.integers(0, 5)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[RetentionCandidate], datetime]:
    """Return the snapshots of one or two collections around a corner of the calendar, and a moment near them."""
    at: datetime = draw(st.sampled_from(CORNERS) | ANY_MOMENT)
    found: list[RetentionCandidate] = []
    for place in range(1, draw(st.integers(0, 18)) + 1):
        at += timedelta(seconds=draw(STEPS) * draw(st.sampled_from([-1, 1, 1])))
        found.append(
            RetentionCandidate(
                file=f"{draw(st.integers(0, 9))}-{place}",
                collection=draw(st.sampled_from(["docs", "docs", "docs_v2"])),
                created=at.astimezone(draw(ZONES)),
                sequence=draw(st.integers(1, 3)),
                verified=draw(st.sampled_from([True, True, False])),
                is_latest=draw(st.sampled_from([False, False, False, False, True])),
                pinned=draw(st.sampled_from([False, False, False, False, True])),
            )
        )
    return found, at + timedelta(seconds=draw(STEPS) * draw(st.sampled_from([-1, 0, 1, 1])))


@st.composite
def rules(draw: st.DrawFn) -> RetentionRule:
    """Return a rule that keeps something."""
    rule = RetentionRule(
        keep_last=draw(COUNTS),
        **{word: draw(COUNTS) for word in PERIODS},
        keep_within_seconds=draw(st.none() | st.sampled_from([0.0, 1.0, 3600.0, DAY, 7 * DAY, 400 * DAY])),
        min_keep=draw(st.integers(0, 3)),
        grace_seconds=draw(st.sampled_from([0.0, 0.0, 3600.0, 2 * DAY])),
    )
    assume(not rule.is_empty and not rule.keeps_nothing)
    return rule


@settings(max_examples=600)
@given(histories(), rules())
@example(([], CORNERS[0]), RetentionRule(keep_last=1))
def test_what_stays_is_what_the_documented_words_keep(
    made: tuple[list[RetentionCandidate], datetime], rule: RetentionRule
) -> None:
    """For any history, rule and clock, snapshot by snapshot."""
    history, now = made
    expected = {
        one.file
        for one in history
        if keeps(one, [other for other in history if other.collection == one.collection], rule, now)
    }
    assert {one.file for one in apply_rule(history, rule, now).kept} == expected


@pytest.mark.parametrize(
    ("moments", "rule", "stay"),
    [
        # The night in which Berlin's clocks go back has an hour twice; in UTC it is two.
        (["2026-10-25T00:30", "2026-10-25T01:30"], RetentionRule(keep_hourly=2), [0, 1]),
        # The day on which they go forward has 23 hours, and is one day.
        (["2026-03-28T23:30", "2026-03-29T00:30", "2026-03-29T22:30"], RetentionRule(keep_daily=2), [0, 2]),
        # Sunday, 3 January 2021 is the last day of 2020's week 53; Monday begins 2021's first.
        (["2020-12-31T12:00", "2021-01-03T12:00", "2021-01-04T12:00"], RetentionRule(keep_weekly=2), [1, 2]),
        # 30 December 2024 is in the first week of 2025, with 1 January.
        (["2024-12-29T12:00", "2024-12-30T12:00", "2025-01-01T12:00"], RetentionRule(keep_weekly=2), [0, 2]),
        # … and in another year and month than it.
        (["2024-12-29T12:00", "2024-12-30T12:00", "2025-01-01T12:00"], RetentionRule(keep_yearly=2), [1, 2]),
        (["2024-12-30T12:00", "2024-12-31T23:59", "2025-01-01T00:00"], RetentionRule(keep_monthly=2), [1, 2]),
        # A leap day is a day, and its month ends with it.
        (["2024-02-28T12:00", "2024-02-29T12:00", "2024-03-01T12:00"], RetentionRule(keep_daily=3), [0, 1, 2]),
        (["2024-02-28T12:00", "2024-02-29T12:00", "2024-03-01T12:00"], RetentionRule(keep_monthly=2), [1, 2]),
        # The 366th day is more than a year of 365 from the newest.
        (["2024-01-01T00:00", "2024-12-31T00:00"], RetentionRule(keep_within_seconds=365 * DAY), [0, 1]),
        (["2024-01-01T00:00", "2024-12-31T00:01"], RetentionRule(keep_within_seconds=365 * DAY), [1]),
    ],
)
def test_the_ends_of_days_weeks_months_and_years(moments: list[str], rule: RetentionRule, stay: list[int]) -> None:
    """In UTC, with weeks from Monday as ISO 8601 numbers them."""
    history = [
        RetentionCandidate(file=str(place), collection="docs", created=datetime.fromisoformat(f"{text}:00+00:00"))
        for place, text in enumerate(moments)
    ]
    now = datetime.combine(date(2027, 6, 1), datetime.min.time(), UTC)
    assert [int(one.file) for one in apply_rule(history, rule, now).kept] == stay
