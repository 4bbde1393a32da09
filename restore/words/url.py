"""Qdrant's URL: what is wrong with one, and how it is shown without what may be secret in it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_WHITE = re.compile(r"[\s\x00-\x1f\x7f]")
_LARGEST_PORT = 65535


def redact_url(text: str) -> str:
    """Show a URL, or what was meant as one, without user, password, query and fragment."""
    shown = re.split(r"[?#]", text, maxsplit=1)[0]
    scheme = match[0] if (match := _SCHEME.match(shown)) else ""
    rest = shown[len(scheme) :]
    return scheme + rest.rpartition("@")[2]


def find_url_problem(text: str) -> str | None:
    """Say what keeps this from being Qdrant's URL; None when it is one. Never repeats a password or a query."""
    shown = redact_url(text)
    if _WHITE.search(text):
        return f"'{_WHITE.sub(' ', shown)}' has white space in it"
    if not (match := _SCHEME.match(text)):
        return f"'{shown}' has no scheme (did you mean http://{shown.lstrip(':/')}?)"
    if match[0].lower() not in {"http://", "https://"}:
        return f"'{shown}' begins with {match[0]}, Qdrant's HTTP API needs http:// or https://"
    return _find_part_problem(text, shown)


def _find_part_problem(text: str, shown: str) -> str | None:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return f"'{shown}' has a host or port that is none (a port is a number up to {_LARGEST_PORT})"
    if "@" in parts.netloc:
        return f"'{shown}' comes with a user name or password; give the key as QDRANT_API_KEY instead"
    if "?" in text or "#" in text:
        return f"'{shown}' goes on with a query or fragment; leave it out"
    if not parts.hostname:
        return f"'{shown}' has no host"
    if port == 0:
        return f"'{shown}' has port 0"
    return None
