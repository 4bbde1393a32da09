"""The pages of this repository as tests read them: blocks of code behind a mark, rows of tables, links, headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.program import ROOT

README = ROOT / "README.md"
_BLOCK = re.compile(r"^```[a-z]*\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?P<target>[^)\s]+)\)")


def list_pages() -> list[Path]:
    """Return every page that people are meant to read."""
    folders = (ROOT, ROOT / "docs", ROOT / "examples", ROOT / "qdrant_snapshots")
    found = [page for folder in folders for page in sorted(folder.glob("*.md"))]
    return found + sorted((ROOT / "examples").glob("*/*.md"))


def read(page: Path) -> str:
    """Return a page's text."""
    return page.read_text(encoding="utf-8")


def list_blocks(page: Path, mark: str) -> list[str]:
    """Return the code of every block that follows `<!-- mark -->`."""
    parts = read(page).split(f"<!-- {mark} -->\n")[1:]
    return [found["code"] for part in parts if (found := _BLOCK.match(part))]


def list_rows(page: Path, heading: str) -> list[tuple[str, ...]]:
    """Return the rows of every table whose heading row begins with `| heading |`, each a tuple of its cells."""
    rows: list[tuple[str, ...]] = []
    inside = False
    for line in read(page).splitlines():
        inside = line.startswith("|") and (inside or line.startswith(f"| {heading} |"))
        if inside and not line.startswith((f"| {heading} |", "|---")):
            rows.append(tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]))
    return rows


def list_code(cell: str) -> list[str]:
    """Return the texts in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def list_links(page: Path) -> list[str]:
    """Return the targets of a page's links that lead to something in this repository."""
    text = _FENCED.sub("", read(page))
    return [found["target"] for found in _LINK.finditer(text) if "://" not in found["target"]]


def list_anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as code hosts make them."""
    return set(_make_anchors(_FENCED.sub("", read(page))))


def _make_anchors(text: str) -> Iterator[str]:
    for found in _HEADING.finditer(text):
        plain = re.sub(r"[`*]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", found["text"])).strip().lower()
        yield re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
