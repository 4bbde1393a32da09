"""The sentences that the program can say, read from its source: what is put into them is shown as `…`."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from typing import NamedTuple

from tests.support.program import ROOT

# Where a clause about the subject is handed over, and the system's own words follow it.
_CLAUSES = {"error_from_os": 1, "_translated": 0}
# What is handed the whole sentence of an error.
_MAKERS = frozenset({"_refuse"})
# In there a `ValueError` is the second half of a sentence that begins with the setting.
_SETTINGS = "settings/parsers.py"
_SUBJECT = re.compile("^(collection|snapshot) '…'")
_LEAST_LETTERS = 9


class Sentence(NamedTuple):
    """One sentence and where it stands."""

    text: str
    place: str


def list_raised() -> list[Sentence]:
    """Return every sentence with which an expected error is made."""
    return [
        Sentence(text, place)
        for node, place in _walk()
        if isinstance(node, ast.Call) and (argument := _find_sentence(node, place)) is not None
        if (text := write(argument)) and _says_something(text)
    ]


def list_texts() -> set[str]:
    """Return every text there is in the program, in the same form."""
    return {text for node, _ in _walk() if isinstance(node, ast.expr) and (text := write(node))}


def write(node: ast.expr) -> str:
    """Return a text of the source, `…` for each value put into it; empty when it is no text."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            parts = (write(value) if isinstance(value, ast.Constant) else _write_value(value) for value in values)
            return re.sub("…+", "…", "".join(parts))
    return ""


def _write_value(value: ast.expr) -> str:
    """Return `…`; a number with its noun becomes `… points`, as on the page."""
    match value:
        case ast.FormattedValue(
            value=ast.Call(func=ast.Name(id="format_count"), args=[_, ast.Constant(value=str(one)), *several])
        ):
            return "… " + (write(several[0]) if several else f"{one}s")
    return "…"


def _walk() -> Iterator[tuple[ast.AST, str]]:
    for path in sorted((ROOT / "restore").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield node, f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


def _find_sentence(call: ast.Call, place: str) -> ast.expr | None:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    ours = name.endswith("Error") and not hasattr(builtins, name)
    second_half = name == "ValueError" and _SETTINGS in place
    at = 0 if ours or second_half or name in _MAKERS else _CLAUSES.get(name, -1)
    return call.args[at] if 0 <= at < len(call.args) else None


def _says_something(text: str) -> bool:
    return len(re.findall("[A-Za-z]", _SUBJECT.sub("", text))) >= _LEAST_LETTERS
