"""How a step speaks: dotted facts for the log, and how far something has come. Doors decide what becomes of them."""

from __future__ import annotations

from typing import Literal, Protocol

Fact = str | int | float | bool | None
Level = Literal["debug", "info", "warning", "error"]


class Log(Protocol):
    """Called with a dotted event (`snapshot.recovered`) and its facts (`collection="cities", seconds=1.2`).

    `level` is about the event, never a fact of its own. Lengths carry their unit in the name
    (`sent_bytes`, `took_seconds`). Never hand it a secret.
    """

    def __call__(self, event: str, /, *, level: Level = "info", **facts: Fact) -> None:
        """Say that something happened."""
        ...


class Progress(Protocol):
    """Told again and again how far a transfer is; shows it on a terminal, or says it now and then.

    Cheap: may be called for every block. `total_bytes` is None when nobody knows. `wait` begins a time in
    which nothing can be counted (`server is loading`); the next call ends it. `close` takes everything off
    the terminal; idempotent.
    """

    def __call__(self, collection: str, sent_bytes: int, total_bytes: int | None = None) -> None:
        """Show that this many bytes of the collection's snapshot have gone."""
        ...

    def wait(self, what: str, collection: str = "") -> None:
        """Show that we wait, and for what."""
        ...

    def close(self) -> None:
        """End the showing."""
        ...


def no_log(_event: str, /, *, level: Level = "info", **_facts: Fact) -> None:
    """Be the log of somebody who wants none."""


def no_op() -> None:
    """Wait without a word."""
