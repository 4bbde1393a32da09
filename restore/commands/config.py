"""`config show`: every setting, its value and where it came from."""

from typing import Any

import msgspec

from restore.commands.outcome import CommandResult, Report
from restore.errors import SettingsError
from restore.settings.model import Settings
from restore.settings.options.table import OPTIONS
from restore.system.events import Log, Progress
from restore.system.secret import MASK, Secret

_WRONG = "(wrong)"
_NOT_SHOWN = frozenset({"collection-name", "prove-write"})


class ShownSetting(msgspec.Struct, frozen=True):
    """One setting. `value` is its JSON value, `text` what a person would write; a secret is masked in both."""

    name: str
    value: Any
    text: str
    origin: str


class Configuration(Report, frozen=True, kw_only=True):
    """Every setting, and what the settings file chooses for single collections; what is wrong, if anything is."""

    status: int = 0
    settings: tuple[ShownSetting, ...]
    collections: dict[str, dict[str, Any]]
    problems: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


def run(settings: Settings) -> Configuration:
    """Return every setting of this run. No server is asked."""
    shown = []
    for option in OPTIONS:
        if option.name in _NOT_SHOWN:
            continue
        origin = settings.origins[option.name].where
        if option.name in settings.wrong:
            shown.append(ShownSetting(option.name, None, _WRONG, origin))
            continue
        value = settings.value_of(option)
        plain = MASK if isinstance(value, Secret) else value
        shown.append(ShownSetting(option.name, plain, option.write(value), origin))
    own = {name: dict(choices) for name, choices in settings.own.items()}
    return Configuration(
        status=SettingsError.status if settings.problems else 0,
        settings=tuple(shown),
        collections=own,
        problems=settings.problems or msgspec.UNSET,
    )


def describe(result: Configuration) -> list[str]:
    """Return one line per setting: name, value, origin."""
    names = max(len(one.name) for one in result.settings)
    texts = min(40, max(len(one.text) for one in result.settings))
    lines = [f"{one.name:<{names}}  {one.text or '-':<{texts}}  {one.origin}" for one in result.settings]
    for name, choices in result.collections.items():
        chosen = ", ".join(f"{key}={value}" for key, value in choices.items())
        lines.append(f"collection '{name}': {chosen}")
    return lines


def main(settings: Settings, _log: Log, _progress: Progress) -> CommandResult:
    """List every setting, and return the lines that show them."""
    result = run(settings)
    return CommandResult(result, describe(result), result.status)
