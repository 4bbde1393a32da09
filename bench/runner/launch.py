"""`python -I -S launch.py COMMAND…`: run a command, then print its seconds, its peak in KiB and its status.

As small as a Python process can be: a started process inherits the peak of the one that starts it.
"""

import os
import sys
import time

# The file descriptor of the command's own stdout and stderr.
OUTPUT = 3


def main(command: list[str]) -> None:
    """Run the command to its end."""
    begin = time.perf_counter()
    redirected = [(os.POSIX_SPAWN_DUP2, OUTPUT, 1), (os.POSIX_SPAWN_DUP2, OUTPUT, 2), (os.POSIX_SPAWN_CLOSE, OUTPUT)]
    child = os.posix_spawnp(command[0], command, os.environ, file_actions=redirected)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - begin
    print(seconds, usage.ru_maxrss, os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(sys.argv[1:])
