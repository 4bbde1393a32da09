"""The troubleshooting page has an entry for every sentence that the program can end with, and for no other."""

from __future__ import annotations

import re

from tests.support.error_sentences import list_raised, list_texts
from tests.support.program import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")


def list_entries() -> list[str]:
    """Return the texts of the page's entries: list items that are nothing but code."""
    return [found.strip("` ") for found in re.findall(r"^- (``.+``|`[^`]+`)$", PAGE, re.MULTILINE)]


def test_every_expected_error_has_its_entry() -> None:
    """Whoever searches the page for a message finds it."""
    entries = set(list_entries())

    assert [sentence for sentence in list_raised() if sentence.text not in entries] == []


def test_every_entry_is_something_that_the_program_says() -> None:
    """An entry whose message was changed or removed is not left behind."""
    texts = list_texts()

    assert [entry for entry in list_entries() if entry not in texts] == []


def test_no_entry_stands_twice() -> None:
    """One message, one explanation."""
    entries = list_entries()

    assert sorted(set(entries)) == sorted(entries)
    assert len(entries) > 100
