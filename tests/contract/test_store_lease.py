"""The lock of a directory on a file system that knows no locks: NFS without lockd, some FUSE file systems."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from restore.edges.shelf import open_shelf
from tests.commands.program import make_environment

SCRIPT = """
import sys
from restore.edges.shelf import open_shelf
from restore.errors import LockedError
with open_shelf(sys.argv[1]).lock(0.0):
    try:
        with open_shelf(sys.argv[1]).lock(0.5):
            print("both")
    except LockedError as error:
        print(error.status, error)
with open_shelf(sys.argv[1]).lock(0.0):
    print("free again")
"""


@pytest.mark.parametrize("error", ["ENOLCK", "ENOSYS", "EOPNOTSUPP"])
def test_without_locks_of_the_kernel_a_lease_is_taken(tmp_path: Path, error: str) -> None:
    """L2: every flock fails (strace makes it so); one holder at a time all the same, and free when let go."""
    if not shutil.which("strace"):
        pytest.skip("strace, which makes the kernel's locks fail, is not installed")
    store = str(tmp_path / "store")
    open_shelf(store)
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=flock", "-e", f"inject=flock:error={error}"]
    ended = subprocess.run(
        [*command, sys.executable, "-c", SCRIPT, store],
        env=make_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    told, again = ended.stdout.splitlines()
    who = rf"{re.escape(os.uname().nodename)} process [0-9]+ holds it"
    assert re.fullmatch(rf"11 store '{re.escape(store)}' is locked by another run \(waited 0\.5 s\); {who}", told)
    assert again == "free again"
