"""The protocols of log and progress, by which every step reports. The command line decides what becomes of it."""

from typing import Literal, Protocol

Fact = str | int | float | bool | None
Level = Literal["debug", "info", "warning", "error"]


class Log(Protocol):
    """Called with a dotted event (`snapshot.recovered`) and its facts (`collection="cities", seconds=1.2`).

    `level` is about the event, never a fact of its own. Lengths carry their unit in the name
    (`sent_bytes`, `took_seconds`). Never hand it a secret.
    """

    def __call__(self, event: str, /, *, level: Level = "info", **facts: Fact) -> None:
        """Record that something happened."""
        ...


class Progress(Protocol):
    """Called again and again while a transfer moves; shows it on a terminal, or logs it every few seconds.

    Cheap: may be called for every block. `total_bytes` is None when it is not known. `wait` begins a time in
    which nothing can be counted (`server is loading`); the next call ends it. `close` clears the terminal and is
    idempotent.
    """

    def __call__(self, collection: str, sent_bytes: int, total_bytes: int | None = None) -> None:
        """Show that this many bytes of the collection's snapshot have been transferred."""
        ...

    def wait(self, what: str, collection: str = "") -> None:
        """Show what is waited for."""
        ...

    def close(self) -> None:
        """Stop showing anything."""
        ...


def no_op() -> None:
    """Do nothing."""
