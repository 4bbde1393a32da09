"""kill -9 at the n-th executed line of chosen modules, in a child process of its own."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Collection
from types import FrameType
from typing import Any


def run_to_line(work: Callable[[], object], line: int | None, code: Collection[str]) -> int:
    """Run `work` in a child that kills itself at event `line` in these files; return the number of events, or 0."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _work_until(work, line, writing, code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        counted = int(pipe.read() or b"0")
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in {0, -signal.SIGKILL}
    return counted


def _work_until(work: Callable[[], object], line: int | None, writing: int, code: Collection[str]) -> None:
    """Run in the child; never returns."""
    count = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:  # noqa: ANN401 - as `sys.settrace` has it
        nonlocal count
        if frame.f_code.co_filename not in code:
            return None
        if event in {"line", "return"}:
            count += 1
            if count == line:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    status = 1
    try:
        sys.settrace(trace)
        work()
        sys.settrace(None)
        os.write(writing, str(count).encode())
        status = 0
    finally:
        os._exit(status)
