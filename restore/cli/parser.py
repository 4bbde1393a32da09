"""The command line: which command, which flags, generated from the table of settings. Every problem is kept.

Values stay texts: they are read where variables and the settings file are read, so that all is told at once.
"""

from collections.abc import Mapping

import click
import msgspec

from restore import __version__
from restore.commands.registry import COMMANDS, CommandSpec
from restore.errors import SettingsError
from restore.exit_statuses import EXIT_STATUSES
from restore.settings.command_names import Command
from restore.settings.option import Option
from restore.settings.options.table import OPTIONS
from restore.system.text import suggest

PROGRAM = "qdrant-restore"
_HELP = f"{PROGRAM} --help lists the commands, {PROGRAM} COMMAND --help a command's options"
_CONTEXT = {"max_content_width": 110, "help_option_names": ["--help", "-h"]}


class Invocation(msgspec.Struct, frozen=True):
    """What was typed. `flags` by setting name; `problems` are unknown flags."""

    command: str
    flags: Mapping[str, tuple[str, ...]] = {}
    arguments: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


_BY_NAME = {spec.name: spec for spec in COMMANDS}


def parse_arguments(arguments: list[str]) -> Invocation | None:
    """Return what is asked for; None when it was help, which has been shown. Raise `SettingsError`."""
    program = _Commands(
        name=PROGRAM, help=_explain(), params=[_version_flag()], epilog=_list_statuses(), context_settings=_CONTEXT
    )
    try:
        found = program.main(args=arguments, prog_name=PROGRAM, standalone_mode=False)
    except click.NoSuchOption as error:
        known = {flag for option in OPTIONS for flag in option.flags}
        name = error.option_name
        advice = "; options stand after the command" if name in known else ""
        raise SettingsError(f"unknown option {name}{advice}", hint=_HELP) from error
    except click.UsageError as error:
        raise SettingsError(error.format_message(), hint=_HELP) from error
    return found if isinstance(found, Invocation) else None


class _Commands(click.Group):
    """Builds a command only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return [spec.name.split()[0] for spec in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name == "config":
            inner = _build(_BY_NAME[Command.CONFIG], "show")
            return _Config(name="config", commands={"show": inner}, short_help=inner.short_help)
        return _build(_BY_NAME[cmd_name], cmd_name) if cmd_name in _BY_NAME else None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            raise SettingsError("no command was given", hint=f"most want '{PROGRAM} restore'; {_HELP}")
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in (known := self.list_commands(ctx)):
            raise SettingsError(f"unknown command '{args[0]}'{suggest(args[0], known)}", hint=_HELP)
        return super().resolve_command(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        formatter.write(f"\n{self.epilog}\n")


class _Config(click.Group):
    """`config`, which needs one more word."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = args and (args[0].startswith("-") or args[0] in self.commands)
        if not known and not ctx.resilient_parsing:
            raise SettingsError("config needs one more word: config show", hint=_HELP)
        return super().parse_args(ctx, args)


class _Command(click.Command):
    """Keeps unknown options as problems instead of ending at the first, and groups the known ones."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        left, problems = list(args), []
        while True:
            try:
                rest = super().parse_args(ctx, list(left))
            except click.NoSuchOption as error:
                left, problem = self._drop(left, error.option_name)
                problems.append(problem)
            except click.UsageError as error:
                left = []
                problems.append(error.format_message().rstrip("."))
            else:
                ctx.meta["problems"] = tuple(problems)
                return rest

    def _drop(self, args: list[str], name: str) -> tuple[list[str], str]:
        """Remove an unknown option, with the value that was meant for the option it resembles."""
        known = {flag: option for option in self.params for flag in option.opts if flag.startswith("-")}
        hint = suggest(name, known)
        at = next((index for index, text in enumerate(args) if text.partition("=")[0] == name), None)
        if at is None:
            return [], f"unknown option {name}{hint}"
        meant = next((option for flag, option in known.items() if flag in hint), None)
        takes_value = "=" not in args[at] and not (isinstance(meant, click.Option) and meant.is_flag)
        value = 1 if takes_value and args[at + 1 : at + 2] and not args[at + 1].startswith("-") else 0
        return args[:at] + args[at + 1 + value :], f"unknown option {name}{hint}"

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        headings: dict[str, list[tuple[str, str]]] = {}
        for option in self.params:
            record = option.get_help_record(ctx)
            if record is not None and isinstance(option, _Flag):
                headings.setdefault(option.heading, []).append(record)
        for heading, records in headings.items():
            with formatter.section(heading):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        formatter.write(f"\n{self.epilog}\n")


class _Flag(click.Option):
    """An option that knows its setting and the heading it stands under."""

    def __init__(self, flags: tuple[str, ...], setting: str, heading: str, **more: object) -> None:
        identifier = f"flag_{setting}".replace("-", "_").replace(" ", "_")
        super().__init__([*flags, identifier], **more)  # type: ignore[arg-type]
        self.setting = setting
        self.heading = heading


def _build(spec: CommandSpec, shown: str) -> click.Command:
    metavar = f"[{spec.argument}]..." if spec.argument else ""
    params: list[click.Parameter] = [click.Argument(["arguments"], nargs=-1, metavar=metavar)]
    for option in OPTIONS:
        if spec.name in option.commands:
            params += _list_flags(option)

    @click.pass_context
    def collect(ctx: click.Context, /, **values: object) -> Invocation:
        given = values.get("arguments")
        arguments = tuple(given) if isinstance(given, tuple) else ()
        problems = ctx.meta.get("problems", ())
        if arguments and not spec.argument:
            problems += (f"{spec.name} takes no argument ('{arguments[0]}')",)
        return Invocation(spec.name, _read_flags(ctx), arguments if spec.argument else (), problems)

    command = _Command(name=shown, callback=collect, params=params, help=spec.help, epilog=_show_examples(spec))
    command.context_settings = _CONTEXT
    command.short_help = spec.help
    return command


def _list_flags(option: Option) -> list[_Flag]:
    """Return a setting's flags: the shown one, the file form of a secret, the hidden ways to say no and old names."""
    if option.switch:
        plain = _Flag(option.flags, option.name, option.heading, is_flag=True, help=option.help)
        if not option.environment_name:
            return [plain]
        opposite = (f"--no-{option.name}",)
        return [plain, _Flag(opposite, f"no-{option.name}", option.heading, is_flag=True, hidden=True)]
    if not option.flags:
        return []
    metavar = "NAME" if option.several else option.placeholder
    shown = {"help": _describe(option), "metavar": metavar, "multiple": True}
    flags = [_Flag(option.flags[:1], option.name, option.heading, hidden=option.secret, **shown)]
    if option.secret:
        file = {**shown, "metavar": "PATH", "help": f"{option.help} Read from this file."}
        flags.append(_Flag((f"{option.flags[0]}-file",), f"{option.name}-file", option.heading, **file))
    flags += [
        _Flag((alias,), f"{option.name} {alias}", option.heading, multiple=True, hidden=True)
        for alias in option.aliases
    ]
    if option.name == "qdrant-url":
        flags += [_Flag((f"--{old}",), old, option.heading, multiple=True, hidden=True) for old in ("host", "port")]
    return flags


def _describe(option: Option) -> str:
    shown = option.write(option.default)
    help_text = option.flag_help or option.help
    return f"{help_text}  [{shown}]" if shown else help_text


def _read_flags(ctx: click.Context) -> dict[str, tuple[str, ...]]:
    flags: dict[str, tuple[str, ...]] = {}
    for option in ctx.command.params:
        value = ctx.params.get(option.name or "")
        if not isinstance(option, _Flag) or not value:
            continue
        setting = option.setting.partition(" ")[0]
        if value is True:
            negated = setting.startswith("no-")
            flags[setting.removeprefix("no-")] = ("false" if negated else "true",)
        elif isinstance(value, tuple):
            flags[setting] = (*flags.get(setting, ()), *map(str, value))
    return flags


def _version_flag() -> click.Option:
    def show(ctx: click.Context, _option: click.Parameter, value: object) -> None:
        if value:
            click.echo(f"{PROGRAM} {__version__}")
            ctx.exit()

    return click.Option(
        ["--version"], is_flag=True, expose_value=False, is_eager=True, callback=show, help="Show the version."
    )


def _explain() -> str:
    return "Brings a fresh Qdrant up with its data, and makes snapshots that can be trusted."


def _show_examples(spec: CommandSpec) -> str:
    lines = [f"  {PROGRAM} {example}" for example in spec.examples]
    more = f"Exit statuses: {PROGRAM} --help. Variables and the settings file: docs/settings.md."
    return "\n".join(["Examples:", *lines, "", more])


def _list_statuses() -> str:
    rows = [f"  {status.number:>3}  {status.name:<12}  {status.meaning}" for status in EXIT_STATUSES]
    return "\n".join(["Exit status:", *rows, "", f"Settings: {PROGRAM} config show, and docs/settings.md"])
