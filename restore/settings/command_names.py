"""The commands, and groups of them that share options."""

from enum import StrEnum


class Command(StrEnum):
    """Every command, by what is typed for it."""

    RESTORE = "restore"
    SNAPSHOT = "snapshot"
    LIST = "list"
    VERIFY = "verify"
    DRILL = "drill"
    PRUNE = "prune"
    MIRROR = "mirror"
    PIN = "pin"
    UNPIN = "unpin"
    SERVE = "serve"
    HEALTHCHECK = "healthcheck"
    DOCTOR = "doctor"
    CONFIG = "config show"
    VERSION = "version"


# Those that can be scheduled, in the order in which they run when several are due at one moment.
JOBS = (Command.SNAPSHOT, Command.PRUNE, Command.MIRROR, Command.VERIFY, Command.DRILL)
TRANSFERRING = (Command.RESTORE, Command.SNAPSHOT, Command.DRILL, Command.SERVE, Command.CONFIG)
SELECTING = (*TRANSFERRING, Command.LIST, Command.VERIFY, Command.PRUNE, Command.MIRROR)
LOCKING = (*TRANSFERRING, Command.PRUNE, Command.PIN, Command.UNPIN, Command.MIRROR)
CONNECTING = (*TRANSFERRING, Command.PRUNE, Command.DOCTOR)
OBSERVED = (*TRANSFERRING, Command.VERIFY, Command.PRUNE)
# Nothing comes of these but what they print.
TELLING = (Command.LIST, Command.VERIFY, Command.DOCTOR, Command.CONFIG, Command.VERSION)
# `version` reads no settings.
CONFIGURED = tuple(command for command in Command if command is not Command.VERSION)
