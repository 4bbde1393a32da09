"""The repository speaks of the product, and of nothing that only somebody's machine has."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.pages import read
from tests.support.program import ROOT

THIS = Path(__file__).resolve()
STRANGE = {
    "a path of somebody's machine": r"(?<![\w/])/(?:work|opt/dev|home/\w+|Users/\w+)/",
    "a number of some tracker": r"(?i)\bissue \d+\b|(?<![\w#/&])#\d{2,}\b",
    "an index of packages": r"\b(?:pypi|files\.pythonhosted|registry\.npmjs|index\.docker)\.\w+",
    "who or what wrote a line": r"(?i)co-authored-by|\b(?:written|made|generated) (?:by|with) (?:an? )?(?:ai|llm)\b",
    "a word that was left for later": r"\b(?:TODO|FIXME|XXX)\b",
}
TEXTS = {".py", ".md", ".yml", ".toml", ".sh", ".txt", ".in", ".ini", ""}


def list_files() -> list[Path]:
    """Return every text that git keeps, but for this one, which names what it looks for."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    names = (ROOT / name for name in done.stdout.split("\0") if name)
    return [file for file in names if file.is_file() and file.suffix in TEXTS and file != THIS]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a clone; git knows which files are the repository's")
@pytest.mark.parametrize("what", STRANGE)
def test_the_repository_speaks_of_the_product_only(what: str) -> None:
    """Whoever clones it meets nothing that does not concern them."""
    found = [
        f"{file.relative_to(ROOT)}: {match[0]}"
        for file in list_files()
        if (match := re.search(STRANGE[what], file.read_text(encoding="utf-8", errors="replace")))
    ]

    assert found == []


def test_the_changelog_has_a_place_for_what_comes_next() -> None:
    """In the form that tools read."""
    headings = re.findall(r"^## (.+)$", read(ROOT / "CHANGELOG.md"), re.MULTILINE)

    assert headings[0] == "[Unreleased]"


def test_the_licence_is_the_one_that_the_package_names() -> None:
    """Apache-2.0, in full."""
    licence = read(ROOT / "LICENSE")

    assert 'license = "Apache-2.0"' in read(ROOT / "pyproject.toml")
    assert "Apache License" in licence
    assert len(licence.splitlines()) > 200
