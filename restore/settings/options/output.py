"""Options about output, the log and the settings file."""

from __future__ import annotations

from restore.settings import parsers as values
from restore.settings.command_names import ALL, VERSION
from restore.settings.option import LogFormat, LogLevel, Option
from restore.settings.options.kinds import make_choice, make_switch

OUTPUT_OPTIONS = (
    make_switch("json", "Print the result as JSON.", group="Output", commands=(*ALL, VERSION)),
    make_choice("log-format", LogFormat, "How the log on stderr is written.", group="Output", commands=ALL),
    Option(
        name="log-level",
        group="Output",
        placeholder="|".join(LogLevel),
        default=LogLevel.INFO,
        commands=ALL,
        read=values.parse_choice(LogLevel),
        help="The least important event that is logged.",
    ),
    Option(
        name="config",
        group="Output",
        key="-",
        placeholder="PATH",
        default="",
        commands=ALL,
        read=values.parse_text,
        help="The settings file; restore.yaml in the working directory is read when it is there.",
    ),
)
