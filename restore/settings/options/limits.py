"""How long to wait for what."""

from collections.abc import Callable
from typing import Annotated, ClassVar

from restore.settings.command_names import LOCKING, TRANSFERRING, Command
from restore.settings.durations import (
    format_limit,
    parse_duration,
    parse_limit,
    parse_positive_duration,
    parse_timeout,
)
from restore.settings.option import Option, OptionGroup


def _timeout(help_text: str, read: Callable[[str], float], commands: tuple[Command, ...]) -> Option:
    return Option(placeholder="SECONDS|2m|1h", commands=commands, read=read, help=help_text)


def _limit(help_text: str, read: Callable[[str], float | None]) -> Option:
    return Option(placeholder="SECONDS|2m|1h|off", read=read, write=format_limit, help=help_text)


class LimitSettings(OptionGroup, frozen=True, kw_only=True):
    """Timeouts and the deadline, in seconds; None is without end."""

    heading: ClassVar = "Time"
    commands: ClassVar = LOCKING

    wait_timeout_seconds: Annotated[
        float, _timeout("How long to wait until Qdrant is ready.", parse_duration, (*TRANSFERRING, Command.PRUNE))
    ] = 120.0
    stall_timeout_seconds: Annotated[
        float,
        _timeout(
            "How long a transfer may go without a byte or a sign from the server.",
            parse_positive_duration,
            (*TRANSFERRING, Command.MIRROR),
        ),
    ] = 300.0
    lock_timeout_seconds: Annotated[
        float | None,
        _limit(
            "How long to wait for another run that holds the collection or the store; off: as long as it lives.",
            parse_timeout,
        ),
    ] = None
    deadline_seconds: Annotated[float | None, _limit("How long all of it may take.", parse_limit)] = None
