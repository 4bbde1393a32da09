"""Reading one setting: from the text a person wrote to the value. What is wrong is a `ValueError`'s sentence part.

Flags, environment and YAML all give texts (YAML scalars are not interpreted, so that a collection named `no` or a
mode `0640` stays what was written); each text is read here and nowhere else.
"""

import re
from collections.abc import Callable
from enum import StrEnum

from restore.qdrant.collection_names import find_name_problem
from restore.qdrant.url import find_url_problem
from restore.stores.location import parse_location
from restore.system.secret import MASK, Secret
from restore.system.text import suggest

_WHOLE = re.compile(r"[0-9]{1,9}")
_SWITCH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_OWNER_READS_AND_WRITES = 0o600
_MOST_SAMPLES = 10_000
_MOST_AT_ONCE = 32
_QUOTATION_MARKS = ('"', "'")
# A tab and a line feed may stand in a name or a note.
_CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def find_text_problem(text: str) -> str:
    """Return what an env file left in a setting's text, without repeating it; empty when there is nothing."""
    bare = text.strip(" ")
    if text.endswith("\r"):
        return "ends with a carriage return; has the file that sets it Windows line ends?"
    if len(bare) > 1 and bare[0] in _QUOTATION_MARKS and bare[0] == bare[-1]:
        return f"begins and ends with a quotation mark ({bare[0]}); leave both out"
    return ""


def find_control_character(text: str) -> str:
    """Return that a text has a control character in it; empty when it has none."""
    found = _CONTROL_CHARACTER.search(text)
    return f"has a control character in it ({ascii(found[0])[1:-1]})" if found else ""


def parse_text(text: str) -> str:
    """Read a text that is not empty."""
    if not text.strip():
        raise ValueError("is empty")
    return text


def parse_note(text: str) -> str:
    """Read any text, also an empty one."""
    return text


def parse_url(text: str) -> str:
    """Read Qdrant's URL; a slash at its end is dropped, the port stays what was written."""
    if problem := find_url_problem(text.strip()):
        raise ValueError(problem)
    return text.strip().rstrip("/")


def parse_store(text: str) -> str:
    """Read where a store is: a directory's path, or a bucket's URL."""
    return str(parse_location(parse_text(text)))


def parse_server_path(text: str) -> str:
    """Read an absolute path inside the server's container."""
    if not text.startswith("/"):
        raise ValueError(f"'{text}' is no absolute path; it is the path that the Qdrant server sees")
    return text.rstrip("/") or "/"


def parse_collection_name(text: str) -> str:
    """Read one collection name, verbatim."""
    if "/" in text or "\\" in text:
        raise ValueError(f"'{text}' looks like a path, a collection's name is wanted (a file: --snapshot PATH)")
    if problem := find_name_problem(text):
        raise ValueError(f"'{text}' {problem}")
    return text


def parse_switch(text: str) -> bool:
    """Read true or false, as compose files write them."""
    value = _SWITCH.get(text.strip().lower())
    if value is None:
        raise ValueError(f"'{text}' is neither true nor false")
    return value


def parse_samples(text: str) -> int:
    """Read how many points are sampled."""
    if not _WHOLE.fullmatch(text.strip()) or int(text) > _MOST_SAMPLES:
        raise ValueError(f"'{text}' is no whole number from 0 to {_MOST_SAMPLES:,}")
    return int(text)


def parse_concurrency(text: str) -> int:
    """Read how many collections are worked on at once."""
    if not _WHOLE.fullmatch(text.strip()) or not 1 <= int(text) <= _MOST_AT_ONCE:
        raise ValueError(f"'{text}' is no whole number from 1 to {_MOST_AT_ONCE}")
    return int(text)


def parse_mode(text: str) -> int:
    """Read a file mode in octal digits."""
    if not re.fullmatch(r"(0o?)?[0-7]{3}", text.strip()):
        raise ValueError(f"'{text}' is no file mode in octal digits (0644, 0640, 0600)")
    mode = int(text.strip().removeprefix("0o"), 8)
    if mode & _OWNER_READS_AND_WRITES != _OWNER_READS_AND_WRITES:
        raise ValueError(f"'{text}' keeps the owner from reading or writing")
    return mode


def parse_secret(text: str) -> Secret:
    """Read a secret. An error never repeats it."""
    if not text.strip():
        raise ValueError("is empty")
    if text != text.strip():
        raise ValueError("has white space around it")
    if not text.isascii() or not text.isprintable():
        raise ValueError("has a character that no HTTP header can carry")
    return Secret(text)


def parse_choice(choices: type[StrEnum]) -> Callable[[str], StrEnum]:
    """Return a function that reads one word of several."""

    def read(text: str) -> StrEnum:
        try:
            return choices(text.strip().lower())
        except ValueError:
            raise ValueError(f"'{text}' is none of {', '.join(choices)}{suggest(text, choices)}") from None

    return read


def format_value(value: object) -> str:
    """Show a value as a person would write it; a secret stays one."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.15g}s"
        case tuple():
            return ", ".join(value)
        case Secret():
            return MASK
        case _:
            return str(value)
