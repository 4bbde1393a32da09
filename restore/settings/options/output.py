"""Results, the log, and the settings file."""

from enum import StrEnum
from typing import Annotated, ClassVar

from restore.settings.command_names import CONFIGURED, Command
from restore.settings.option import ABSENT, Option, OptionGroup


class LogFormat(StrEnum):
    """How the log is written: for a terminal, for machines, or by whether stderr is a terminal."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    """The least important event that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class OutputSettings(OptionGroup, frozen=True, kw_only=True):
    """How results and the log are written, and where settings are read from."""

    heading: ClassVar = "Output"
    commands: ClassVar = CONFIGURED

    json: Annotated[bool, Option(commands=(*Command,), help="Print the result as JSON.")] = False
    log_format: Annotated[LogFormat, Option(help="How the log on stderr is written.")] = LogFormat.AUTO
    log_level: Annotated[LogLevel, Option(help="The least important event that is logged.")] = LogLevel.INFO
    config: Annotated[
        str,
        Option(
            key=ABSENT,
            placeholder="PATH",
            help="The settings file; restore.yaml in the working directory is read when it is there.",
        ),
    ] = ""
