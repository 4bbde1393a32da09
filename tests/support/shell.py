"""A shell as a reader of the pages has it: `qdrant-restore` is a command, and a Qdrant is where the page says."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.support.program import ROOT, make_environment
from tests.support.server_under_test import Server

WRITTEN = "http://localhost:6333"
CITIES = 40


class ScriptResult(NamedTuple):
    """The result of a script: its exit status and its output."""

    status: int
    output: str


class Shell:
    """A directory to work in, beside a Qdrant at `url` that stands for the one of the page."""

    def __init__(self, directory: Path, url: str) -> None:
        self.directory = directory
        self.url = url
        commands = directory / "bin"
        commands.mkdir(parents=True)
        command = commands / "qdrant-restore"
        command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m restore "$@"\n')
        command.chmod(0o755)
        self._commands = commands

    def provide(self, program: Path) -> None:
        """Let another program be a command here too."""
        (self._commands / program.name).symlink_to(program)

    def give(self, **variables: str) -> dict[str, str]:
        """Return the environment in which somebody types here."""
        path = os.pathsep.join([str(self._commands), os.environ.get("PATH", os.defpath)])
        return {**make_environment(**variables), "PATH": path, "PYTHONPATH": str(ROOT), "QDRANT_URL": self.url}

    def type(self, script: str, **variables: str) -> ScriptResult:
        """Run what a page shows, to its first failure."""
        port = str(urlsplit(self.url).port)
        there = script.replace(WRITTEN, self.url).replace("--port 6333", f"--port {port}")
        done = subprocess.run(
            ["sh", "-eu", "-c", there],
            cwd=self.directory,
            env=self.give(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
            check=False,
        )
        return ScriptResult(done.returncode, done.stdout)


def fill(url: str, collection: str = "cities") -> Server:
    """Put a small collection into a Qdrant."""
    server = Server(url)
    server.create(collection, vectors={"size": 4, "distance": "Cosine"})
    server.upsert(collection, range(1, CITIES + 1))
    return server
