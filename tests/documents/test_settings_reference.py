"""Every setting stands in the table, in the reference, in `.env.example` and in `--help` alike."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from restore.exit_statuses import EXIT_STATUSES
from restore.settings.command_names import Command
from restore.settings.option import Option
from restore.settings.options.table import OPTIONS
from restore.settings.unknown import list_variables
from tests.support.program import ROOT, run_program
from tools.reference import EXAMPLE, PAGES, fill_blocks, write_example


def test_the_example_is_what_the_table_says() -> None:
    """`python -m tools.reference` writes it."""
    assert (ROOT / EXAMPLE).read_text() == write_example()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_generated_blocks_are_what_the_table_says(page: Path) -> None:
    """`python -m tools.reference` writes them."""
    text = (ROOT / page).read_text()

    assert text == fill_blocks(text)


def test_the_reference_has_every_block() -> None:
    """A block whose marks were lost would not be missed by the test above."""
    found = re.findall(r"<!-- generated: ([a-z-]+) -->", (ROOT / "docs/settings.md").read_text())

    assert found == ["settings", "per-collection", "aliases", "exit-statuses"]


def test_the_example_has_every_variable_once() -> None:
    """With its default, commented out."""
    found = re.findall(r"^#([A-Z_]+)=", (ROOT / EXAMPLE).read_text(), re.MULTILINE)
    ours = [name for name in found if name in list_variables()]

    assert sorted(ours) == sorted(list_variables())


def test_the_example_has_every_variable_of_the_compose_file() -> None:
    """What the compose file takes from `.env` is explained there."""
    compose = (ROOT / "docker-compose.yml").read_text()
    wanted = set(re.findall(r"\$\{([A-Z_]+)", compose))
    example = (ROOT / EXAMPLE).read_text()

    assert {name for name in wanted if f"#{name}=" not in example} == set()


def test_the_example_changes_nothing_when_it_is_taken_as_it_is(tmp_path: Path) -> None:
    """Every line of it, taken in, gives the default."""
    lines = re.findall(r"^#([A-Z_]+)=(.*)$", (ROOT / EXAMPLE).read_text(), re.MULTILINE)
    plain = run_program("config", "show", "--no-json", cwd=tmp_path)
    taken = run_program("config", "show", "--no-json", cwd=tmp_path, environment=dict(lines))

    assert [line.split()[:2] for line in taken.stdout.splitlines()] == [
        line.split()[:2] for line in plain.stdout.splitlines()
    ]


@pytest.mark.parametrize("command", [Command.RESTORE, Command.SNAPSHOT])
def test_help_shows_every_flag_of_a_command(command: str, tmp_path: Path) -> None:
    """A secret's flag is its file form; the flag that takes the key itself is hidden."""
    rows = [row for row in OPTIONS if command in row.commands]
    shown = run_program(command, "--help", cwd=tmp_path).stdout

    assert [flag for flag in map(_shown_flag, rows) if not re.search(rf"^  {flag}\b", shown, re.MULTILINE)] == []
    assert "--api-key " not in shown


def test_help_shows_every_exit_status(tmp_path: Path) -> None:
    """The table of the errors, the page and `--help` are one."""
    shown = run_program("--help", cwd=tmp_path).stdout
    rows = re.findall(r"^ +(\d+)  (\S.*?)  +(\S.*)$", shown, re.MULTILINE)

    assert [(int(number), name, meaning) for number, name, meaning in rows] == [tuple(row) for row in EXIT_STATUSES]


def _shown_flag(row: Option) -> str:
    return f"{row.flags[0]}-file" if row.secret else row.flags[0]
