"""Reading settings from the environment, the settings file and the secret files, afresh at every run."""

# pathlib would cost every boot 3 ms.
# ruff: noqa: PTH109, PTH110, PTH113
import os
from collections.abc import Hashable, Mapping
from typing import Any

import msgspec

from restore.settings.sources import Sources, list_docker_secrets, list_secret_files
from restore.system.files import read_named_file

SETTINGS_FILE = "restore.yaml"
_OTHER_SETTINGS_FILE = "restore.yml"


def gather_sources(
    flags: Mapping[str, tuple[str, ...]], arguments: tuple[str, ...], problems: tuple[str, ...] = ()
) -> Sources:
    """Read everything that settings are decided from. Failures are among its problems; nothing is raised."""
    environment = dict(os.environ)
    document, name, found = _read_document(flags, environment)
    sources = Sources(
        arguments=arguments,
        flags=flags,
        environment=environment,
        document=document,
        document_name=name,
        problems=(*problems, *found, *_find_lost_directory()),
        dotenv=os.path.isfile(".env"),
    )
    files = {path: _read_secret(path) for path in list_secret_files(sources)}
    mounted = {path: _read_secret(path) for path in list_docker_secrets() if os.path.exists(path)}
    return msgspec.structs.replace(sources, files={**mounted, **files})


def _find_lost_directory() -> tuple[str, ...]:
    try:
        os.getcwd()
    except OSError as error:
        return (f"the working directory cannot be found ({_say(error)})",)
    return ()


def _read_secret(path: str) -> bytes | str:
    try:
        return read_named_file(path)
    except (OSError, ValueError) as error:
        return f"cannot be read ({_say(error)})"


def _say(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _read_document(
    flags: Mapping[str, tuple[str, ...]], environment: Mapping[str, str]
) -> tuple[Mapping[str, Any], str, tuple[str, ...]]:
    """Read the settings file; return its content, its name and the problems."""
    asked = flags.get("config", ("",))[-1] or environment.get("RESTORE_CONFIG", "")
    there = [name for name in (SETTINGS_FILE, _OTHER_SETTINGS_FILE) if os.path.isfile(name)]
    if not asked and len(there) > 1:
        return {}, SETTINGS_FILE, (f"settings files {' and '.join(there)} are both there; keep one",)
    if not asked and not there:
        return {}, SETTINGS_FILE, ()
    path = asked or there[0]
    try:
        text = read_named_file(path)
    except (OSError, ValueError) as error:
        return {}, path, (f"settings file '{path}' cannot be read ({_say(error)})",)
    return _parse_document(text, path)


def _parse_document(text: bytes, name: str) -> tuple[Mapping[str, Any], str, tuple[str, ...]]:
    import yaml  # noqa: PLC0415 - boot: 10 ms, paid with a settings file

    class Texts(yaml.BaseLoader):
        """Leaves every scalar a text, and takes no key twice."""

    def construct(loader: Texts, node: yaml.MappingNode) -> dict[Hashable, Any]:
        found: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.MarkedYAMLError(problem="a key that is no text", problem_mark=key_node.start_mark)
            if key in found:
                raise yaml.MarkedYAMLError(problem=f"key '{key}' stands twice", problem_mark=key_node.start_mark)
            found[key] = loader.construct_object(value_node, deep=True)
        return found

    Texts.add_constructor("tag:yaml.org,2002:map", construct)
    try:
        document = yaml.load(text, Texts)  # noqa: S506 - a BaseLoader, which makes texts, lists and mappings only
    except yaml.MarkedYAMLError as error:
        # Not the error's own text, which repeats a piece of the file.
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        return {}, name, (f"settings file '{name}' is no YAML{line}: {error.problem or error.context}",)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return {}, name, (f"settings file '{name}' is no YAML",)
    if document in (None, ""):
        return {}, name, ()
    if not isinstance(document, dict):
        return {}, name, (f"settings file '{name}': a mapping of settings is wanted (store: ./qdrant_snapshots)",)
    return document, name, ()
