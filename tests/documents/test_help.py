"""`--help` shows commands that work, and a shell can complete them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from restore.cli.parser import parse_arguments
from restore.commands.registry import COMMANDS, CommandSpec
from restore.settings.resolve import read_settings
from restore.settings.sources import Sources
from tests.support.program import ROOT, make_environment, run_program

EXAMPLES = [(door.name, example.partition("   ")[0]) for door in COMMANDS for example in door.examples]


@pytest.mark.parametrize("door", COMMANDS, ids=[door.name for door in COMMANDS])
def test_every_command_shows_its_sentence_and_its_examples(door: CommandSpec, tmp_path: Path) -> None:
    """One at least, as it is typed, and where to read on."""
    result = run_program(*door.name.split(), "--help", cwd=tmp_path)
    shown = re.findall(r"^  qdrant-restore (.+)$", result.stdout, re.MULTILINE)

    assert (result.status, result.stderr) == (0, "")
    assert " ".join(door.help.split()) in " ".join(result.stdout.split())
    assert shown == list(door.examples) != []
    assert "docs/settings.md" in result.stdout


@pytest.mark.parametrize(("command", "example"), EXAMPLES, ids=[example for _, example in EXAMPLES])
def test_every_example_is_a_command_line_that_works(command: str, example: str) -> None:
    """No option, and no value, that is refused."""
    found = parse_arguments(shlex.split(example, comments=True))

    assert found is not None
    assert (found.command, found.problems) == (command, ())
    settled = read_settings(command, Sources(arguments=found.arguments, flags=found.flags, environment={}))
    assert settled.warnings == ()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("qdrant-restore sn", ["snapshot"]),
        ("qdrant-restore config s", ["show"]),
        ("qdrant-restore prune --keep-m", ["--keep-monthly"]),
    ],
)
def test_a_shell_completes_commands_and_options(typed: str, offered: list[str]) -> None:
    """The line of docs/commands.md makes the shell ask like this."""
    words = typed.split()
    asked = {"COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1), "_QDRANT_RESTORE_COMPLETE": "bash_complete"}
    result = subprocess.run(
        [Path(sys.executable).with_name("qdrant-restore")],
        cwd=ROOT,
        env=make_environment(**asked),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.returncode, result.stdout.splitlines()) == (0, [f"plain,{word}" for word in offered])
