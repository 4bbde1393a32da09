"""A secret: carried about freely, shown never."""

from __future__ import annotations

MASK = "***"
# A shorter one stands in ordinary words too, and masking it would make every sentence unreadable.
_SHORTEST_MASKED = 6


class Secret:
    """A text that nothing prints by accident: `str`, `repr` and formatting give `***`, JSON refuses it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, layout: str) -> str:
        return format(MASK, layout)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def reveal(self) -> str:
        """Give the text itself, for the one place that sends it."""
        return self._text

    def mask(self, text: str) -> str:
        """Take this secret out of a text that others wrote (a server's error may repeat what it was sent)."""
        if len(self._text) < _SHORTEST_MASKED:
            return text
        quoted = self._text.replace("\\", "\\\\").replace('"', '\\"')
        return text.replace(self._text, MASK).replace(quoted, MASK)
