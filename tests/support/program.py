"""The program as a person starts it: arguments, an environment of its own, what it said and how it ended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class ProgramResult(NamedTuple):
    """The result of a run: its exit status and its output."""

    status: int
    stdout: str
    stderr: str


def make_environment(**variables: str) -> dict[str, str]:
    """Return an environment that has what Python needs, these variables, and nothing of ours from outside."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), **variables}


def run_program(
    *arguments: str, cwd: Path, environment: Mapping[str, str] | None = None, timeout: float = 60.0
) -> ProgramResult:
    """Run the program to its end in directory `cwd`."""
    result = subprocess.run(
        [sys.executable, "-m", "restore", *arguments],
        cwd=cwd,
        env=make_environment(**(environment or {})),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return ProgramResult(result.returncode, result.stdout, result.stderr)
