"""Shell patterns choose collections: includes widen, excludes win, markers are never collections."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.qdrant.collection_names import name_marker
from restore.settings.selection import select_collections

NAMES = st.text(st.sampled_from("aAb_*?[]-.%/é"), min_size=1, max_size=6)
PATTERNS = st.lists(st.text(st.sampled_from("aAb_*?[]-.%é"), min_size=1, max_size=5), max_size=4).map(tuple)
PLAIN = st.text(st.sampled_from("aAb_-.%é/"), min_size=1, max_size=6)

SOME = ("Airports", "airlines", "cities", "cities_test", "towns[1]", "towns_test")


@pytest.mark.parametrize(
    ("include", "exclude", "meant"),
    [
        ((), (), SOME),
        (("A*",), (), ("Airports",)),
        (("*_test",), (), ("cities_test", "towns_test")),
        ((), ("*_test",), ("Airports", "airlines", "cities", "towns[1]")),
        (("cities*", "towns*"), ("*_test",), ("cities", "towns[1]")),
        (("cities",), ("cities",), ()),
        (("[Aa]*",), ("?i*nes",), ("Airports",)),
        (("towns[[]1]",), (), ("towns[1]",)),
        (("cit",), (), ()),
    ],
)
def test_patterns_mean_what_a_shell_means(
    include: tuple[str, ...], exclude: tuple[str, ...], meant: tuple[str]
) -> None:
    """Whole names, letters as they are, excludes last."""
    assert select_collections(SOME, include, exclude) == meant


@given(st.lists(NAMES), PATTERNS, PATTERNS)
def test_excludes_win(names: list[str], include: tuple[str, ...], exclude: tuple[str, ...]) -> None:
    """What a pattern excludes is never chosen, whatever includes it."""
    chosen = select_collections(names, include, exclude)
    assert set(chosen) & set(select_collections(names, exclude) if exclude else ()) == set()
    assert set(chosen) <= set(select_collections(names, include))


@given(st.lists(NAMES), PATTERNS, PATTERNS)
def test_one_more_include_never_takes_a_collection_away(
    names: list[str], include: tuple[str, ...], more: tuple[str, ...]
) -> None:
    """Includes are ORed; the first one is another matter, it ends that everything is meant."""
    assert not include or set(select_collections(names, include)) <= set(select_collections(names, include + more))


@given(st.lists(PLAIN), PLAIN)
def test_a_name_without_wildcards_means_itself_alone(names: list[str], name: str) -> None:
    """A collection with a longer name that begins alike is not selected."""
    assert select_collections([*names, name, name + "_v2"], (name,)) == (name,)


@given(PATTERNS, PATTERNS)
def test_marks_are_never_chosen(include: tuple[str, ...], exclude: tuple[str, ...]) -> None:
    """Not by `--all`, not by a pattern that says their very name."""
    mark = name_marker("cities", 1)
    assert select_collections([mark], (*include, mark, "*"), exclude) == select_collections([mark]) == ()
