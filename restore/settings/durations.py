"""Lengths of time as people write them: `90s`, `1h30m` for what a run waits for, `30d`, `4w`, `1y` for ages."""

import re

from restore.settings.parsers import format_value

_UNIT_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?(?:ms|s|m|h|d))+|[0-9]+(?:\.[0-9]*)?")
_AGE = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{0,6})?[smhdwy])+|[0-9]{1,9}(?:\.[0-9]{0,6})?")
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?)(ms|[smhdwy]?)")
_LONGEST_DURATION_SECONDS = 30 * _UNIT_SECONDS["d"]
_LONGEST_AGE_SECONDS = 100 * _UNIT_SECONDS["y"]


def parse_duration(text: str) -> float:
    """Read a length of time in seconds: `90`, `90s`, `1.5m`, `1h30m`."""
    compact = text.strip().lower()
    if not _DURATION.fullmatch(compact):
        raise ValueError(f"'{text}' is no length of time (90, 90s, 2m, 1h)")
    seconds = _add_parts(compact)
    if seconds > _LONGEST_DURATION_SECONDS:
        raise ValueError(f"'{text}' is more than 30 days")
    return seconds


def parse_positive_duration(text: str) -> float:
    """Read a length of time that is not nothing."""
    seconds = parse_duration(text)
    if seconds <= 0:
        raise ValueError(f"'{text}' leaves no time at all")
    return seconds


def parse_limit(text: str) -> float | None:
    """Read a length of time that is not nothing, or `off`."""
    return None if text.strip().lower() == "off" else parse_positive_duration(text)


def parse_timeout(text: str) -> float | None:
    """Read a length of time, 0 for no waiting at all, or `off`."""
    return None if text.strip().lower() == "off" else parse_duration(text)


def parse_age(text: str) -> float:
    """Read an age in seconds: `12h`, `7d`, `4w`, `1y` (365 days), `1w2d`."""
    compact = text.strip().lower()
    if not _AGE.fullmatch(compact):
        raise ValueError(f"'{text}' is no length of time (12h, 7d, 4w, 1y)")
    seconds = _add_parts(compact)
    if seconds > _LONGEST_AGE_SECONDS:
        raise ValueError(f"'{text}' is more than 100 years")
    return seconds


def format_limit(seconds: float | None) -> str:
    """Show a length of time that may be without end."""
    return "off" if seconds is None else format_value(seconds)


def _add_parts(text: str) -> float:
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _PART.findall(text))
