"""The wheel: built, installed into an empty environment, and run there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import ROOT, make_environment

# One worker builds it, once.
pytestmark = [pytest.mark.xdist_group("wheel"), pytest.mark.timeout(300)]
NO_INDEX = ("No matching distribution found", "Could not find a version")


def run(*command: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in an environment that does not see the repository."""
    given = {**make_environment(**variables), "PYTHONPATH": ""}
    return subprocess.run(command, cwd=cwd, env=given, capture_output=True, text=True, check=False)


def install(root: Path, *arguments: str | Path) -> None:
    """Run pip; skip the test when no package index can be reached."""
    done = run(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments, cwd=root)
    if any(said in done.stderr for said in NO_INDEX):
        pytest.skip(f"no package index can be reached: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of programs of an environment with the wheel and what it depends on."""
    root = tmp_path_factory.mktemp("wheel")
    install(root, "wheel", "--no-deps", "--wheel-dir", root, ROOT)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / "environment"], check=True)
    programs = root / "environment" / "bin"
    (wheel,) = root.glob("*.whl")
    pins = ROOT / "requirements" / "dev.txt"
    install(root, "--python", programs / "python", "install", "--no-compile", "--constraint", pins, wheel)
    return programs


def test_the_installed_program_says_its_version_and_help(installed: Path, tmp_path: Path) -> None:
    """Without the repository beside it."""
    version = run(installed / "qdrant-restore", "--version", cwd=tmp_path)
    shown = run(installed / "qdrant-restore", "--help", cwd=tmp_path)

    assert (version.returncode, version.stderr) == (0, "")
    assert version.stdout.startswith("qdrant-restore ")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("Usage: qdrant-restore [OPTIONS] COMMAND")


def test_the_installed_program_lists_an_empty_store(installed: Path, tmp_path: Path) -> None:
    """With the base packages alone: settings, a store and a report."""
    (tmp_path / "store").mkdir()
    shutil.copy(ROOT / "qdrant_snapshots" / "README.md", tmp_path / "store")
    listed = run(installed / "qdrant-restore", "list", "--json", "--store", "store", cwd=tmp_path)

    assert (listed.returncode, listed.stderr) == (0, "")
    assert listed.stdout == '{"store":"store","files":[],"status":0,"warnings":[]}\n'


def test_the_embedded_qdrant_is_there_and_names_the_extra_that_it_needs(installed: Path, tmp_path: Path) -> None:
    """Its modules are in the wheel; what they import is not installed with it."""
    shutil.copy(ROOT / "qdrant_snapshots" / "README.md", tmp_path)
    drilled = run(installed / "qdrant-restore", "drill", "--on", "embedded", "--store", ".", cwd=tmp_path)
    imported = run(installed / "python", "-c", "import qdrant_embedded.server", cwd=tmp_path)

    assert drilled.returncode == 2
    assert drilled.stderr.splitlines() == [
        "error: --on embedded: the embedded engine is not installed (qdrant_edge is missing)",
        "hint: pip install 'qdrant-restore[embedded]', or give a server: --on http://…",
    ]
    assert imported.stderr.endswith("ModuleNotFoundError: No module named 'qdrant_edge'\n")
