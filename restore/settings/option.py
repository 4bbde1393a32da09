"""What one setting is: a row of the table.

A row named `wait-timeout` is the flag `--wait-timeout`, the variable `RESTORE_WAIT_TIMEOUT` and the key
`wait_timeout`, unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec

from restore.settings.parsers import format_value

PREFIX = "RESTORE_"


class LogFormat(StrEnum):
    """How the log is written: for eyes, for machines, or by whether stderr is a terminal."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    """The least important event that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One row. An empty `variable`, `key` or `flag` of `-` means that there is none.

    `read` turns a person's text into the value and raises `ValueError` with what is wrong, `write` shows it.
    `flag_sentence` is there when the flag means something else than the variable.
    `field` is the attribute of `Settings`. `aliases` are hidden flags; `several` flags may be repeated;
    `per_collection` may stand under one collection in YAML; a `secret` has `_FILE` forms, and `docker_secret`
    is its name under `/run/secrets`.
    """

    name: str
    group: str
    help: str
    commands: tuple[str, ...]
    read: Callable[[str], Any]
    write: Callable[[Any], str] = format_value
    default: Any = None
    placeholder: str = "TEXT"
    flag_help: str = ""
    flag: str = ""
    variable: str = ""
    key: str = ""
    field: str = ""
    aliases: tuple[str, ...] = ()
    several: bool = False
    switch: bool = False
    secret: bool = False
    docker_secret: str = ""
    per_collection: bool = False

    @property
    def flags(self) -> tuple[str, ...]:
        """Every spelling of the flag, the shown one first; none when there is no flag."""
        shown = self.flag or f"--{self.name}"
        return () if shown == "-" else (shown, *self.aliases)

    @property
    def environment_name(self) -> str:
        """The variable's name; empty when there is none."""
        shown = self.variable or PREFIX + self.name.replace("-", "_").upper()
        return "" if shown == "-" else shown

    @property
    def yaml_key(self) -> str:
        """The key in the settings file; empty when there is none."""
        shown = self.key or self.name.replace("-", "_")
        return "" if shown == "-" else shown

    @property
    def attribute(self) -> str:
        """The attribute of `Settings`."""
        return self.field or self.name.replace("-", "_")
