"""The restore in a process of its own whose clock runs faster, so that a run that waits for a dead one can be killed.

Like `python -m restore restore --json`, with `python -m tests.support.fast_clock_cli` before the same arguments.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from restore.system import signals
from tests.support.fast_clock import FastClock
from tests.support.run_restore import restore_here

SPEED = 40.0


def main() -> None:
    """Restore and print the report; end with its status."""
    signals.install()
    report = restore_here(
        *sys.argv[1:],
        url=os.environ["QDRANT_URL"],
        store=Path(os.environ["RESTORE_STORE"]),
        key=os.environ.get("QDRANT_API_KEY", ""),
        clock=FastClock(SPEED),
    )
    sys.stdout.write(msgspec.json.encode(report).decode())
    sys.exit(report.status)


if __name__ == "__main__":
    main()
