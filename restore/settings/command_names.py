"""The names of the commands, groups of them that share options, and those that can be scheduled."""

from __future__ import annotations

from enum import StrEnum


class Job(StrEnum):
    """The commands that can be scheduled, in the order in which they run when several are due at one moment."""

    SNAPSHOT = "snapshot"
    PRUNE = "prune"
    MIRROR = "mirror"
    VERIFY = "verify"
    DRILL = "drill"


PRUNE, PIN, UNPIN = "prune", "pin", "unpin"
DRILL = "drill"
SERVE, HEALTHCHECK = "serve", "healthcheck"
MIRROR = "mirror"
RESTORE, SNAPSHOT, LIST, VERIFY, DOCTOR, CONFIG, VERSION = (
    "restore",
    "snapshot",
    "list",
    "verify",
    "doctor",
    "config show",
    "version",
)
MOVING = (RESTORE, SNAPSHOT, DRILL, SERVE, CONFIG)
CHOOSING = (RESTORE, SNAPSHOT, LIST, VERIFY, DRILL, PRUNE, MIRROR, SERVE, CONFIG)
WAITING = (*MOVING, PRUNE, PIN, UNPIN, MIRROR)
ASKING = (RESTORE, SNAPSHOT, DRILL, PRUNE, DOCTOR, SERVE, CONFIG)
ALL = (RESTORE, SNAPSHOT, LIST, VERIFY, PRUNE, PIN, UNPIN, MIRROR, DRILL, DOCTOR, SERVE, HEALTHCHECK, CONFIG)
