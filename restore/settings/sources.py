"""Where values come from, and which source decides one: flag, environment, secret file, settings file, default."""

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any

import msgspec

from restore.settings.option import Option
from restore.settings.options.table import OPTIONS
from restore.settings.parsers import find_control_character, find_text_problem
from restore.system.text import truncate_middle

DOCKER_SECRETS = "/run/secrets"


class SourcePriority(IntEnum):
    """The kinds of sources; the lower number decides."""

    FLAG = 1
    ENVIRONMENT = 2
    FILE = 3
    DOCKER = 4
    DEFAULT = 5


class Origin(msgspec.Struct, frozen=True):
    """Where a value came from; `where` is what a person looks for: `--store`, `RESTORE_STORE`."""

    rank: SourcePriority
    where: str


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the command line has read, as texts.

    `flags` has every flag given, by setting name (`api-key-file` for the file form). `document` is the settings
    file, its scalars uninterpreted, and `document_name` what to call it. `files` has the bytes of each secret file
    by path, or why it could not be read. `problems` were met while reading. `dotenv` is true when the working
    directory has a `.env`, which is not read.
    """

    arguments: tuple[str, ...] = ()
    flags: Mapping[str, tuple[str, ...]] = {}
    environment: Mapping[str, str] = {}
    document: Mapping[str, Any] = {}
    document_name: str = "restore.yaml"
    files: Mapping[str, bytes | str] = {}
    problems: tuple[str, ...] = ()
    dotenv: bool = False


class Resolved(msgspec.Struct, frozen=True):
    """One value, where it came from, and what was wrong."""

    value: Any
    origin: Origin
    problems: tuple[str, ...] = ()


class FoundText(msgspec.Struct, frozen=True):
    """A text in one source; `is_path` when it only names the file that holds the secret."""

    origin: Origin
    text: object
    is_path: bool = False


def resolve(option: Option, sources: Sources) -> Resolved:
    """Return one setting's value from the first source that has it."""
    for rank in SourcePriority:
        match [found for found in find_texts(option, sources) if found.origin.rank is rank]:
            case []:
                continue
            case [found]:
                return _read(option, found, sources)
            case [found, other, *_]:
                both = f"{found.origin.where} and {other.origin.where} are both set; keep one"
                return Resolved(option.default, found.origin, (both,))
    return Resolved(option.default, Origin(SourcePriority.DEFAULT, "default"))


def list_secret_files(sources: Sources) -> tuple[str, ...]:
    """Return the paths of the secret files that flags, variables and the settings file name."""
    found = (found for option in OPTIONS if option.secret for found in find_texts(option, sources))
    return tuple(str(one.text) for one in found if one.is_path and one.origin.rank is not SourcePriority.DOCKER)


def list_docker_secrets() -> tuple[str, ...]:
    """Return the paths under which Docker and Kubernetes mount our secrets; they count when they are there."""
    return tuple(f"{DOCKER_SECRETS}/{option.docker_secret}" for option in OPTIONS if option.docker_secret)


def read_text(option: Option, text: object, where: str) -> tuple[Any, str]:
    """Read one text; return the value and what was wrong (empty: nothing)."""
    if not isinstance(text, str):
        return option.default, f"{where}: one value is wanted, not a list or a mapping"
    if problem := find_text_problem(text):
        return option.default, f"{where}: {problem}"
    try:
        value = option.read(text)
    except ValueError as error:
        return option.default, f"{where}: {truncate_middle(str(error))}"
    problem = find_control_character(text)
    return (option.default, f"{where}: {problem}") if problem else (value, "")


def find_texts(option: Option, sources: Sources) -> Iterator[FoundText]:
    """Find an option's texts in every source; an empty variable or key is an unset one.

    A flag that may be repeated gives all of its texts, every other one its last.
    """
    for suffix in ("", "file") if option.secret else ("",):
        tail = f"-{suffix}" if suffix else ""
        given = sources.flags.get(option.name + tail)
        if given and option.flags:
            said = given if option.several else given[-1]
            yield FoundText(Origin(SourcePriority.FLAG, option.flags[0] + tail), said, bool(suffix))
        variable = option.environment_name + tail.replace("-", "_").upper()
        if option.environment_name and sources.environment.get(variable):
            yield FoundText(Origin(SourcePriority.ENVIRONMENT, variable), sources.environment[variable], bool(suffix))
        key = option.yaml_key + tail.replace("-", "_")
        if option.yaml_key and (text := _dig(sources.document, key)) not in (None, ""):
            where = f"{sources.document_name}: {key}"
            yield FoundText(Origin(SourcePriority.FILE, where), text, bool(suffix))
    path = f"{DOCKER_SECRETS}/{option.docker_secret}"
    if option.docker_secret and path in sources.files:
        yield FoundText(Origin(SourcePriority.DOCKER, path), path, is_path=True)


def _dig(document: Mapping[str, Any], key: str) -> object:
    """Return what stands under a key; `schedule.snapshot` is `snapshot` under `schedule`."""
    outer, _, inner = key.partition(".")
    found = document.get(outer)
    if not inner:
        return found
    return found.get(inner) if isinstance(found, dict) else None


def _read(option: Option, found: FoundText, sources: Sources) -> Resolved:
    text, where = found.text, found.origin.where
    if found.is_path:
        if problem := find_text_problem(str(text)):
            return Resolved(option.default, found.origin, (f"{where}: {problem}",))
        content = sources.files.get(str(text), "was not read")
        where = f"{where}: secret file '{text}'" if where != text else f"secret file '{text}'"
        if isinstance(content, str):
            return Resolved(option.default, found.origin, (f"{where} {content}",))
        try:
            text = _strip_newline(content.decode())
        except UnicodeDecodeError:
            return Resolved(option.default, found.origin, (f"{where} is not text in UTF-8",))
    value, problem = read_text(option, text, where)
    return Resolved(value, found.origin, (problem,) if problem else ())


def _strip_newline(text: str) -> str:
    """Remove one newline at the end, which editors and `echo` write."""
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
