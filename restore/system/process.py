"""The name of a process and its machine, as other users of the same store read it."""

import os
import platform
import re

_HOLDER = re.compile(r"(.*) process ([0-9]{1,10})", re.DOTALL)


def describe_process() -> str:
    """Return the name of this process."""
    return f"{platform.node()} process {os.getpid()}"


def is_process_gone(holder: str) -> bool:
    """Return whether the process of that name certainly runs no more; False for one of another machine.

    One with the number of this process was an earlier one: in a container every process is number 1.
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
