"""One word per idea: what has a word of its own is not called something else on any page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.pages import list_pages, read
from tests.support.program import ROOT

PAGES = list_pages()
# What is not said, and what it is called here.
NOT_SAID = {
    "dump": "snapshot",
    "backup file": "snapshot",
    "backend": "store",
    "catalog": "manifest, or list",
    "purge": "prune",
    "garbage": "what killed runs left",
    "cleanup": "prune, or tidy",
    "clean up": "prune, or remove",
    "md5": "checksum",
    "partition": "shard",
    "test restore": "drill",
    "destination": "target",
    "restore test": "drill",
}
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_idea_has_one_word(page: Path) -> None:
    """In prose; what a command or another program says stays as it is."""
    prose = re.sub(r"`[^`\n]+`", "", _FENCED.sub("", read(page)))
    found = {word: meant for word, meant in NOT_SAID.items() if re.search(rf"\b{word}s?\b", prose, re.IGNORECASE)}

    assert found == {}


def test_nothing_is_fetched_under_a_name_that_is_nobodys() -> None:
    """The package is installed from a clone; a hint adds an extra where it is installed."""
    typed = [line for page in PAGES for block in _FENCED.findall(read(page)) for line in block.splitlines()]

    assert [line for line in typed if re.search(r"pip install\b.*\bqdrant-restore\b", line)] == []
