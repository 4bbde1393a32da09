"""The floors of the house: imports point down, words and decisions are pure, only doors print and read variables."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[1] / "restore"
# What each floor may import from the house, besides itself.
BELOW = {
    "errors": set(),
    "words": {"errors"},
    "decisions": {"words", "errors"},
    "edges": {"words", "errors"},
    "steps": {"edges", "decisions", "words", "errors"},
    "commands": {"steps", "edges", "decisions", "words", "errors"},
    "doors": {"commands", "steps", "edges", "decisions", "words", "errors"},
}
APART = ("steps", "commands")
# Whatever touches a socket, a disk, a clock, chance or the machine.
IMPURE = {
    "asyncio", "ctypes", "fcntl", "glob", "http", "io", "logging", "multiprocessing", "os", "pathlib", "platform",
    "random", "secrets", "select", "shutil", "signal", "socket", "ssl", "subprocess", "sys", "tempfile", "threading",
    "time", "urllib.request", "uuid", "filelock", "stamina", "rich", "click", "yaml",
}  # fmt: skip
PURE = ("errors", "words", "decisions")
FORBIDDEN_WORDS = {
    "manager", "helper", "util", "utils", "common", "misc", "base", "handler", "core", "data", "info", "processor",
    "wrapper",
}  # fmt: skip
# Qdrant's own word for what it says of a collection.
QDRANTS_WORDS = {"CollectionInfo", "read_info"}
FORBIDDEN_FILES = {"inspect.py", "copy.py", "logging.py", "http.py"}
MOST_BROAD_EXCEPTS = 2

FILES = sorted(HOUSE.rglob("*.py"))


@functools.cache
def parse(path: Path) -> ast.Module:
    """Read one module."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def find_floor(path: Path) -> str:
    """Give the floor that a file stands on: its folder, or `errors`; empty for the package's own two files."""
    parts = path.relative_to(HOUSE).parts
    return parts[0].removesuffix(".py") if parts[0].removesuffix(".py") in BELOW else ""


def find_room(path: Path) -> str:
    """Give the module's unit on its floor: a file, or a folder that is one command."""
    return path.relative_to(HOUSE).parts[1].removesuffix(".py") if len(path.relative_to(HOUSE).parts) > 1 else ""


def list_imports(path: Path) -> Iterator[str]:
    """Give every module that a file imports, inside functions too; `from a import b` gives `a.b`."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def list_names(path: Path) -> Iterator[str]:
    """Give the names of a file's classes and functions."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


def named(floor: str) -> list[Path]:
    """Give the files of a floor."""
    return [path for path in FILES if find_floor(path) == floor]


def show(path: Path) -> str:
    """Name a file in a parametrized test."""
    return str(path.relative_to(HOUSE))


def test_the_house_has_the_floors_that_are_described() -> None:
    """A new folder is a new floor, and must be given its place above."""
    folders = {path.name for path in HOUSE.iterdir() if path.is_dir() and any(path.glob("*.py"))}

    assert folders == set(BELOW) - {"errors"}


@pytest.mark.parametrize("path", [path for path in FILES if find_floor(path)], ids=show)
def test_imports_point_down_only(path: Path) -> None:
    """Doors → commands → steps → edges, decisions → words → errors; edges and decisions do not know each other."""
    floor = find_floor(path)
    seen = {name.split(".")[1] for name in list_imports(path) if name.startswith("restore.")}

    assert (seen & set(BELOW)) - {floor} - BELOW[floor] == set()


@pytest.mark.parametrize("path", [path for floor in APART for path in named(floor)], ids=show)
def test_steps_and_commands_do_not_import_each_other(path: Path) -> None:
    """What two of them share moves down a floor."""
    floor, room = find_floor(path), find_room(path)
    others = {name.split(".")[2] for name in list_imports(path) if name.startswith(f"restore.{floor}.")}

    assert others - {room} == set()


@pytest.mark.parametrize("path", [path for floor in PURE for path in named(floor)], ids=show)
def test_words_and_decisions_are_pure(path: Path) -> None:
    """No socket, no disk, no clock, no environment: testable with values alone."""
    modules = {name for full in list_imports(path) for name in (full.split(".")[0], full, full.rpartition(".")[0])}
    called = {ast.unparse(node.func) for node in ast.walk(parse(path)) if isinstance(node, ast.Call)}

    assert modules & IMPURE == set()
    assert (
        called & {"open", "print", "input", "datetime.now", "datetime.today", "datetime.utcnow", "date.today"}
        == set()
    )


@pytest.mark.parametrize("path", [path for path in FILES if find_floor(path) != "doors"], ids=show)
def test_only_doors_print_exit_and_read_the_environment(path: Path) -> None:
    """Everybody else is handed what it uses, and says what it has to say through it."""
    used = {ast.unparse(node) for node in ast.walk(parse(path)) if isinstance(node, ast.Name | ast.Attribute)}
    forbidden = {
        "print",
        "os.environ",
        "os.getenv",
        "os.environb",
        "sys.argv",
        "sys.exit",
        "sys.stdout",
        "sys.stderr",
        "exit",
    }

    assert used & forbidden <= ({"sys.argv", "sys.exit"} if path.name == "__main__.py" else set())


def test_there_are_at_most_two_broad_excepts() -> None:
    """One at the front door, one where a thread must not die unheard."""
    broad = [
        f"{show(path)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ExceptHandler)
        if node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"}
        if not _raises_again(node)
    ]

    assert len(broad) <= MOST_BROAD_EXCEPTS, broad


@pytest.mark.parametrize("path", FILES, ids=show)
def test_no_try_stands_inside_a_try(path: Path) -> None:
    """Nor inside an except: whoever reads it must know which error is which."""
    inner = [
        child.lineno
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Try)
        for part in (*node.body, *node.handlers)
        for child in ast.walk(part)
        if isinstance(child, ast.Try)
    ]

    assert inner == []


@pytest.mark.parametrize("path", FILES, ids=show)
def test_nothing_has_an_empty_name(path: Path) -> None:
    """`manager`, `helper`, `data` and their kin say nothing."""
    names = {*list_names(path), path.stem} - QDRANTS_WORDS
    words = {word.lower() for name in names for word in re.split(r"_|(?<=[a-z])(?=[A-Z])", name)}

    assert path.name not in FORBIDDEN_FILES
    assert words & FORBIDDEN_WORDS == set()


@pytest.mark.parametrize("path", FILES, ids=show)
def test_every_module_says_what_it_is(path: Path) -> None:
    """The file list reads as a table of contents."""
    assert ast.get_docstring(parse(path))


def _raises_again(handler: ast.ExceptHandler) -> bool:
    """Tell whether the last thing an except does is to pass the same error on."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None
