"""Root obeys file modes too: `python -m tests.support.unprivileged PROGRAM …` gives up what makes root ignore them.

Without that, what a container's ordinary user meets could not be shown where tests run as root.
"""

from __future__ import annotations

import ctypes
import os
import sys

_DROP_FROM_BOUNDING_SET = 24
_OVERRIDE, _READ_SEARCH = 1, 2


def obey_modes() -> None:
    """Give up both capabilities; they are gone with the next program that is executed."""
    system = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    for capability in (_OVERRIDE, _READ_SEARCH):
        if system.prctl(_DROP_FROM_BOUNDING_SET, ctypes.c_ulong(capability), zero, zero, zero):
            raise OSError(ctypes.get_errno(), "the kernel keeps a capability")


if __name__ == "__main__":
    if os.geteuid() == 0:
        obey_modes()
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - that is what it is for
