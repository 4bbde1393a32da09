"""Whose numbers `make snapshot` gives to the container: the person's, and 0 where the engine runs as that person."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.program import ROOT, make_environment

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
# What the engine says of itself, as each of them writes it.
ROOTFUL = "Server:\n Security Options:\n  seccomp\n   Profile: builtin\n"
ROOTLESS = "Server:\n Security Options:\n  seccomp\n   Profile: builtin\n  rootless\n  cgroupns\n"
PODMAN = "host:\n  security:\n    rootless: {}\n"
# Also where the tests run as root.
ME = "1234:5678"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the Makefile, and a `docker` that says whose numbers it was given."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").write_text(
        '#!/bin/sh\necho "$1" >> asked\n[ "$1" = info ] && { cat engine; exit; }\n'
        'echo "${SNAPSHOT_UID:-}:${SNAPSHOT_GID:-}" > given\n'
    )
    (tmp_path / "bin" / "id").write_text('#!/bin/sh\n[ "$1" = -u ] && echo 1234 || echo 5678\n')
    for program in ("docker", "id"):
        (tmp_path / "bin" / program).chmod(0o755)
    return tmp_path


def make(checkout: Path, target: str, *, engine: str = ROOTFUL, **variables: str) -> None:
    """Run a target with an engine that says this of itself."""
    (checkout / "engine").write_text(engine)
    path = f"{checkout / 'bin'}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["make", target],
        cwd=checkout,
        env=make_environment(**{"PATH": path, **variables}),
        check=True,
        capture_output=True,
    )


@pytest.mark.parametrize("target", ["snapshot", "doctor"])
@pytest.mark.parametrize(
    ("engine", "given"),
    [(ROOTFUL, ME), (ROOTLESS, "0:0"), (PODMAN.format("true"), "0:0"), (PODMAN.format("false"), ME), ("", ME)],
)
def test_whose_numbers_the_container_gets(checkout: Path, target: str, engine: str, given: str) -> None:
    """An engine that says nothing counts as one that is not rootless."""
    make(checkout, target, engine=engine)
    assert (checkout / "given").read_text().strip() == given


def test_numbers_that_were_given_count(checkout: Path) -> None:
    """In the environment, and those of `.env`, which Compose reads itself and which a variable would hide."""
    make(checkout, "snapshot", SNAPSHOT_UID="7", SNAPSHOT_GID="8")
    of_the_environment = (checkout / "given").read_text().strip()
    (checkout / ".env").write_text("SNAPSHOT_UID=0\nSNAPSHOT_GID=0\n")
    make(checkout, "snapshot")
    assert (of_the_environment, (checkout / "given").read_text().strip()) == ("7:8", ":")


@pytest.mark.parametrize("target", ["up", "down", "restore"])
def test_other_targets_do_not_ask_the_engine(checkout: Path, target: str) -> None:
    """It takes its time, and nothing of theirs writes."""
    make(checkout, target)
    assert "info" not in (checkout / "asked").read_text().split()
