"""Numbers with their nouns: one is one, everything else is several."""

from __future__ import annotations

import re

import pytest

from restore.system.text import format_count
from tests.support.program import ROOT

COUNTED = re.compile(
    r"\} (?:points|snapshots|collections|files|bytes|searches|sampled points|sets|shards|samples|vectors|uploads)\b"
)
# What cannot be one: the number is a constant, or was compared before.
NEVER_ONE = {
    "_LARGEST_FILE",
    "most",
    "len(names)",
    "len(matching)",
}


@pytest.mark.parametrize(
    ("number", "one", "several", "said"),
    [
        (0, "point", "", "0 points"),
        (1, "point", "", "1 point"),
        (2, "point", "", "2 points"),
        (1_234_567, "point", "", "1,234,567 points"),
        (1, "search", "searches", "1 search"),
        (5, "search", "searches", "5 searches"),
    ],
)
def test_one_is_one(number: int, one: str, several: str, said: str) -> None:
    """Never `1 points`."""
    assert format_count(number, one, several) == said


def test_no_sentence_counts_without_asking_whether_it_is_one() -> None:
    """Whatever is counted in a message goes through `format_count`."""
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sorted((ROOT / "restore").rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if COUNTED.search(line) and '"""' not in line
    ]
    assert [one for one in found if not any(f"{{{name}" in one for name in NEVER_ONE)] == []
