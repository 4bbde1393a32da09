"""The rows about which collections are meant by patterns, what is kept and for how long, pins and sets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from restore.retention.rule import RetentionRule
from restore.sets.document import is_run_id
from restore.settings import parsers as values
from restore.settings.command_names import PIN, PRUNE
from restore.settings.option import Option

_MOST = 100_000
_UNIT_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0, "y": 365 * 86400.0}
_AGE = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{0,6})?[smhdwy])+|[0-9]{1,9}(?:\.[0-9]{0,6})?")
_AGE_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?)([smhdwy]?)")
_LONGEST_SECONDS = 100 * 365 * 86400.0
_COUNTS = {
    "keep-last": "Keep the newest so many verified snapshots of each collection.",
    "keep-hourly": "Keep the newest of each of the last so many hours that have one.",
    "keep-daily": "Keep the newest of each of the last so many days that have one (UTC).",
    "keep-weekly": "Keep the newest of each of the last so many weeks that have one (ISO weeks).",
    "keep-monthly": "Keep the newest of each of the last so many months that have one.",
    "keep-yearly": "Keep the newest of each of the last so many years that have one.",
}
OF_SETS = ("latest", "previous")


def make_retention_options(
    choosing: tuple[str, ...], keeping: tuple[str, ...], restoring: tuple[str, ...]
) -> tuple[Option, ...]:
    """Give the rows; `choosing` commands take patterns, `keeping` ones prune, `restoring` ones take a set."""
    return (*_make_patterns(choosing), *_make_rule(keeping), *_make_sets(restoring))


def _make_patterns(commands: tuple[str, ...]) -> tuple[Option, ...]:
    shared: Mapping[str, Any] = {
        "group": "Collections",
        "placeholder": "PATTERNS",
        "default": (),
        "several": True,
        "commands": commands,
        "read": values.parse_text,
    }
    return (
        Option(
            name="include",
            flag_help="Only collections like this shell pattern ('A*'); may be given several times.",
            help="Only collections like one of these shell patterns, separated by commas.",
            **shared,
        ),
        Option(
            name="exclude",
            flag_help="Not the collections like this shell pattern ('*_test'), whatever includes them.",
            help="Not the collections like one of these shell patterns, whatever includes them.",
            **shared,
        ),
    )


def _make_rule(commands: tuple[str, ...]) -> tuple[Option, ...]:
    shared: Mapping[str, Any] = {"group": "Retention", "commands": commands, "per_collection": True}
    counts = tuple(
        Option(name=name, placeholder="NUMBER", read=_read_count, help=help_text, **shared)
        for name, help_text in _COUNTS.items()
    )
    return (
        *counts,
        Option(
            name="keep-within",
            field="keep_within_seconds",
            placeholder="AGE|12h|7d|1y",
            read=_read_age,
            write=_write_age,
            help="Keep what is younger than this (12h, 7d), counted from the collection's newest verified one.",
            **shared,
        ),
        Option(
            name="min-keep",
            placeholder="NUMBER",
            default=1,
            read=_read_count,
            help="The floor of verified snapshots of each collection that no rule crosses.",
            **shared,
        ),
        Option(
            name="grace",
            field="grace_seconds",
            placeholder="AGE|1h|7d",
            default=0.0,
            read=_read_age,
            write=_write_age,
            help="Never prune what is younger than this (1h); readers of a bucket need it, a directory's lock.",
            **shared,
        ),
    )


def _make_sets(restoring: tuple[str, ...]) -> tuple[Option, ...]:
    return (
        Option(
            name="set",
            field="chosen_set",
            group="Collections",
            variable="-",
            key="-",
            placeholder="latest|previous|ID",
            default="",
            commands=restoring,
            read=_read_set,
            help="Restore what one run of snapshot made, all collections of it as they were then.",
        ),
        Option(
            name="allow-incomplete",
            group="Policies",
            variable="-",
            key="-",
            default=False,
            switch=True,
            commands=restoring,
            read=values.parse_switch,
            help="Restore a set of which pruning has deleted a part, as far as it is there.",
        ),
        Option(
            name="sets",
            field="show_sets",
            group="Output",
            variable="-",
            key="-",
            default=False,
            switch=True,
            commands=("list",),
            read=values.parse_switch,
            help="Show what each run of snapshot made, and how much of it is there.",
        ),
        Option(
            name="reason",
            field="pin_reason",
            group="Retention",
            variable="-",
            key="-",
            default="",
            commands=(PIN,),
            read=values.parse_note,
            help="Why the snapshot shall stay.",
        ),
        Option(
            name="server",
            field="prune_server",
            group="Retention",
            variable="-",
            key="-",
            default=False,
            switch=True,
            commands=(PRUNE,),
            read=values.parse_switch,
            help="Remove from the Qdrant server what runs of ours that were killed left there.",
        ),
    )


def make_mirror_option(commands: tuple[str, ...]) -> Option:
    """Give the row of the rule for a mirror's target, which is another than the store's."""
    return Option(
        name="mirror-keep",
        field="mirror_rule",
        flag="--keep",
        group="Retention",
        placeholder="RULE",
        default=None,
        commands=commands,
        read=_read_rule,
        write=_write_rule,
        help="What the target of a mirror keeps: last=3,daily=30,monthly=12 and within, min, grace; unset: all.",
    )


def _read_rule(text: str) -> RetentionRule | None:
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


def _write_rule(rule: RetentionRule | None) -> str:
    if rule is None:
        return ""
    values = {word: (getattr(rule, field), read) for word, (field, read) in _RULE_WORDS.items()}
    unset = {"min": 1, "grace": 0.0}
    return ",".join(
        f"{word}={_write_age(value) if read is _read_age else value}"
        for word, (value, read) in values.items()
        if value is not None and value != unset.get(word)
    )


def _read_count(text: str) -> int:
    """Read how many are kept."""
    compact = text.strip()
    if not re.fullmatch(r"[0-9]{1,6}", compact) or int(compact) > _MOST:
        raise ValueError(f"'{text}' is no whole number from 0 to {_MOST:,}")
    return int(compact)


def _read_age(text: str) -> float:
    """Read an age in seconds: `12h`, `7d`, `4w`, `1y` (365 days), `1w2d`."""
    compact = text.strip().lower()
    if not _AGE.fullmatch(compact):
        raise ValueError(f"'{text}' is no length of time (12h, 7d, 4w, 1y)")
    seconds = sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _AGE_PART.findall(compact))
    if seconds > _LONGEST_SECONDS:
        raise ValueError(f"'{text}' is more than 100 years")
    return seconds


def _write_age(seconds: float | None) -> str:
    """Show an age in the longest unit that divides it."""
    if seconds is None:
        return ""
    units = (unit for unit in ("w", "d", "h", "m") if seconds and seconds % _UNIT_SECONDS[unit] == 0)
    unit = next(units, "s")
    return f"{seconds / _UNIT_SECONDS[unit]:.15g}{unit}"


def _read_set(text: str) -> str:
    """Read which set is meant."""
    compact = text.strip().lower()
    if compact not in OF_SETS and not is_run_id(compact):
        raise ValueError(f"'{text}' is neither latest, previous nor a set's id (see list --sets)")
    return compact


_RULE_WORDS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "last": ("keep_last", _read_count),
    **{word: (f"keep_{word}", _read_count) for word in ("hourly", "daily", "weekly", "monthly", "yearly")},
    "within": ("keep_within_seconds", _read_age),
    "min": ("min_keep", _read_count),
    "grace": ("grace_seconds", _read_age),
}
