"""`python -m restore` and the command `qdrant-restore`."""

from __future__ import annotations

import sys

from restore.doors import signals
from restore.errors import Interrupted


def main() -> None:
    """Run the command line and end with its exit status."""
    signals.install()
    try:
        from restore.doors.cli import run  # noqa: PLC0415 - as PID 1 a signal during imports would be ignored

        status = run(sys.argv[1:])
    except Interrupted as error:
        status = error.status
    sys.exit(status)


if __name__ == "__main__":
    main()
