"""What `serve` does by schedule, and how one run of it, or of any command, ended."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class Job(StrEnum):
    """The commands that can be scheduled, in the order in which they run when several are due at one moment."""

    SNAPSHOT = "snapshot"
    PRUNE = "prune"
    MIRROR = "mirror"
    VERIFY = "verify"
    DRILL = "drill"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What one run did with one collection. `status` is an exit status; `bytes_moved` what travelled, else 0.

    `skipped`: a policy left it alone, which is no failure. `direction` is `download` or `upload`, empty when
    nothing travelled.
    """

    collection: str
    status: int = 0
    skipped: bool = False
    seconds: float | None = None
    bytes_moved: int = 0
    direction: str = ""


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one command. `error` is a sentence without secrets, empty when all went well.

    `operation_id` is what its log, its notifications and nothing else share. `at` is when it ended, UTC.
    """

    command: str
    operation_id: str
    status: int
    seconds: float
    at: datetime
    error: str = ""
    parts: tuple[Part, ...] = ()
    lock_wait_seconds: float | None = None
