"""`version`: this program, its Python, and the servers it supports."""

import platform

import msgspec

from restore import __version__
from restore.qdrant.version import OLDEST_SUPPORTED


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """What belongs into a report of a problem."""

    status: int = 0
    program: str
    python: str
    supported_servers: str


def run() -> Versions:
    """Return the versions. No server is asked."""
    oldest = f"{OLDEST_SUPPORTED.major}.{OLDEST_SUPPORTED.minor}"
    return Versions(program=__version__, python=platform.python_version(), supported_servers=f">={oldest}")


def describe(result: Versions) -> list[str]:
    """Return one line each."""
    oldest = result.supported_servers.removeprefix(">=")
    return [
        f"qdrant-restore {result.program}",
        f"Python {result.python}",
        f"supported Qdrant: {oldest} and later",
    ]
