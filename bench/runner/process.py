"""Run one command, and measure its time and its peak memory."""

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
_TERM_SECONDS = 5.0
_POLL_SECONDS = 0.05
_MAX_ERROR_BYTES = 2000


class Run(msgspec.Struct, frozen=True):
    """Wall-clock seconds of the whole process, and its peak (or its largest child's) in KiB."""

    seconds: float
    peak_kib: int


class BenchError(RuntimeError):
    """A command that is measured failed, or had a wrong result; the message contains its output."""


def run_process(command: list[str], *, environment: Mapping[str, str], directory: Path) -> Run:
    """Run a command in `directory`, with `environment` added to this process's. Raise BenchError."""
    with tempfile.TemporaryFile(dir=directory) as output_file:
        # A session of its own: an interrupt arrives here first, and then ends the whole session. File 3 is `OUTPUT`.
        launcher = subprocess.Popen(
            ["sh", "-c", 'exec "$@" 3>&2', "sh", *_LAUNCH, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output_file,
            env={**os.environ, **environment},
            cwd=directory,
            start_new_session=True,
        )
        try:
            output, _ = launcher.communicate()
        except BaseException:
            _end_session(launcher)
            raise
        fields = output.split()
        status = int(fields[2]) if len(fields) == 3 else launcher.returncode
        if status:
            output_file.seek(max(0, output_file.seek(0, os.SEEK_END) - _MAX_ERROR_BYTES))
            message = output_file.read().decode(errors="replace").strip()
            raise BenchError(f"'{' '.join(command[:4])} …' ended with {status}:\n{message}")
    return Run(float(fields[0]), int(fields[1]))


def measure_smallest_peak(directory: Path) -> int:
    """Return the smallest peak that can be measured, in KiB: that of a process that does nothing."""
    return run_process(["true"], environment={}, directory=directory).peak_kib


def _end_session(launcher: subprocess.Popen[bytes]) -> None:
    """End everything that a launcher started: with SIGTERM, so that it can clean up, then with SIGKILL."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(launcher.pid, signal.SIGTERM)
        launcher.wait(_TERM_SECONDS)
        end = time.monotonic() + _TERM_SECONDS
        while time.monotonic() < end:
            os.killpg(launcher.pid, 0)
            time.sleep(_POLL_SECONDS)
        os.killpg(launcher.pid, signal.SIGKILL)
