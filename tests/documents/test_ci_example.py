"""The example for CI does what it says, and the page that describes it shows the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from qdrant_embedded.process import EmbeddedQdrant
from tests.support.pages import list_blocks, read
from tests.support.program import ROOT, make_environment
from tests.support.server_under_test import Server
from tests.support.shell import Shell, fill

EXAMPLE = ROOT / "examples" / "ci"
PAGE = ROOT / "docs" / "ci.md"


def run_example(temporary: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script with this interpreter, which has everything; `temporary` is where temporary files go."""
    given = {"PYTHON": sys.executable, "TMPDIR": str(temporary), "PYTEST_ADDOPTS": "-p no:cacheprovider", **variables}
    return subprocess.run(
        ["sh", str(EXAMPLE / "run.sh")],
        env=make_environment(**given),
        cwd=temporary,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_it_brings_its_own_qdrant_and_leaves_nothing(tmp_path: Path) -> None:
    """Without a Qdrant: an embedded one is started, filled, asked by the tests, and ended."""
    done = run_example(tmp_path, QDRANT_URL="")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "cities: 200 points restored from cities_" in done.stdout
    assert "2 passed" in done.stdout
    assert [entry.name for entry in tmp_path.iterdir() if not entry.name.startswith("pytest-of-")] == []


def test_it_takes_the_qdrant_that_is_there(tmp_path: Path, embedded: EmbeddedQdrant) -> None:
    """As with a service of the CI: its data is there afterwards, and a second run only reads."""
    first = run_example(tmp_path, QDRANT_URL=embedded.url)
    second = run_example(tmp_path, QDRANT_URL=embedded.url)

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "cities: 200 points here" in second.stdout
    assert Server(embedded.url).count("cities") == 200


def test_it_fails_when_the_fixtures_cannot_be_restored(tmp_path: Path, embedded: EmbeddedQdrant) -> None:
    """A job that goes on without its data would test nothing."""
    Server(embedded.url).create("cities", vectors={"size": 8, "distance": "Dot"})

    done = run_example(tmp_path, QDRANT_URL=embedded.url)

    assert done.returncode == 16
    assert "2 passed" not in done.stdout


def test_the_page_shows_the_workflow_that_is_there() -> None:
    """Letter by letter, below its heading line."""
    (shown,) = list_blocks(PAGE, "workflow")
    workflow = read(EXAMPLE / "workflow.yml")

    assert shown == workflow[workflow.index("name: tests\n") :]


def test_the_workflow_runs_what_the_script_runs() -> None:
    """The same command, on a Qdrant of the version that the compose file starts."""
    job = yaml.safe_load(read(EXAMPLE / "workflow.yml"))["jobs"]["tests"]
    compose = read(ROOT / "docker-compose.yml")

    assert "qdrant-restore restore --store tests/fixtures" in [step.get("run") for step in job["steps"]]
    assert '"$PYTHON" -m restore restore --store tests/fixtures' in read(EXAMPLE / "run.sh")
    assert job["services"]["qdrant"]["image"] in compose


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a clone; git knows what it would ignore")
def test_fixtures_are_not_ignored_where_the_page_says(tmp_path: Path, embedded: EmbeddedQdrant) -> None:
    """With this repository's own rules: the store of the tests can be committed, the default store is not."""
    fill(embedded.url)
    desk = Shell(tmp_path / "project", embedded.url)
    (desk.directory / ".gitignore").write_text(read(ROOT / ".gitignore"))
    (desk.directory / "tests").mkdir()
    asked = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    begun = desk.type("git init -q . && qdrant-restore snapshot", **asked)

    (block,) = list_blocks(PAGE, "runs: fixtures")
    added = desk.type(f"{block}\ngit add qdrant_snapshots\ngit ls-files", **asked)

    names = [name for name in added.output.splitlines() if name.startswith(("tests/", "qdrant_snapshots/"))]
    assert (begun.status, added.status) == (0, 0), begun.output + added.output
    assert [Path(name).parent.name for name in names] == ["qdrant_snapshots", *["fixtures"] * 4]
    assert [Path(name).suffix for name in names] == [".md", ".md", ".snapshot", ".json", ".snapshot"]
