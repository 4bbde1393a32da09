"""Run one command to its end, and say how long it took and how much memory it had at most."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

_LAUNCH = [sys.executable, "-I", "-S", str(Path(__file__).resolve().with_name("launch.py"))]
_LAST_SECONDS = 5.0
_PAUSE_SECONDS = 0.05
_LONGEST_COMPLAINT = 2000


class Run(msgspec.Struct, frozen=True):
    """Wall seconds of the whole process, and its peak (or its largest child's) in KiB."""

    seconds: float
    peak_kib: int


class FailedError(RuntimeError):
    """A command that was to be measured did not succeed; the message carries what it said."""


def run_child(command: list[str], *, environment: Mapping[str, str], directory: Path) -> Run:
    """Run a command in `directory`; nothing but `environment` is added to ours. Raises `FailedError`."""
    with tempfile.TemporaryFile(dir=directory) as said:
        # A session of its own: an interrupt reaches us first, and we end all of it. File 3 is the launcher's `SAID`.
        launcher = subprocess.Popen(
            ["sh", "-c", 'exec "$@" 3>&2', "sh", *_LAUNCH, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            env={**os.environ, **environment},
            cwd=directory,
            start_new_session=True,
        )
        try:
            told, _ = launcher.communicate()
        except BaseException:
            _end_session(launcher)
            raise
        fields = told.split()
        status = int(fields[2]) if len(fields) == 3 else launcher.returncode
        if status:
            said.seek(max(0, said.seek(0, os.SEEK_END) - _LONGEST_COMPLAINT))
            words = said.read().decode(errors="replace").strip()
            raise FailedError(f"'{' '.join(command[:4])} …' ended with {status}:\n{words}")
    return Run(float(fields[0]), int(fields[1]))


def measure_floor(directory: Path) -> int:
    """Give the smallest peak, in KiB, that can be told here: that of a process that does nothing."""
    return run_child(["true"], environment={}, directory=directory).peak_kib


def _end_session(launcher: subprocess.Popen[bytes]) -> None:
    """End everything that a launcher started: politely, so that it can tidy up, then hard."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(launcher.pid, signal.SIGTERM)
        launcher.wait(_LAST_SECONDS)
        end = time.monotonic() + _LAST_SECONDS
        while time.monotonic() < end:
            os.killpg(launcher.pid, 0)
            time.sleep(_PAUSE_SECONDS)
        os.killpg(launcher.pid, signal.SIGKILL)
