"""The layout of the package: who may import whom, which modules are pure, who prints and reads the environment."""

from __future__ import annotations

import ast
import functools
import graphlib
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "restore"
# What each part may import from the package, besides itself and `errors`; listed from the bottom to the top.
CONTRACT = {
    "errors": "",
    "exit_statuses": "",
    "system": "",
    "snapshots": "system",
    "stores": "snapshots system",
    "qdrant": "snapshots system",
    "sets": "stores qdrant snapshots system",
    "checks": "stores snapshots system",
    "retention": "sets checks stores snapshots system",
    "recovery": "stores qdrant snapshots system",
    "creation": "stores qdrant snapshots system",
    "settings": "recovery retention sets checks stores qdrant snapshots system",
    "monitoring": "settings checks system",
    "commands": "monitoring settings creation recovery retention sets checks stores qdrant snapshots system",
    "daemon": "commands monitoring settings stores system",
    "cli": "daemon commands settings system",
    "__main__": "cli commands system",
}
# What every command may import of the others' parent.
SHARED_BY_COMMANDS = {"factories", "outcome"}
# What else a module of `commands` imports there: secrets are masked in what is sent.
ON_TOP_OF_COMMANDS = {"observe": {"masking"}}
# Whatever touches a socket, a disk, a clock, chance or the machine.
IMPURE = {
    "asyncio", "ctypes", "fcntl", "glob", "http", "io", "logging", "multiprocessing", "os", "pathlib", "platform",
    "random", "secrets", "select", "shutil", "signal", "socket", "ssl", "subprocess", "sys", "tempfile", "threading",
    "time", "urllib.request", "uuid", "filelock", "stamina", "rich", "click", "yaml",
}  # fmt: skip
IMPURE_CALLS = {"open", "print", "input", "datetime.now", "datetime.today", "datetime.utcnow", "date.today"}
# The command line, and the few others that read the environment or write to a stream.
SPEAKING = {
    "commands/factories.py",
    "commands/healthcheck/probe.py",
    "commands/masking.py",
    "system/signals.py",
}
SPOKEN = {
    "print", "exit", "os.environ", "os.environb", "os.getenv", "sys.argv", "sys.exit", "sys.stdout", "sys.stderr",
}  # fmt: skip
# Modules of these names only hold values and decide.
ALWAYS_PURE = {"model", "outcome", "plan", "policy_choices", "report", "request"}
FORBIDDEN_WORDS = {"manager", "helper", "helpers", "util", "utils", "misc", "common"}
MOST_BROAD_EXCEPTS = 2

# A promise is written in words: codes (a letter and a number) that no page defines say nothing. S3 is a service.
CODE = re.compile(r"\b(?:[ADKLNPV]\d{1,2}|S(?!3\b)\d{1,2})\b|\btest_(?:[adklnpv]\d{1,2}|s(?!3_)\d{1,2})_")

FILES = sorted(PACKAGE.rglob("*.py"))
TEXTS = sorted(
    path
    for folder in ("restore", "tests", "docs", "bench", "qdrant_embedded")
    for path in (PACKAGE.parent / folder).rglob("*")
    if path.suffix in {".py", ".md"}
)


@functools.cache
def parse(path: Path) -> ast.Module:
    """Read one module."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def show(path: Path) -> str:
    """Name a file in a parametrized test."""
    return str(path.relative_to(PACKAGE))


def find_part(path: Path) -> str:
    """Return the part of the package that a file belongs to; empty for the package's own `__init__`."""
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if part == "__init__" else part


def find_modules(package: Path) -> dict[str, Path]:
    """Return every module of a package by its dotted name."""
    files = sorted(package.rglob("*.py"))
    names = {path: ".".join(path.relative_to(package.parent).with_suffix("").parts) for path in files}
    return {name.removesuffix(".__init__"): path for path, name in names.items()}


MODULES = find_modules(PACKAGE)


def list_foreign(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, inside functions too; `from a import b` gives `a.b`."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def list_own(path: Path, modules: Collection[str] = MODULES.keys()) -> set[str]:
    """Return those of the modules that a file imports."""
    names = (name if name in modules else name.rpartition(".")[0] for name in list_foreign(path))
    return {name for name in names if "." in name} & set(modules)


def find_import_cycle(package: Path) -> list[str]:
    """Return the modules of one cycle of imports, those inside functions and for types included."""
    modules = find_modules(package)
    imports = {name: list_own(path, modules) - {name} for name, path in modules.items()}
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def list_pure() -> list[str]:
    """Return the modules that their package's docstring calls pure (`Pure: plan, rule.`), and two files beside."""
    pure = ["restore.errors", "restore.exit_statuses"]
    for name, path in MODULES.items():
        found = re.search(r"^Pure: (.*?)\.$", ast.get_docstring(parse(path)) or "", re.DOTALL | re.MULTILINE)
        if path.name == "__init__.py" and found:
            pure += [f"{name}.{word.strip()}" for word in found[1].split(",")]
    return pure


def test_every_part_has_its_place_in_the_contract() -> None:
    """A new package must be given its place above."""
    assert {find_part(path) for path in FILES} - {""} == set(CONTRACT)


def test_the_contract_has_no_circle() -> None:
    """Each part imports only what stands before it."""
    parts = list(CONTRACT)

    assert [part for part in parts if set(CONTRACT[part].split()) - set(parts[: parts.index(part)])] == []


@pytest.mark.parametrize("package", [PACKAGE, PACKAGE.with_name("qdrant_embedded")], ids=lambda path: path.name)
def test_no_modules_import_each_other_in_a_cycle(package: Path) -> None:
    """Each module can be read, and tested, with only the modules below it."""
    assert find_import_cycle(package) == []


@pytest.mark.parametrize("path", [path for path in FILES if find_part(path)], ids=show)
def test_imports_keep_to_the_contract(path: Path) -> None:
    """Imports point down only."""
    part = find_part(path)
    seen = {name.split(".")[1] for name in list_own(path)}

    assert seen - {part, "errors", "exit_statuses"} - set(CONTRACT[part].split()) == set()


@pytest.mark.parametrize("path", [path for path in FILES if find_part(path) == "commands"], ids=show)
def test_commands_do_not_import_each_other(path: Path) -> None:
    """What two of them share moves into a package below."""
    own = path.relative_to(PACKAGE).parts[1].removesuffix(".py")
    seen = {name.split(".")[2] for name in list_own(path) if name.startswith("restore.commands.")}

    assert seen - {own} - SHARED_BY_COMMANDS - ON_TOP_OF_COMMANDS.get(own, set()) == set()


@pytest.mark.parametrize("name", list_pure())
def test_what_is_called_pure_is_pure(name: str) -> None:
    """No socket, no disk, no clock, no environment, and nothing of ours that has: testable with values alone."""
    path = MODULES[name]
    modules = {part for full in list_foreign(path) for part in (full.split(".")[0], full, full.rpartition(".")[0])}
    called = {ast.unparse(node.func) for node in ast.walk(parse(path)) if isinstance(node, ast.Call)}
    own = {other for other in list_own(path) if MODULES[other].name != "__init__.py"}

    assert modules & IMPURE == set()
    assert called & IMPURE_CALLS == set()
    assert own - set(list_pure()) == set()


def test_modules_of_some_names_are_always_pure() -> None:
    """A report or a plan is made from values, and nothing else."""
    assert {name for name in MODULES if name.rpartition(".")[2] in ALWAYS_PURE} - set(list_pure()) == set()


@pytest.mark.parametrize("path", [path for path in FILES if find_part(path) != "cli"], ids=show)
def test_only_the_command_line_prints_exits_and_reads_the_environment(path: Path) -> None:
    """Everybody else is handed what it uses, and says what it has to say through it."""
    used = {ast.unparse(node) for node in ast.walk(parse(path)) if isinstance(node, ast.Name | ast.Attribute)}
    allowed = {"sys.argv", "sys.exit"} if path.name == "__main__.py" else SPOKEN if show(path) in SPEAKING else set()

    assert used & SPOKEN <= allowed


def test_there_are_at_most_two_broad_excepts() -> None:
    """One at the command line, one where a thread must not die unheard."""
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
    """`manager`, `helper` and their kin say nothing."""
    defined = (
        node.name
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    )
    words = {word.lower() for name in {*defined, path.stem} for word in re.split(r"_|(?<=[a-z])(?=[A-Z])", name)}

    assert words & FORBIDDEN_WORDS == set()


def test_promises_stand_in_words() -> None:
    """No code of letters and numbers stands in code, tests or pages, because no page defines any."""
    found = [f"{path}: {code}" for path in TEXTS for code in CODE.findall(path.read_text(encoding="utf-8"))]
    assert not found


@pytest.mark.parametrize("path", FILES, ids=show)
def test_every_module_says_what_it_is(path: Path) -> None:
    """The file list reads as a table of contents."""
    assert ast.get_docstring(parse(path))


def _raises_again(handler: ast.ExceptHandler) -> bool:
    """Return True if the last thing an except does is to pass the same error on."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None
