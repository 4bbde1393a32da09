"""Links between the pages lead somewhere, and every page is reached from the README."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.pages import README, list_anchors, list_links, list_pages, read
from tests.support.program import ROOT

PAGES = list_pages()


def follow(page: Path, target: str) -> tuple[Path, str]:
    """Return the file and the anchor that a link means."""
    name, _, anchor = target.partition("#")
    return ((page.parent / name).resolve() if name else page), anchor


def list_files() -> list[Path]:
    """Return every file that git keeps."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in done.stdout.split("\0") if name]


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file that is there, and to a heading in it."""
    found = {target: follow(page, target) for target in list_links(page)}
    missing = [target for target, (file, _) in found.items() if not file.exists()]
    astray = [
        target
        for target, (file, anchor) in found.items()
        if anchor and file.suffix == ".md" and file.exists() and anchor not in list_anchors(file)
    ]

    assert (missing, astray) == ([], [])


def test_every_page_is_reached_from_the_readme() -> None:
    """By following links from page to page."""
    reached, left = set(), {README}
    while left:
        page = left.pop()
        reached.add(page)
        left |= {file for file, _ in (follow(page, target) for target in list_links(page)) if file.suffix == ".md"}
        left -= reached

    assert sorted(set(PAGES) - reached - {ROOT / "qdrant_snapshots" / "README.md"}) == []


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a clone; git knows which files are the repository's")
def test_every_page_that_the_code_names_exists() -> None:
    """A comment that sends its reader to a page sends nobody nowhere."""
    known = {page.name for page in PAGES} | {"NAME.md"}
    named = {
        f"{file.relative_to(ROOT)}: {name}"
        for file in list_files()
        if file.suffix in {".py", ".yml", ".toml", ".sh", ""} and file.is_file()
        for name in re.findall(r"\b[\w-]+\.md\b", file.read_text(encoding="utf-8", errors="replace"))
        if name not in known
    }

    assert named == set()


def test_no_page_is_empty() -> None:
    """Each has a title and says something."""
    assert [page for page in PAGES if not read(page).startswith("# ") or len(read(page).split()) < 40] == []
