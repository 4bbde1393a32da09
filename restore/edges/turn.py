"""Replacing a small file in a directory: one process at a time, for the moment that it takes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from restore.edges.reading import hold_alone

_PATIENCE_SECONDS = 5.0
_LOOK_SECONDS = 0.01


@contextlib.contextmanager
def take_turn(directory: str) -> Iterator[None]:
    """Wait until no other process is at it, five seconds at most, and keep the others waiting meanwhile.

    The kernel lets go for one that was killed. Where it has no such locks nobody waits: then whoever was last stays.
    """
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        with hold_alone(str(Path(directory).absolute())) as free:
            if free or time.monotonic() > end:
                yield
                return
        time.sleep(_LOOK_SECONDS)
