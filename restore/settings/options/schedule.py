"""When `serve` runs which command."""

from typing import Annotated, ClassVar

from restore.settings.command_names import Command
from restore.settings.durations import parse_duration
from restore.settings.option import Option, OptionGroup

_HALF_A_DAY = 43200.0


def _parse_schedule(text: str) -> str:
    """Read a schedule; without the extra `serve`, which would read it, keep the text."""
    from restore.settings.schedule import parse_schedule  # noqa: PLC0415 - boot: 3 ms, paid by a schedule

    try:
        parse_schedule(text)
    except ImportError:
        return text.strip()
    return text.strip()


def _parse_zone(text: str) -> str:
    from restore.settings.schedule import open_zone  # noqa: PLC0415 - boot: 3 ms, paid by a schedule

    open_zone(text.strip())
    return text.strip()


def _parse_jitter(text: str) -> float:
    seconds = parse_duration(text)
    if seconds > _HALF_A_DAY:
        raise ValueError(f"'{text}' is more than 12 hours")
    return seconds


def _schedule(job: Command, question: str) -> Option:
    return Option(
        name=f"schedule-{job}",
        key=f"schedule.{job}",
        placeholder="CRON",
        read=_parse_schedule,
        help=f"{question}: five cron fields, @daily, @every 6h.",
    )


class ScheduleSettings(OptionGroup, frozen=True, kw_only=True):
    """One schedule per job, empty when it is not scheduled; a field has the name of its command."""

    heading: ClassVar = "Schedule"
    commands: ClassVar = (Command.SERVE, Command.CONFIG)

    snapshot: Annotated[str, _schedule(Command.SNAPSHOT, "When to snapshot")] = ""
    prune: Annotated[str, _schedule(Command.PRUNE, "When to prune")] = ""
    mirror: Annotated[str, _schedule(Command.MIRROR, "When to mirror")] = ""
    verify: Annotated[str, _schedule(Command.VERIFY, "When to verify the store")] = ""
    drill: Annotated[str, _schedule(Command.DRILL, "When to drill")] = ""
    time_zone: Annotated[
        str,
        Option(
            name="schedule-time-zone",
            key="schedule.time_zone",
            placeholder="ZONE",
            read=_parse_zone,
            help="The time zone that the cron fields are meant in, by its name: Europe/Berlin.",
        ),
    ] = "UTC"
    jitter_seconds: Annotated[
        float,
        Option(
            name="schedule-jitter",
            key="schedule.jitter",
            placeholder="SECONDS|2m|1h",
            read=_parse_jitter,
            help="Begin each run by up to this much later; always the same for one slot of one machine.",
        ),
    ] = 0.0
