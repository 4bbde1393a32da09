"""Every package that is asked for has its line, and every line its package."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.pages import list_code, list_rows, read
from tests.support.program import ROOT

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


def test_every_import_is_of_a_package_that_is_asked_for() -> None:
    """Nothing is there by chance, because some other package brings it; but for what `testcontainers` wraps."""
    installed = packages_distributions()
    asked = {canonicalize_name(Requirement(each).name) for room in ROOMS.values() for each in room} | {"docker"}
    strangers = {
        name
        for room in ("restore", "qdrant_embedded", "tests", "bench", "examples")
        for path in (ROOT / room).rglob("*.py")
        for name in list_imports(path)
        if name not in sys.stdlib_module_names and not (ROOT / name).exists()
        if not list((ROOT / "examples").rglob(f"{name}.py"))
        if not asked & {canonicalize_name(distribution) for distribution in installed.get(name, [])}
    }

    assert strangers == set()


def list_imports(path: Path) -> set[str]:
    """Return the packages that a module imports, anywhere in it."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    whole = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    parts = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in whole | parts}


def test_every_tool_that_tests_start_has_its_line() -> None:
    """What `make test-stores` installs, and what a test is skipped without."""
    explained = {tool for row in list_rows(PAGE, "Tool") for tool in list_code(row[0])}
    tests = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests").rglob("*.py")))
    asked = set(re.findall(r'which\("([a-z-]+)"\)', tests)) - {"go", "npm", "make"}
    modules = re.findall(
        r'^[A-Z_]+ = "(?:[^"]+/)?([a-z-]+)@',
        read(ROOT / "tests" / "support" / "bucket_server_installs.py"),
        re.MULTILINE,
    )

    assert sorted((asked | set(modules)) - explained) == []


def test_no_package_is_called_unused_that_is_used() -> None:
    """By the program; what only the tests ask for may be named there too."""
    used = {Requirement(each).name.lower() for each in PROJECT["project"]["dependencies"]}
    unused = {list_code(row[0])[0] for row in list_rows(PAGE, "Not used")}

    assert unused & used == set()
    assert {"pydantic-settings", "qdrant-client", "urllib3"} <= unused
