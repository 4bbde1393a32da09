"""How long to wait for what."""

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


class LimitSettings(OptionGroup, frozen=True, kw_only=True):
    """Timeouts and the deadline, in seconds; None is without end."""

    heading: ClassVar = "Time"

    wait_timeout_seconds: Annotated[
        float,
        Option(
            placeholder="SECONDS|2m|1h",
            commands=(*TRANSFERRING, Command.PRUNE),
            read=parse_duration,
            help="How long to wait until Qdrant is ready.",
        ),
    ] = 120.0
    stall_timeout_seconds: Annotated[
        float,
        Option(
            placeholder="SECONDS|2m|1h",
            commands=(*TRANSFERRING, Command.MIRROR),
            read=parse_positive_duration,
            help="How long a transfer may go without a byte or a sign from the server.",
        ),
    ] = 300.0
    lock_timeout_seconds: Annotated[
        float | None,
        Option(
            placeholder="SECONDS|2m|1h|off",
            commands=LOCKING,
            read=parse_timeout,
            write=format_limit,
            help="How long to wait for another run that holds the collection or the store; off: as long as it lives.",
        ),
    ] = None
    deadline_seconds: Annotated[
        float | None,
        Option(
            placeholder="SECONDS|2m|1h|off",
            commands=LOCKING,
            read=parse_limit,
            write=format_limit,
            help="How long all of it may take.",
        ),
    ] = None
