"""What one option is, and how the fields of a group of settings declare theirs.

A field `wait_timeout_seconds` is the option `wait-timeout`: the flag `--wait-timeout`, the variable
`RESTORE_WAIT_TIMEOUT` and the key `wait_timeout`, unless it says otherwise.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any, ClassVar

import msgspec

from restore.settings.command_names import Command
from restore.settings.parsers import format_value, parse_choice, parse_switch, parse_text

PREFIX = "RESTORE_"
# In place of a flag, a variable or a key: there is none.
ABSENT = "-"


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One way to give the value of a field. A `flag`, a `variable` or a `key` that is `ABSENT` does not exist.

    `read` turns a person's text into the value and raises `ValueError` with what is wrong, `write` shows it.
    `flag_help` is there when the flag means something else than the variable. `aliases` are hidden flags;
    `several` flags may be repeated; `per_collection` may stand under one collection in YAML; a `secret` has `_FILE`
    forms, and `docker_secret` is its name under `/run/secrets`. `heading` is where help and the reference show it.
    `group`, `attribute` and `default` are those of the field and never written by hand; nor is `switch`.
    """

    help: str
    commands: tuple[Command, ...] = ()
    name: str = ""
    heading: str = ""
    read: Callable[[str], Any] = parse_text
    write: Callable[[Any], str] = format_value
    placeholder: str = "TEXT"
    flag_help: str = ""
    flag: str = ""
    variable: str = ""
    key: str = ""
    aliases: tuple[str, ...] = ()
    several: bool = False
    switch: bool = False
    secret: bool = False
    docker_secret: str = ""
    per_collection: bool = False
    group: str = ""
    attribute: str = ""
    default: Any = None

    @property
    def flags(self) -> tuple[str, ...]:
        """Every spelling of the flag, the shown one first; none when there is no flag."""
        shown = self.flag or f"--{self.name}"
        return () if shown == ABSENT else (shown, *self.aliases)

    @property
    def environment_name(self) -> str:
        """The variable's name; empty when there is none."""
        shown = self.variable or PREFIX + self.name.replace("-", "_").upper()
        return "" if shown == ABSENT else shown

    @property
    def yaml_key(self) -> str:
        """The key in the settings file; empty when there is none."""
        shown = self.key or self.name.replace("-", "_")
        return "" if shown == ABSENT else shown


class OptionGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one topic. A field is `name: Annotated[type, Option(…)] = default`; a second option is a synonym.

    `inherited` are the options of fields that another struct declares, `commands` those of options that name none.
    """

    heading: ClassVar[str] = ""
    commands: ClassVar[tuple[Command, ...]] = ()
    inherited: ClassVar[Mapping[str, Option]] = {}


def list_options(group: str, kind: type[OptionGroup]) -> Iterator[Option]:
    """Yield the options that a group declares, in order, with the names, types and defaults of their fields."""
    types: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        types |= getattr(base, "__annotations__", {})
    defaults = kind()
    for attribute in dict.fromkeys((*kind.inherited, *types)):
        annotation, inherited = types[attribute], kind.inherited.get(attribute)
        for option in (inherited,) if inherited else getattr(annotation, "__metadata__", ()):
            yield msgspec.structs.replace(
                option,
                name=option.name or attribute.removesuffix("_seconds").replace("_", "-"),
                heading=option.heading or kind.heading,
                commands=option.commands or kind.commands,
                group=group,
                attribute=attribute,
                default=getattr(defaults, attribute),
                **_find_shape(getattr(annotation, "__origin__", annotation)),
            )


def _find_shape(value_type: type | None) -> dict[str, Any]:
    """Return what follows from a field's type: a switch is read like any switch, a choice is one of its words."""
    if value_type is bool:
        return {"read": parse_switch, "switch": True}
    if isinstance(value_type, type) and issubclass(value_type, StrEnum):
        return {"read": parse_choice(value_type), "placeholder": "|".join(value_type)}
    return {}
