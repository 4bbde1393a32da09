"""Settings: one frozen value with everything chosen, where each choice came from, and every problem at once.

Pure: the texts of the environment, the settings file and the secret files are handed over by the command line.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from restore.errors import SettingsError
from restore.qdrant.url import redact_url
from restore.settings.collections import (
    PATTERNS,
    is_one_file,
    narrow,
    read_own,
    resolve_collections,
    resolve_one_file,
    resolve_patterns,
)
from restore.settings.command_names import CONNECTING, Command
from restore.settings.model import Settings
from restore.settings.options.store import Encrypt
from restore.settings.options.table import GROUPS, OPTIONS
from restore.settings.parsers import find_text_problem
from restore.settings.server_address import merge_host, merge_variables
from restore.settings.sources import Resolved, SourcePriority, Sources, resolve
from restore.settings.unknown import find_unknown_keys, find_unknown_variables
from restore.stores.location import parse_location

_APART = frozenset({"collections", "collection-name", *PATTERNS})
# Their arguments need not be collections.
_OWN_WORDS = frozenset({Command.LIST, Command.VERIFY, Command.PIN, Command.UNPIN, Command.MIRROR})
_OF_ONE = frozenset({Command.RESTORE, Command.DRILL, Command.CONFIG})
_LISTS = PATTERNS | {"fallback-stores"}
_HINT = (
    "qdrant-restore config show lists every setting, its value and where it came from; docs/settings.md explains them"
)


def read_settings(command: str, sources: Sources) -> Settings:
    """Decide every setting for one command. Raise `SettingsError` with all that is wrong, in every source.

    For `config show` nothing is raised: the problems are among the settings.
    """
    flags, problems = merge_host(sources.flags)
    sources = msgspec.structs.replace(sources, flags=flags)
    resolved = {option.name: resolve(option, sources) for option in OPTIONS if option.name not in _APART}
    resolved["qdrant-url"] = merge_variables(resolved["qdrant-url"], sources.environment)
    named = msgspec.structs.replace(sources, arguments=()) if command in _OWN_WORDS else sources
    resolved["collections"] = resolve_collections(named, everything=resolved["all"].value)
    resolved |= {option.name: resolve_patterns(option, sources) for option in OPTIONS if option.name in _LISTS}
    if not resolved["all"].value:
        narrowed = narrow(resolved["collections"], resolved["include"], resolved["exclude"])
        resolved["collections"], resolved["include"], resolved["exclude"] = narrowed
    if command in _OF_ONE and not resolved["all"].value:
        resolved["collections"] = resolve_one_file(resolved["collections"], resolved["snapshot"], resolved["to"])
    own, own_problems = read_own(sources)
    unknown, warnings = find_unknown_variables(sources)
    problems = (
        *sources.problems,
        *problems,
        *(problem for one in resolved.values() for problem in one.problems),
        *own_problems,
        *find_unknown_keys(sources),
        *unknown,
    )
    fields: dict[str, dict[str, Any]] = {name: {} for name in GROUPS}
    for option in OPTIONS:
        if option.name in resolved:
            fields[option.group][option.attribute] = resolved[option.name].value
    groups: dict[str, Any] = {name: kind(**fields[name]) for name, kind in GROUPS.items()}
    chosen = Settings(
        **groups,
        arguments=sources.arguments,
        own=own,
        origins={name: one.origin for name, one in resolved.items()},
        warnings=warnings,
    )
    problems = (*problems, *_find_conflicts(command, chosen))
    if problems and command != Command.CONFIG:
        raise SettingsError(*dict.fromkeys(problems), hint=_HINT)
    wrong = frozenset(name for name, one in resolved.items() if one.problems)
    chosen = msgspec.structs.replace(chosen, problems=tuple(dict.fromkeys(problems)), wrong=wrong)
    return msgspec.structs.replace(chosen, warnings=(*warnings, *_find_warnings(command, resolved, sources)))


def _find_conflicts(command: str, chosen: Settings) -> tuple[str, ...]:
    problems = []
    if chosen.collections.everything and command in _OF_ONE:
        single = [
            field
            for field, is_one in (
                ("snapshot", is_one_file(chosen.collections.snapshot)),
                ("to", chosen.collections.to),
            )
            if is_one
        ]
        wheres = (chosen.origins[field].where for field in single)
        problems += [f"--all: means every collection, but {where} is for one; keep one" for where in wheres]
    if chosen.sets.chosen and chosen.origins["snapshot"].rank is SourcePriority.FLAG:
        problems.append("--set and --snapshot are both given; keep one")
    if chosen.sets.show:
        problems += _find_sets_problems(chosen)
    if command in {Command.PIN, Command.UNPIN} and not chosen.arguments:
        problems.append(f"{command}: which snapshot? give its file's name, or a collection for its latest")
    problems += _find_mirror_problems(command, chosen)
    for collection in ("", *chosen.own):
        making = chosen.snapshot_options_for(collection)
        if making.encrypt is Encrypt.AGE and not making.recipients_file:
            where = "collections." + collection if "encrypt" in chosen.own.get(collection, {}) else ""
            where = where or chosen.origins["encrypt"].where
            problems.append(f"{where}: for whom? name the recipients file (--recipients-file)")
    if chosen.server.insecure and chosen.server.ca_file:
        both = (chosen.origins["insecure"].where, chosen.origins["ca-file"].where)
        problems.append(f"{both[0]} and {both[1]} are both set; keep one")
    sources: dict[str, str] = {}
    for collection in chosen.collections.names if not chosen.collections.to else ():
        target = chosen.policies_for(collection).to or collection
        if target in sources:
            problems.append(
                f"collections '{sources[target]}' and '{collection}' would both be restored as '{target}'"
            )
        sources.setdefault(target, collection)
    return tuple(problems)


def _find_sets_problems(chosen: Settings) -> tuple[str, ...]:
    """Return what is wrong with a listing of sets, which is one of whole runs."""
    flags = [f"--{field}" for field in ("include", "exclude") if chosen.origins[field].rank is SourcePriority.FLAG]
    named = (*chosen.arguments, *flags)
    return (f"--sets: shows what whole runs made, but {', '.join(named)} was given too; keep one",) if named else ()


def _find_mirror_problems(command: str, chosen: Settings) -> tuple[str, ...]:
    """Return what is wrong with the two stores of a mirror, run now or by schedule."""
    if command == Command.SERVE and chosen.schedule.mirror and not chosen.store.mirror_to:
        where = chosen.origins["schedule-mirror"].where
        return (f"{where}: where to? set RESTORE_MIRROR_TO, or mirror_to: in restore.yaml",)
    if command != Command.MIRROR or (not chosen.arguments and chosen.store.mirror_to):
        return ()
    if len(chosen.arguments) != 2:  # noqa: PLR2004 - a source and a target
        return (f"mirror: two stores are wanted, from where and to where; {len(chosen.arguments)} are given",)
    problems = []
    for text in chosen.arguments:
        if problem := find_text_problem(text):
            problems.append(f"mirror: store {problem}")
        try:
            parse_location(text)
        except ValueError as error:
            problems.append(f"mirror: store '{redact_url(text)}' {error}")
    return tuple(problems)


def _find_warnings(command: str, resolved: Mapping[str, Resolved], sources: Sources) -> tuple[str, ...]:
    typed = [option for option in OPTIONS if option.secret and resolved[option.name].origin.where == option.flags[0]]
    warnings = [
        f"{option.flags[0]}: every user that may list processes can read it; "
        f"use {option.environment_name} or {option.flags[0]}-file"
        for option in typed
    ]
    if sources.dotenv and command in CONNECTING and resolved["qdrant-url"].origin.rank is SourcePriority.DEFAULT:
        warnings.append(
            "nothing says where Qdrant is, and .env in this directory is not read; to take its values: "
            "set -a; . ./.env"
        )
    return tuple(warnings)
