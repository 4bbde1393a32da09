"""Options about time: how long to wait for what."""

from __future__ import annotations

from restore.settings import parsers as values
from restore.settings.command_names import MIRROR, MOVING, PRUNE
from restore.settings.options.kinds import make_length, make_limit

LIMIT_OPTIONS = (
    make_length(
        "wait-timeout",
        120.0,
        "How long to wait until Qdrant is ready.",
        values.parse_duration,
        commands=(*MOVING, PRUNE),
    ),
    make_length(
        "stall-timeout",
        300.0,
        "How long a transfer may go without a byte or a sign from the server.",
        values.parse_positive_duration,
        commands=(*MOVING, MIRROR),
    ),
    make_limit(
        "lock-timeout",
        "How long to wait for another run that holds the collection or the store; off: as long as it lives.",
        values.parse_timeout,
    ),
    make_limit("deadline", "How long all of it may take.", values.parse_limit),
)
