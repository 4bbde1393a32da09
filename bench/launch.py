"""`python -I -S launch.py COMMAND…`: run a command, then say on stdout its seconds, its peak in KiB and its status.

As small as a Python process can be: the kernel counts what a process has when it starts another as that one's peak.
"""

import os
import sys
import time

# Where the command's own stdout and stderr go.
SAID = 3


def main(command: list[str]) -> None:
    """Run it to its end."""
    begin = time.perf_counter()
    redirected = [(os.POSIX_SPAWN_DUP2, SAID, 1), (os.POSIX_SPAWN_DUP2, SAID, 2), (os.POSIX_SPAWN_CLOSE, SAID)]
    child = os.posix_spawnp(command[0], command, os.environ, file_actions=redirected)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - begin
    print(seconds, usage.ru_maxrss, os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(sys.argv[1:])
