"""Which process of which machine did something, as others with the same store read it."""

from __future__ import annotations

import os
import platform
import re

_HOLDER = re.compile(r"(.*) process ([0-9]{1,10})", re.DOTALL)


def describe_process() -> str:
    """Name this process."""
    return f"{platform.node()} process {os.getpid()}"


def is_process_gone(holder: str) -> bool:
    """Tell whether the process of that name surely runs no more.

    Only of this machine's processes that can be known. One that has our own number was before us: in a container
    every one is number 1.
    """
    match = _HOLDER.fullmatch(holder)
    if match is None or match[1] != platform.node():
        return False
    number = int(match[2])
    if number in {0, os.getpid()}:
        return True
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
