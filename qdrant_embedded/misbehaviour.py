"""What the embedded Qdrant does wrong on demand, for tests. Off unless started with --allow-misbehaviour."""

from __future__ import annotations

from . import VERSION


class Faults:
    """The faults that are switched on now."""

    version = VERSION

    def reach(self, moment: str, name: str) -> None:
        """A named moment of the work on a collection has come."""
