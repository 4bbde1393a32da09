"""A secret: passed around freely, never shown."""

import binascii

MASK = "***"
# A shorter secret is part of ordinary words too, and masking it would make every sentence unreadable.
_SHORTEST_MASKED = 6


class Secret:
    """A text that nothing prints by accident: `str`, `repr` and `format` return `***`, JSON refuses it."""

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
        """Return the text itself, for the place that sends it."""
        return self._text

    def mask(self, text: str) -> str:
        """Return a text with this secret replaced: a server's error may repeat what it was sent."""
        for form in self.list_forms():
            text = text.replace(form, MASK)
        return text

    def list_forms(self) -> tuple[str, ...]:
        """Return how others may have written it: as it is, in JSON, in a log's quotes, in a URL, in HTML, in base64.

        Empty for a secret so short that it is part of ordinary words. The longest first: one may contain another.
        """
        from urllib.parse import quote  # noqa: PLC0415 - boot: only a secret is masked

        text = self._text
        if len(text) < _SHORTEST_MASKED:
            return ()
        json = text.replace("\\", "\\\\").replace('"', '\\"')
        forms = {text, json, text.replace('"', '\\"'), json.replace("/", "\\/"), *_encode_html(text)}
        forms |= {json.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")}
        if not text.isalnum():
            forms |= {quote(text, safe) for safe in ("", "/", "/:@!$&'()*+,;=~")}
        forms.add(binascii.b2a_base64(text.encode(), newline=False).decode())
        return tuple(sorted(forms, key=len, reverse=True))


def _encode_html(text: str) -> tuple[str, ...]:
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    quoted = plain.replace('"', "&quot;")
    return plain, quoted, quoted.replace("'", "&#x27;"), quoted.replace("'", "&#39;")
