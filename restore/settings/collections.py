"""Which collections are wanted, by name or by pattern, and what the settings file chooses for each."""

from collections.abc import Mapping
from typing import Any

import msgspec

from restore.qdrant.collection_names import find_name_problem
from restore.settings.option import Option
from restore.settings.options.table import OPTIONS, OPTIONS_BY_NAME
from restore.settings.parsers import find_text_problem
from restore.settings.selection import is_selected
from restore.settings.sources import Origin, Resolved, SourcePriority, Sources, find_texts, read_text
from restore.snapshots.name import SUFFIX, decode_collection, parse_latest, parse_name, parse_server_name
from restore.system.text import suggest

# The second is what other programs call it.
NAMING_ONE = ("QDRANT_COLLECTION_NAME", "QDRANT_COLLECTION")
_NOTHING = ("", "~", "null")
_OF_EACH = ("latest", "previous")
_OWN = {option.yaml_key: option for option in OPTIONS if option.per_collection}
OwnChoices = Mapping[str, Mapping[str, Any]]


def resolve_collections(sources: Sources, *, everything: bool) -> Resolved:
    """Return the collections that were named one by one: by arguments and flags, else variables, else the file.

    Empty when none was named: then every collection of the store, or of the server, is meant.
    """
    given = (*sources.arguments, *sources.flags.get("collections", ()))
    listed = sources.environment.get("RESTORE_COLLECTIONS", "")
    if given and everything:
        problem = f"--all: names every collection, but {', '.join(given)} was named too; keep one"
        return Resolved((), Origin(SourcePriority.FLAG, "--all"), (problem,))
    if everything:
        return Resolved((), Origin(SourcePriority.FLAG, "--all"))
    if given:
        return _read_names(given, Origin(SourcePriority.FLAG, "arguments" if sources.arguments else "--collection"))
    if _split(listed):
        return _read_list(listed, Origin(SourcePriority.ENVIRONMENT, "RESTORE_COLLECTIONS"))
    if single := [name for name in NAMING_ONE if sources.environment.get(name)]:
        return _read_single(single, sources.environment)
    where = f"{sources.document_name}: collections"
    match sources.document.get("collections"):
        case None | "":
            return Resolved((), Origin(SourcePriority.DEFAULT, "default"))
        case str(text):
            return _read_list(text, Origin(SourcePriority.FILE, where))
        case dict() | list() as found if all(isinstance(name, str) for name in found):
            return _read_names(list(found), Origin(SourcePriority.FILE, where))
    problem = f"{where}: a list of names is wanted, or a mapping of names to choices"
    return Resolved((), Origin(SourcePriority.FILE, where), (problem,))


def read_own(sources: Sources) -> tuple[OwnChoices, tuple[str, ...]]:
    """Read what the settings file chooses for single collections; return the choices and the problems."""
    collections = sources.document.get("collections")
    if not isinstance(collections, dict):
        return {}, ()
    choices: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    for name, own in collections.items():
        where = f"{sources.document_name}: collections.{name}"
        if own is None or own in _NOTHING:
            continue
        if not isinstance(own, dict):
            problems.append(f"{where}: a mapping of choices is wanted (on_existing: refuse)")
            continue
        choices[name], found = _read_choices(own, where)
        problems += found
    return choices, tuple(problems)


def guess_collection(snapshot: str) -> str | None:
    """Return the collection that a snapshot's file name stands for; None when the name does not say."""
    name = snapshot.replace("\\", "/").rpartition("/")[2]
    if (ours := parse_name(name)) is not None:
        return decode_collection(ours.encoded)
    if (encoded := parse_latest(name)) is not None:
        return decode_collection(encoded)
    if (server := parse_server_name(name)) is not None:
        return server[0]
    return None


def names_a_path(snapshot: str) -> bool:
    """Return whether a choice of snapshot is a file anywhere, not one of the store."""
    return "/" in snapshot or "\\" in snapshot


def is_one_file(snapshot: str) -> bool:
    """Return whether a choice of snapshot is one file, not one of each collection."""
    return snapshot not in _OF_EACH


def resolve_one_file(collections: Resolved, snapshot: Resolved, to: Resolved) -> Resolved:
    """Decide which collection a single snapshot file is for; one target has one source.

    A file given by name or path says by its name, or by the target's, which collection is meant; a flag's file
    counts more than collections that variables name.
    """
    if not is_one_file(snapshot.value) or snapshot.problems:
        return _match_target(collections, to)
    names: tuple[str, ...] = collections.value
    if not names or (collections.origin.rank > snapshot.origin.rank):
        guessed = guess_collection(snapshot.value) or to.value
        if guessed and not find_name_problem(guessed):
            return Resolved((guessed,), snapshot.origin, collections.problems)
    if len(names) == 1:
        return collections
    wanted = f"{len(names)} collections are wanted" if names else "its name does not say of which collection"
    one = snapshot.value if snapshot.value.endswith(SUFFIX) else f"'{snapshot.value}'"
    problem = f"{snapshot.origin.where}: {one} is one snapshot, but {wanted}; name one collection"
    return Resolved(names, collections.origin, (*collections.problems, problem))


def _match_target(collections: Resolved, to: Resolved) -> Resolved:
    names: tuple[str, ...] = collections.value
    if not to.value or len(names) == 1 or collections.problems:
        return collections
    wanted = f"{len(names)} collections are wanted" if names else "no collection is named"
    problem = f"{to.origin.where}: '{to.value}' is one target, but {wanted}; name one collection"
    return Resolved(names, collections.origin, (*collections.problems, problem))


def _split(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip())]


def _read_list(text: str, origin: Origin) -> Resolved:
    if problem := find_text_problem(text):
        return Resolved((), origin, (f"{origin.where}: {problem}",))
    return _read_names(_split(text), origin)


def _read_single(variables: list[str], environment: Mapping[str, str]) -> Resolved:
    """Read the variable that names one collection; two of them must name the same."""
    origin = Origin(SourcePriority.ENVIRONMENT, variables[0])
    names = [environment[variable] for variable in variables]
    if len(set(names)) > 1:
        told = " and ".join(f"{variable} '{environment[variable]}'" for variable in variables)
        return Resolved((), origin, (f"{told} name two collections; keep one",))
    return _read_names(names, origin)


def _read_names(names: list[str] | tuple[str, ...], origin: Origin) -> Resolved:
    option = OPTIONS_BY_NAME["collections"]
    read = [read_text(option, name, origin.where) for name in dict.fromkeys(names)]
    problems = tuple(problem for _, problem in read if problem)
    return Resolved(tuple(name for name, problem in read if not problem), origin, problems)


def _read_choices(own: Mapping[str, object], where: str) -> tuple[dict[str, Any], list[str]]:
    choices: dict[str, Any] = {}
    problems: list[str] = []
    for key, text in own.items():
        option: Option | None = _OWN.get(key)
        if option is None:
            problems.append(f"{where}: unknown key '{key}'{suggest(str(key), _OWN)}")
        elif text != "":
            choices[option.attribute], problem = read_text(option, text, f"{where}.{key}")
            problems += [problem] if problem else []
    return choices, problems


PATTERNS = frozenset({"include", "exclude"})


def resolve_patterns(option: Option, sources: Sources) -> Resolved:
    """Return a list of patterns from the first source that has some; a variable's are separated by commas."""
    for found in find_texts(option, sources):
        origin, given = found.origin, found.text
        problem = find_text_problem(given) if isinstance(given, str) else ""
        if problem:
            return Resolved(option.default, origin, (f"{origin.where}: {problem}",))
        texts = [part.strip() for part in given.split(",")] if isinstance(given, str) else given
        if texts == []:
            continue
        if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
            return Resolved(option.default, origin, (f"{origin.where}: a pattern or a list of patterns is wanted",))
        read = [read_text(option, text, origin.where) for text in texts]
        problems = tuple(problem for _, problem in read if problem)
        return Resolved(tuple(pattern for pattern, problem in read if not problem), origin, problems)
    return Resolved(option.default, Origin(SourcePriority.DEFAULT, "default"))


def narrow(collections: Resolved, include: Resolved, exclude: Resolved) -> tuple[Resolved, Resolved, Resolved]:
    """Return the collections and the patterns that count where both are given.

    Names given more strongly (an argument against the settings file) make patterns count for nothing. Else patterns
    that include choose among everything, and excludes win over names too.
    """
    named: tuple[str, ...] = collections.value
    if not named:
        return collections, include, exclude
    if include.value and include.origin.rank == collections.origin.rank == SourcePriority.FLAG:
        problem = f"--include: chooses among every collection, but {', '.join(named)} was named too; keep one"
        return msgspec.structs.replace(collections, problems=(*collections.problems, problem)), include, exclude
    if include.value and include.origin.rank <= collections.origin.rank:
        return Resolved((), include.origin, collections.problems), include, exclude
    nothing = Resolved((), Origin(SourcePriority.DEFAULT, "default"), include.problems)
    if exclude.origin.rank > collections.origin.rank:
        return collections, nothing, msgspec.structs.replace(nothing, problems=exclude.problems)
    left = tuple(name for name in named if is_selected(name, (), exclude.value))
    problems = collections.problems
    if not left:
        problems += (f"{exclude.origin.where}: leaves none of the collections that {collections.origin.where} names",)
    return Resolved(left, collections.origin, problems), nothing, exclude
