"""Showing texts that others wrote: a name may hold a newline or a terminal's control sequence."""

from __future__ import annotations

import re

import msgspec

# C0 and C1 controls, and the marks that turn the direction of writing: none of them reaches a terminal or a log.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_LONGEST_SHOWN = 200


def shorten(text: str) -> str:
    """Give a text that is no longer than anybody reads: what is too long loses its middle."""
    half = _LONGEST_SHOWN // 2
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:half]}…{text[-half:]}"


def say_number(number: int, one: str, several: str = "") -> str:
    """Give `1 point`, `5,000 points`; `several` where an s does not make the plural."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def encode_json(value: object) -> str:
    """Give JSON of any value. A file name's bytes that are no UTF-8 are shown escaped, as elsewhere."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        return msgspec.json.encode(_show_strays(msgspec.to_builtins(value))).decode()


def _show_strays(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_show_strays(name): _show_strays(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_show_strays(inner) for inner in value]
    return value


def escape_controls(text: str) -> str:
    r"""Give a text of one line, with every control character as `\n`, `\x1b` or `\u202e`."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)
