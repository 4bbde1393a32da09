"""Options of the usual kinds: a choice, a policy, a switch, a length of time, a limit."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from restore.settings import parsers as values
from restore.settings.command_names import CONFIG, RESTORE, WAITING
from restore.settings.option import Option


def make_choice(name: str, choices: type[StrEnum], help_text: str, **more: Any) -> Option:  # noqa: ANN401 - Setting's own
    """Return an option with one word of several; the first is the default."""
    return Option(
        name=name,
        help=help_text,
        read=values.parse_choice(choices),
        default=next(iter(choices)),
        placeholder="|".join(choices),
        **more,
    )


def make_policy(
    name: str, choices: type[StrEnum], help_text: str, commands: tuple[str, ...] = (RESTORE, CONFIG)
) -> Option:
    """Return a choice that may also be made for one collection."""
    return make_choice(name, choices, help_text, group="Policies", commands=commands, per_collection=True)


def make_switch(name: str, help_text: str, **more: Any) -> Option:  # noqa: ANN401 - Setting's own
    """Return an option that is on or off."""
    return Option(name=name, help=help_text, read=values.parse_switch, default=False, switch=True, **more)


def make_length(name: str, default: float, help_text: str, read: Callable[[str], Any], **more: Any) -> Option:  # noqa: ANN401 - Setting's own
    """Return an option that is a length of time."""
    return Option(
        name=name,
        field=f"{name.replace('-', '_')}_seconds",
        group="Time",
        placeholder="SECONDS|2m|1h",
        default=default,
        help=help_text,
        read=read,
        **more,
    )


def make_limit(name: str, help_text: str, read: Callable[[str], float | None]) -> Option:
    """Return an option that is a length of time, or `off`."""
    return Option(
        name=name,
        field=f"{name.replace('-', '_')}_seconds",
        group="Time",
        placeholder="SECONDS|2m|1h|off",
        commands=WAITING,
        read=read,
        write=lambda value: values.format_value(value) or "off",
        help=help_text,
    )
