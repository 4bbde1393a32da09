"""What the README and docs/commands.md show is what happens, and their tables are those of the repository."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from restore.cli.parser import parse_arguments
from restore.commands.registry import COMMANDS
from tests.support.pages import README, list_blocks, list_code, list_rows, read
from tests.support.program import ROOT, make_environment
from tests.support.shell import CITIES, Shell, fill

MAKEFILE = read(ROOT / "Makefile")
TARGETS = re.findall(r"^([a-z-]+):.*?## ", MAKEFILE, re.MULTILINE)
COMMANDS_PAGE = ROOT / "docs" / "commands.md"
PLAIN = [(list_code(first)[0], list_code(second)) for first, second in list_rows(COMMANDS_PAGE, "Make")]
# What make passes on as variables, a person gives as an option.
AS_OURSELVES = '--user "$(id -u):$(id -g)" '
# What make adds so that a demo or a test run begins with its own words.
QUIETLY = "--quiet --disable-pip-version-check "


def list_recipe(target: str) -> str:
    """Return the commands that make would run."""
    environment = {name: text for name, text in make_environment().items() if name != "PYTHONPATH"}
    done = subprocess.run(
        ["make", "--always-make", "--dry-run", *target.split()[1:]],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return " ".join(done.stdout.split()).replace(QUIETLY, "")


def take_out_numbers(text: str) -> list[str]:
    """Return the lines without what differs from run to run: times and sizes."""
    plain = re.sub(r"\d+ [A-Z][a-z]{2} [\d:]+", "N", text)
    return re.sub(r"[\d][\d.,:_]*( MB| kB| bytes)?", "N", plain).strip().splitlines()


def test_the_commands_that_are_shown_run(tmp_path: Path, embedded: EmbeddedQdrant) -> None:
    """The README's, and after it those on the page of commands, as a reader types them."""
    server, desk = fill(embedded.url), Shell(tmp_path, embedded.url)
    (first,), (second,) = list_blocks(README, "runs"), list_blocks(COMMANDS_PAGE, "runs")

    begun = desk.type(first)
    went_on = desk.type(second)

    assert begun.status == 0, begun.output
    assert went_on.status == 0, went_on.output
    assert server.collections() == ["cities", "cities_copy", "cities_old"]
    assert [server.count(name) for name in server.collections()] == [CITIES] * 3


def test_the_demo_is_the_one_that_is_tried() -> None:
    """`make demo` starts what tests/documents/test_demo.py runs."""
    (shown,) = list_blocks(README, "runs: demo")

    assert shown == "make demo\n"
    assert list_recipe("make demo").endswith(".venv/bin/python examples/demo")


def test_the_snippet_is_the_one_that_the_example_runs() -> None:
    """Letter by letter, below its heading lines."""
    (shown,) = list_blocks(README, "snippet")
    snippet = read(ROOT / "examples" / "existing-project" / "snippet.yml")

    assert shown == snippet[snippet.index("services:\n") :]


def test_the_readme_is_short() -> None:
    """Reference material has pages of its own."""
    assert len(read(README).splitlines()) <= 160


def test_the_first_start_says_what_the_readme_shows(tmp_path: Path, embedded: EmbeddedQdrant) -> None:
    """One collection restored, one already there, and the line that counts; but for the numbers."""
    (shown,) = list_blocks(README, "said: quick start")
    server, desk = fill(embedded.url), Shell(tmp_path, embedded.url)
    server.create("towns", vectors={"size": 4, "distance": "Dot"})
    server.upsert("towns", range(3))
    assert desk.type("qdrant-restore snapshot").status == 0
    server.drop("cities")

    said = desk.type("qdrant-restore restore --log-level error")

    assert take_out_numbers(said.output) == take_out_numbers(shown.removeprefix("$ docker compose up\n"))


def test_every_command_has_its_line() -> None:
    """In the order of `--help`."""
    rows = list_rows(COMMANDS_PAGE, "Command")

    assert [list_code(row[0])[0].split(" [")[0] for row in rows] == [
        f"qdrant-restore {door.name}" for door in COMMANDS
    ]


def test_every_command_that_is_shown_can_be_parsed() -> None:
    """No option that does not exist, anywhere on the two pages."""
    text = read(README) + read(COMMANDS_PAGE)
    shown = re.findall(r"^(?:`|)(qdrant-restore [^`\[|#\n]+)", text, re.MULTILINE)
    problems = {code: found.problems for code in shown if (found := parse_arguments(shlex.split(code)[1:]))}

    assert len(problems) >= 10
    assert {code: found for code, found in problems.items() if found} == {}


def test_every_target_of_make_is_in_its_help_and_in_the_table() -> None:
    """And no other."""
    phony = re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
    assert phony is not None

    assert set(phony[1].split()) == set(TARGETS)
    assert {make.split()[1] for make, _ in PLAIN} == set(TARGETS)


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here; the table is for people without it")
@pytest.mark.parametrize(("make", "plain"), PLAIN, ids=[make for make, _ in PLAIN])
def test_the_plain_commands_are_what_make_runs(make: str, plain: list[str]) -> None:
    """Each of them stands in the target's recipe."""
    recipe = list_recipe(make)

    assert [one for one in plain if one.replace(AS_OURSELVES, "") not in recipe] == []


@pytest.mark.skipif(
    shutil.which("make") is None, reason="there is no make here; docs/commands.md has the plain commands"
)
def test_make_without_a_target_lists_them_all() -> None:
    """Each on a line of its own, with what it does."""
    done = subprocess.run(["make"], cwd=ROOT, env=make_environment(), capture_output=True, text=True, check=True)

    assert [line.split()[:2] for line in done.stdout.splitlines()] == [["make", target] for target in TARGETS]
    assert min(len(line.split()) for line in done.stdout.splitlines()) > 3
