"""The retention rule, and options of pruning, pins and mirrors."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar

from restore.retention.rule import RetentionRule
from restore.settings.command_names import Command
from restore.settings.durations import parse_age
from restore.settings.option import ABSENT, Option, OptionGroup
from restore.settings.parsers import parse_note
from restore.system.text import format_age

_KEEPING = (Command.SNAPSHOT, Command.PRUNE, Command.SERVE, Command.CONFIG)
_MOST = 100_000


def _parse_count(text: str) -> int:
    """Read how many are kept."""
    compact = text.strip()
    if not re.fullmatch(r"[0-9]{1,6}", compact) or int(compact) > _MOST:
        raise ValueError(f"'{text}' is no whole number from 0 to {_MOST:,}")
    return int(compact)


_RULE_WORDS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "last": ("keep_last", _parse_count),
    **{word: (f"keep_{word}", _parse_count) for word in ("hourly", "daily", "weekly", "monthly", "yearly")},
    "within": ("keep_within_seconds", parse_age),
    "min": ("min_keep", _parse_count),
    "grace": ("grace_seconds", parse_age),
}


def _parse_rule(text: str) -> RetentionRule | None:
    """Read `last=3,daily=30`: the rules' own words without `keep-`, and `min` for `min-keep`."""
    found: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        word, _, value = (piece.strip() for piece in part.partition("="))
        if word not in _RULE_WORDS:
            raise ValueError(f"'{part}' is none of {', '.join(_RULE_WORDS)}, each with '=' and its value")
        field, read = _RULE_WORDS[word]
        if field in found:
            raise ValueError(f"'{word}' stands there twice")
        found[field] = read(value)
    rule = RetentionRule(**found)
    if found and rule.is_empty:
        raise ValueError(f"'{text}' says what nothing may cross, and no rule that deletes anything: add last=3")
    return rule if found else None


def _format_rule(rule: RetentionRule | None) -> str:
    if rule is None:
        return ""
    values = {word: (getattr(rule, field), read) for word, (field, read) in _RULE_WORDS.items()}
    unset = {"min": 1, "grace": 0.0}
    return ",".join(
        f"{word}={format_age(value) if read is parse_age else value}"
        for word, (value, read) in values.items()
        if value is not None and value != unset.get(word)
    )


def _keep(help_text: str, **more: Any) -> Option:  # noqa: ANN401 - what Option takes
    shape = {"placeholder": "NUMBER", "read": _parse_count, **more}
    return Option(commands=_KEEPING, per_collection=True, help=help_text, **shape)


def _keep_age(help_text: str, placeholder: str) -> Option:
    return _keep(help_text, placeholder=placeholder, read=parse_age, write=format_age)


class RetentionSettings(RetentionRule, OptionGroup, frozen=True, kw_only=True):
    """The rule for collections that choose none of their own."""

    heading: ClassVar = "Retention"
    inherited: ClassVar = {
        "keep_last": _keep("Keep the newest so many verified snapshots of each collection."),
        "keep_hourly": _keep("Keep the newest of each of the last so many hours that have one."),
        "keep_daily": _keep("Keep the newest of each of the last so many days that have one (UTC)."),
        "keep_weekly": _keep("Keep the newest of each of the last so many weeks that have one (ISO weeks)."),
        "keep_monthly": _keep("Keep the newest of each of the last so many months that have one."),
        "keep_yearly": _keep("Keep the newest of each of the last so many years that have one."),
        "keep_within_seconds": _keep_age(
            "Keep what is younger than this (12h, 7d), counted from the collection's newest verified one.",
            "AGE|12h|7d|1y",
        ),
        "min_keep": _keep("The floor of verified snapshots of each collection that no rule crosses."),
        "grace_seconds": _keep_age(
            "Never prune a snapshot so soon after a newer one replaced it (1h); readers of a bucket need it.",
            "AGE|1h|7d",
        ),
    }


class MaintenanceSettings(OptionGroup, frozen=True, kw_only=True):
    """Choices of single commands about what is kept."""

    heading: ClassVar = "Retention"

    pin_reason: Annotated[
        str,
        Option(
            name="reason",
            variable=ABSENT,
            key=ABSENT,
            commands=(Command.PIN,),
            read=parse_note,
            help="Why the snapshot shall stay.",
        ),
    ] = ""
    prune_server: Annotated[
        bool,
        Option(
            name="server",
            variable=ABSENT,
            key=ABSENT,
            commands=(Command.PRUNE,),
            help="Remove from the Qdrant server what runs of ours that were killed left there.",
        ),
    ] = False
    mirror_rule: Annotated[
        RetentionRule | None,
        Option(
            name="mirror-keep",
            flag="--keep",
            placeholder="RULE",
            commands=(Command.MIRROR, Command.SERVE, Command.CONFIG),
            read=_parse_rule,
            write=_format_rule,
            help="What the target of a mirror keeps: last=3,daily=30,monthly=12 and within, min, grace; unset: all.",
        ),
    ] = None
