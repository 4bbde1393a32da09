"""A log and a progress that show nothing."""

from __future__ import annotations

from restore.system.events import Fact, Level


class NoProgress:
    """Shows nothing."""

    def __call__(self, collection: str, sent_bytes: int, total_bytes: int | None = None) -> None:
        """Show nothing."""

    def wait(self, what: str, collection: str = "") -> None:
        """Show nothing."""

    def close(self) -> None:
        """Show nothing."""


def no_log(_event: str, /, *, level: Level = "info", **_facts: Fact) -> None:
    """Drop the event."""
