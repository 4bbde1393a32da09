"""The rotating sample of `verify`: whatever was recorded before, every file is read in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.checks.record import (
    EMBEDDED,
    RESTORE,
    CheckDocument,
    CheckResult,
    Depth,
    FailedCheck,
    PassedCheck,
    SampleShare,
    add_failure,
    add_success,
    find_last_check,
    find_last_proven,
    parse_share,
)
from restore.commands.verify.sampling import LastChecked, find_last_checked, select_oldest

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
HISTORIES = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=4),
    st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2050, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)),  # noqa: DTZ001 - made aware just here
    max_size=40,
)
SHARES = st.integers(1, 60).flatmap(lambda of: st.integers(1, of).map(lambda some: SampleShare(some, of)))


@given(history=HISTORIES, share=SHARES, pauses=st.lists(st.integers(1, 10**6), min_size=60, max_size=60))
def test_every_file_is_read_within_as_many_runs_as_the_share_goes_into_all(
    history: dict[str, datetime | None], share: SampleShare, pauses: list[int]
) -> None:
    """With any history, also one of a clock that was wrong: ceil(1 / share) runs cover everything."""
    known, read, now = dict(history), set[str](), NOW
    for pause in pauses[: -(-share.denominator // share.numerator)]:
        now += timedelta(seconds=pause)
        sample = select_oldest([LastChecked(file=file, at=at) for file, at in known.items()], share, now)
        known.update(dict.fromkeys(sample, now))
        read.update(sample)

    assert read == set(history)


@given(history=HISTORIES, share=SHARES)
def test_a_sample_is_no_larger_than_its_share(history: dict[str, datetime | None], share: SampleShare) -> None:
    """The cost is bounded: n/m of the files, rounded up."""
    sample = select_oldest([LastChecked(file=file, at=at) for file, at in history.items()], share, NOW)

    assert len(sample) == len(set(sample)) == share.count(len(history))
    assert len(sample) * share.denominator < len(history) * share.numerator + share.denominator


def test_the_oldest_check_comes_first_and_what_was_never_read_before_it() -> None:
    """And a time that has not come yet was never read."""
    files = [
        LastChecked(file="new", at=NOW - HOUR),
        LastChecked(file="old", at=NOW - 9 * HOUR),
        LastChecked(file="never"),
        LastChecked(file="future", at=NOW + HOUR),
    ]

    assert [select_oldest(files, SampleShare(some, 4), NOW) for some in (1, 2, 3)] == [
        ("future",),
        ("future", "never"),
        ("future", "never", "old"),
    ]


def test_a_shallow_look_covers_no_deeper_one() -> None:
    """A file that was only listed has never been hashed; one whose inside was looked at has."""
    listed = add_success(CheckDocument(), Depth.LIST, PassedCheck(at=NOW, result=CheckResult.AS_PROMISED))
    opened = add_success(CheckDocument(), Depth.ARCHIVE, PassedCheck(at=NOW, result=CheckResult.AS_PROMISED))

    assert [find_last_checked("one", listed, depth).at for depth in Depth] == [NOW, None, None]
    assert [find_last_checked("one", opened, depth).at for depth in Depth] == [NOW, NOW, NOW]


def test_a_failed_look_covers_too() -> None:
    """Or one damaged file would be every run's whole sample."""
    failed = add_failure(CheckDocument(), FailedCheck(at=NOW, depth=Depth.HASH, problem="damaged"))

    assert [find_last_checked("one", failed, depth).at for depth in Depth] == [NOW, NOW, None]


def test_a_success_ends_a_failure_and_a_failure_keeps_the_successes() -> None:
    """Both were true when they were written; what failed a closer look has not passed it by a glance."""
    first = PassedCheck(at=NOW, result=CheckResult.AS_PROMISED, by="1")
    tried = FailedCheck(at=NOW + HOUR, depth=Depth.HASH, problem="damaged")
    again = PassedCheck(at=NOW + 2 * HOUR, result=CheckResult.AS_PROMISED, by="2")
    failed = add_failure(add_success(CheckDocument(), Depth.HASH, first), tried)

    assert failed == CheckDocument(passed={"list": first, "hash": first}, failed=tried)
    assert add_success(failed, Depth.HASH, again) == CheckDocument(passed={"list": again, "hash": again})
    assert add_success(failed, Depth.LIST, again) == CheckDocument(
        passed={"list": again, "hash": first}, failed=tried
    )


def test_proven_is_what_a_server_took_and_its_manifest_promised() -> None:
    """The embedded engine proves less, and so does a snapshot without a manifest."""
    at = [NOW + index * HOUR for index in range(4)]
    promised = [PassedCheck(at=one, result=CheckResult.AS_PROMISED) for one in at]
    whole = PassedCheck(at=NOW + 9 * HOUR, result=CheckResult.WHOLE)
    documents = [
        add_success(CheckDocument(), RESTORE, promised[1]),
        add_success(CheckDocument(), RESTORE, promised[2]),
        add_success(CheckDocument(), EMBEDDED, promised[3]),
        add_success(CheckDocument(), RESTORE, whole),
    ]

    assert find_last_proven(documents) == at[2]
    assert find_last_proven(documents[2:]) is None
    assert find_last_proven([]) is None


def test_the_last_check_is_the_newest_and_of_equals_the_deepest() -> None:
    """One look at depth archive is one of the other two as well."""
    older = PassedCheck(at=NOW, result=CheckResult.AS_PROMISED)
    document = add_success(CheckDocument(), Depth.ARCHIVE, older)
    newer = add_success(document, Depth.LIST, PassedCheck(at=NOW + HOUR, result=CheckResult.AS_PROMISED))

    assert find_last_check(CheckDocument()) is None
    assert find_last_check(document) == (NOW, "archive")
    assert find_last_check(newer) == (NOW + HOUR, "list")


@pytest.mark.parametrize(
    ("text", "share", "of_forty"),
    [
        ("5%", SampleShare(5, 100), 2),
        ("0.5 %", SampleShare(5, 1000), 1),
        ("2/7", SampleShare(2, 7), 12),
        ("100%", SampleShare(100, 100), 40),
    ],
)
def test_a_share_is_read(text: str, share: SampleShare, of_forty: int) -> None:
    """Rounded up, so that a share of a few files is never none."""
    assert (parse_share(text), share.count(40)) == (share, of_forty)


@pytest.mark.parametrize("text", ["", "5", "0%", "101%", "3/2", "0/7", "1/0", "-1%", "half"])
def test_what_is_no_share_is_refused(text: str) -> None:
    """With what was written."""
    with pytest.raises(ValueError, match=f"'{text}' is no"):
        parse_share(text)
