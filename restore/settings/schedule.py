"""A schedule as a person writes it: cron fields, `@daily`, `@every 6h`, and its time zone."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import msgspec

from restore.settings.durations import parse_duration

_NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_EVERY = re.compile(r"@every\s+(\S+)")
_FIELDS = 5
_SHORTEST_SECONDS = 60.0
_WANTED = "five cron fields, @hourly, @daily, @weekly, @monthly, @yearly or @every 6h"


class Cron(msgspec.Struct, frozen=True):
    """Five cron fields, as Debian's cron reads them."""

    fields: str


class Every(msgspec.Struct, frozen=True):
    """So many seconds after the last one."""

    seconds: float


Schedule = Cron | Every


def parse_schedule(text: str) -> Schedule:
    """Read a schedule. Raise `ValueError` with what is wrong; `ImportError` where the extra `serve` is missing."""
    compact = " ".join(text.split())
    if match := _EVERY.fullmatch(compact):
        seconds = parse_duration(match[1])
        if seconds < _SHORTEST_SECONDS:
            raise ValueError(f"'{text}' is more often than once a minute")
        return Every(seconds)
    fields = _NAMED.get(compact.lower(), compact)
    if len(fields.split()) != _FIELDS:
        raise ValueError(f"'{text}' is no schedule ({_WANTED})")
    cron = Cron(fields)
    iterate_slots(cron, datetime(2026, 1, 1, tzinfo=UTC), UTC)
    return cron


def open_zone(name: str) -> tzinfo:
    """Return a time zone. Raise `ValueError` for a name that is none."""
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"'{name}' is no time zone (UTC, Europe/Berlin)") from None


def iterate_slots(cron: Cron, after: datetime, zone: tzinfo) -> Iterator[datetime]:
    """Return the slots after a moment, UTC. Raise `ValueError` for fields that are none.

    A daily slot in the hour that clocks repeat is the first of the two; counted from within the second one it would
    lie in the past.
    """
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 - optional package

    try:
        slots = CronSim(cron.fields, after.astimezone(zone))
    except CronSimError as error:
        raise ValueError(f"'{cron.fields}' is no schedule ({str(error).lower()}; {_WANTED})") from error
    return (slot.astimezone(UTC) for slot in slots if slot.astimezone(UTC) > after)
