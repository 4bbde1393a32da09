"""`python -m restore` and the command `qdrant-restore`."""

from __future__ import annotations

import os
import sys

from restore.errors import Interrupted
from restore.system import signals


def main() -> None:
    """Run the command line and end with its exit status."""
    signals.install()
    _fill_closed_streams()
    try:
        status = _probe() if sys.argv[1:] == ["healthcheck"] else _run()
    except Interrupted as error:
        status = error.status
    signals.exit_now(status)
    sys.exit(status)


def _run() -> int:
    from restore.cli.main import run  # noqa: PLC0415 - as PID 1 a signal during imports would be ignored

    return run(sys.argv[1:])


def _probe() -> int:
    """Ask without reading settings where that will do: a container's health check runs this for years."""
    from restore.commands.healthcheck.probe import find_address, probe  # noqa: PLC0415 - the others do not need it

    address = find_address()
    return _run() if address is None else probe(address)


def _fill_closed_streams() -> None:
    """Put /dev/null where a caller closed a stream (`2>&-`), else the next file opened would get what we say."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(number, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - open for the whole run


if __name__ == "__main__":
    main()
