"""The workflows are valid, run what people run, and may do nothing but read."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
import yaml

from tests.support.bucket_server_installs import ACTIONLINT, AbsentError, find_go
from tests.support.pages import read
from tests.support.program import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
(WORKFLOW,) = WORKFLOWS
TEXT = read(WORKFLOW)
JOBS: dict[str, Any] = yaml.safe_load(TEXT)["jobs"]


@pytest.mark.stores
def test_actionlint_finds_nothing() -> None:
    """Keys, expressions and contexts."""
    try:
        program = find_go(ACTIONLINT)
    except AbsentError as error:
        pytest.skip(str(error))
    done = subprocess.run([program, *WORKFLOWS], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_workflow_may_only_read_and_every_action_has_its_version() -> None:
    """No job asks for more, none keeps the token, and each ends by itself."""
    used = re.findall(r"uses: (\S+)", TEXT)

    assert yaml.safe_load(TEXT)["permissions"] == {"contents": "read"}
    assert [name for name, job in JOBS.items() if "permissions" in job or "timeout-minutes" not in job] == []
    assert [action for action in used if not re.fullmatch(r"actions/[a-z-]+@v\d+\.\d+\.\d+", action)] == []
    assert TEXT.count("persist-credentials: false") == TEXT.count("actions/checkout@")


def test_the_workflow_tests_every_supported_python_and_names_targets_that_exist() -> None:
    """The versions are those of the package's classifiers."""
    supported = re.findall(r"Python :: (3\.\d+)", read(ROOT / "pyproject.toml"))
    targets = re.findall(r"^([a-z-]+):.* ## ", read(ROOT / "Makefile"), re.MULTILINE)

    assert JOBS["tests"]["strategy"]["matrix"]["python"] == supported
    assert set(re.findall(r"run: make ([a-z-]+)", TEXT)) <= set(targets)
    assert f"actionlint@{ACTIONLINT.rpartition('@')[2]}" in TEXT


def test_the_hooks_of_pre_commit_are_what_make_check_runs() -> None:
    """The same programs, out of `.venv`."""
    hooks = yaml.safe_load(read(ROOT / ".pre-commit-config.yaml"))["repos"][0]["hooks"]
    recipe = read(ROOT / "Makefile").replace("$(BIN)/", ".venv/bin/").replace("pytest -q -n 2", "pytest -q")
    entries = [hook["entry"].replace(" --force-exclude", "") for hook in hooks]

    assert [hook["id"] for hook in hooks] == ["ruff", "ruff-format", "mypy", "layout"]
    assert [entry for entry in entries if entry not in recipe] == []
