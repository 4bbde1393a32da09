"""The command `qdrant-restore`, also `python -m restore`: signals first, then the command line."""

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
    from restore.cli.main import run  # noqa: PLC0415 - boot: healthcheck does not pay for it, and signals come first

    return run(sys.argv[1:])


def _probe() -> int:
    """Run `healthcheck` without reading settings where that is enough: a container runs it every few seconds."""
    from restore.commands.healthcheck.probe import find_address, probe  # noqa: PLC0415 - boot: only healthcheck pays

    address = find_address()
    return _run() if address is None else probe(address)


def _fill_closed_streams() -> None:
    """Open /dev/null for a stream that the caller closed (`2>&-`), else the next file opened gets its output."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(number, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - open for the whole run


if __name__ == "__main__":
    main()
