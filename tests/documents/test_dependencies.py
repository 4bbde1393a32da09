"""Every package that is asked for has its line, and every line its package."""

from __future__ import annotations

import tomllib

from packaging.requirements import Requirement

from tests.commands.program import ROOT
from tests.documents.pages import list_code, list_rows

PAGE = ROOT / "docs" / "dependencies.md"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ROOMS = {
    "dependencies": PROJECT["project"]["dependencies"],
    **PROJECT["project"]["optional-dependencies"],
    "build": PROJECT["build-system"]["requires"],
}


def test_every_package_has_its_line() -> None:
    """In `pyproject.toml` and on the page are the same ones."""
    asked = {Requirement(each).name.lower() for room in ROOMS.values() for each in room} - {"qdrant-restore"}
    explained = [list_code(row[0])[0] for row in list_rows(PAGE, "Package")]

    assert sorted(explained) == sorted(asked)


def test_no_package_is_called_unused_that_is_used() -> None:
    """By the program; what only the tests ask for may be named there too."""
    used = {Requirement(each).name.lower() for each in PROJECT["project"]["dependencies"]}
    unused = {list_code(row[0])[0] for row in list_rows(PAGE, "Not used")}

    assert unused & used == set()
    assert {"requests", "pydantic-settings", "structlog"} <= unused
