"""Names that are no setting: a near miss is an error, a name of another program is left alone."""

import re

from restore.settings.collections import NAMING_ONE
from restore.settings.option import PREFIX
from restore.settings.options.table import OPTIONS
from restore.settings.server_address import ADDRESS_VARIABLES
from restore.settings.sources import Sources
from restore.system.text import find_nearest, suggest

_EDITS = 2
# Docker links and Kubernetes services put these into every container beside a service called `restore`.
_INJECTED = re.compile(r"_(PORT|SERVICE)(_|\Z)")
_QDRANT = "QDRANT_"
# What Windows editors put before a file's first name; `docker run --env-file` and Compose hand it on.
_MARK = "\ufeff"


def list_variables() -> tuple[str, ...]:
    """Return every variable that is read."""
    named = tuple(option.environment_name for option in OPTIONS if option.environment_name)
    return (*named, *(option.environment_name + "_FILE" for option in OPTIONS if option.secret))


def list_keys() -> tuple[str, ...]:
    """Return every key that may stand in the settings file."""
    named = tuple(option.yaml_key for option in OPTIONS if option.yaml_key)
    return (*named, *(option.yaml_key + "_file" for option in OPTIONS if option.secret))


def find_unknown_keys(sources: Sources) -> tuple[str, ...]:
    """Return one problem for each key of the settings file that is no setting."""
    known = list_keys()
    groups = {key.partition(".")[0] for key in known if "." in key}
    plain = {*groups, *(key for key in known if "." not in key)}
    problems = [
        f"{sources.document_name}: unknown key '{key}'{suggest(str(key), plain)}"
        for key in sources.document
        if key not in plain
    ]
    for group in sorted(groups & set(sources.document)):
        inner = [key.partition(".")[2] for key in known if key.startswith(f"{group}.")]
        problems += _find_unknown_inside(sources.document[group], inner, f"{sources.document_name}: {group}")
    return tuple(problems)


def _find_unknown_inside(found: object, known: list[str], where: str) -> list[str]:
    """Return the problems of a mapping in the settings file; nothing at all in it is fine."""
    if found in (None, ""):
        return []
    if not isinstance(found, dict):
        return [f"{where}: a mapping is wanted ({', '.join(known)})"]
    return [f"{where}: unknown key '{key}'{suggest(str(key), known)}" for key in found if key not in known]


def find_unknown_variables(sources: Sources) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the problems and the warnings about variables that look like ours."""
    known = (*list_variables(), *ADDRESS_VARIABLES, *NAMING_ONE)
    marked = [name.removeprefix(_MARK) for name in sources.environment if name.startswith(_MARK)]
    problems = [
        f"variable {name} begins with a byte order mark: save the env file as UTF-8 without BOM"
        for name in marked
        if name in known
    ]
    warnings = []
    ours = [name for name in sources.environment if name.startswith((PREFIX, _QDRANT))]
    for name in sorted(ours):
        if name in known or _INJECTED.search(name) or not sources.environment[name]:
            continue
        nearest = find_nearest(name, known, edits=_EDITS)
        if name.startswith(PREFIX) and nearest:
            problems.append(f"unknown variable {name} (did you mean {nearest}?)")
        elif name.startswith(PREFIX):
            warnings.append(f"unknown variable {name} is ignored")
        elif nearest:
            warnings.append(f"variable {name} is ignored (did you mean {nearest}?)")
    return tuple(problems), tuple(warnings)
