"""Every block on every page is shown by a test, or says what it would need that is not here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.pages import list_pages, read
from tests.support.program import ROOT

PAGES = list_pages()
_FENCE = re.compile(r"^(?P<before>[^\n]*)\n```(?P<language>[a-z]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"<!-- (.+) -->\Z")
# What cannot be had where the tests run; `make test-compose` has the first.
ABSENT = {
    "a Docker engine",
    "Podman",
    "packages from the network",
    "an account at the provider",
    "the tests themselves",
}
TESTS = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests").rglob("*.py")))


class Block(NamedTuple):
    """A block as it stands on a page: its mark, empty without one, its language and what is in it."""

    page: str
    mark: str
    language: str
    code: str


def list_blocks() -> list[Block]:
    """Return every block of every page."""
    return [
        Block(
            str(page.relative_to(ROOT)),
            found[1] if (found := _MARK.search(block["before"])) else "",
            block["language"],
            block["code"],
        )
        for page in PAGES
        for block in _FENCE.finditer(read(page))
    ]


BLOCKS = list_blocks()


def find_reader(mark: str) -> bool:
    """Return True if a test asks for blocks with this mark: by its whole name, or by its family's and a variable."""
    family, _, _ = mark.partition(": ")
    return f'"{mark}"' in TESTS or f'"{family}: {{' in TESTS or f"<!-- {family}: " in TESTS


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_block_has_a_mark_that_a_test_reads(page: Path) -> None:
    """A block that nobody tries is where a page begins to lie."""
    here = [block for block in BLOCKS if block.page == str(page.relative_to(ROOT))]
    bare = [block.code.splitlines()[0] for block in here if not block.mark]
    unread = [
        block.mark
        for block in here
        if block.mark and not block.mark.startswith("elsewhere: ") and not find_reader(block.mark)
    ]

    assert (bare, unread) == ([], [])


def test_what_is_not_tried_says_what_it_needs() -> None:
    """And it is one of few things."""
    needs = {block.mark.removeprefix("elsewhere: ") for block in BLOCKS if block.mark.startswith("elsewhere: ")}

    assert needs == ABSENT


def test_nothing_of_ours_hides_among_what_is_not_tried() -> None:
    """What needs no engine and no network is not called absent."""
    ours = [
        (block.page, line)
        for block in BLOCKS
        if block.mark.startswith("elsewhere: ")
        for line in block.code.splitlines()
        if line.startswith("qdrant-restore ")
    ]

    assert ours == []


def test_all_the_blocks_were_found() -> None:
    """As many as there are fences."""
    fences = sum(len(re.findall("^```", read(page), re.MULTILINE)) for page in PAGES)

    assert len(BLOCKS) * 2 == fences
    assert len(BLOCKS) > 60
