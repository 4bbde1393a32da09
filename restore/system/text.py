"""Text for people: numbers with nouns, amounts of bytes, shortened and escaped texts, did you mean."""

import re
from collections.abc import Iterable
from datetime import datetime

import msgspec

_SHORT = 3


def edit_distance(one: str, other: str) -> int:
    """Return how many letters must be inserted, deleted or replaced to make one name the other."""
    row = list(range(len(other) + 1))
    for line, letter in enumerate(one, start=1):
        before, row[0] = row[0], line
        for column, second in enumerate(other, start=1):
            changed = before + (letter != second)
            before, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, changed)
    return row[-1]


def find_nearest(name: str, known: Iterable[str], *, edits: int) -> str | None:
    """Return the known name that is nearest to this one; None when it is more than so many edits away."""
    # Names with a greater difference in length cannot be that near, and counting is slow.
    likely = (candidate for candidate in known if abs(len(candidate) - len(name)) <= edits)
    found = min(((edit_distance(name, candidate), candidate) for candidate in likely), default=(edits + 1, ""))
    return found[1] if found[0] <= edits else None


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean …?)` for a name that is nearly a known one, else an empty text."""
    nearest = find_nearest(name, known, edits=max(2, len(name) // 3) if len(name) > _SHORT else 1)
    return f" (did you mean {nearest}?)" if nearest else ""


# C0 and C1 controls, and characters that change the direction of writing: none reaches a terminal or a log.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LONGEST_SHOWN = 200


def truncate_middle(text: str) -> str:
    """Return a text of at most about 200 characters: a longer one loses its middle."""
    half = _LONGEST_SHOWN // 2
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:half]}…{text[-half:]}"


def format_count(number: int, one: str, several: str = "") -> str:
    """Return `1 point`, `5,000 points`; `several` is the plural where it is not formed with an s."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def format_time(at: datetime) -> str:
    """Return a time for people, in UTC: `20 Nov 10:15`."""
    return f"{at.day} {at:%b %H:%M}"


def encode_json(value: object) -> str:
    """Return JSON of any value. Bytes of a file name that are no UTF-8 are escaped, as elsewhere."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        return msgspec.json.encode(_escape_surrogates(msgspec.to_builtins(value))).decode()


def escape_surrogates(text: str) -> str:
    r"""Return a text that UTF-8 can carry: bytes of a file name that are none become `\udce9`."""
    return text.encode("utf-8", "backslashreplace").decode()


def _escape_surrogates(value: object) -> object:
    match value:
        case str():
            return escape_surrogates(value)
        case dict():
            return {_escape_surrogates(name): _escape_surrogates(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_escape_surrogates(inner) for inner in value]
    return value


def escape_controls(text: str) -> str:
    r"""Return a text of one line, with every control character as `\n`, `\x1b` or `\u202e`."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def format_bytes(size: int) -> str:
    """Return a number of bytes as people write it: `713 MB`."""
    amount = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:  # noqa: PLR2004 - the step between units
            return f"{amount:.3g} {unit}" if unit != "bytes" else format_count(size, "byte")
        amount /= 1000
    return f"{amount:.3g} TB"


def format_age(seconds: float | None) -> str:
    """Return a length of time in the longest unit that divides it, `30d`; empty for None."""
    if seconds is None:
        return ""
    units = {"w": 604800, "d": 86400, "h": 3600, "m": 60}
    unit = next((unit for unit, size in units.items() if seconds and seconds % size == 0), "s")
    return f"{seconds / units.get(unit, 1):.15g}{unit}"
