"""Qdrant's URL: what is wrong with one, and how it is shown without its secrets."""

import re
from urllib.parse import urlsplit

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_WHITE = re.compile(r"[\s\x00-\x1f\x7f]")
_LABEL = re.compile(r"[^\s.]{1,63}")
_LARGEST_PORT = 65535
_QDRANT_PORT = 6333


def redact_url(text: str) -> str:
    """Return a URL, or what was meant as one, without user, password, query and fragment."""
    shown = re.split(r"[?#]", text, maxsplit=1)[0]
    scheme = match[0] if (match := _SCHEME.match(shown)) else ""
    rest = shown[len(scheme) :]
    return scheme + rest.rpartition("@")[2]


def find_url_problem(text: str) -> str | None:
    """Return why this cannot be Qdrant's URL; None when it can. A password or query is never repeated."""
    shown = redact_url(text)
    if _WHITE.search(text):
        return f"'{_WHITE.sub(' ', shown)}' has white space in it"
    if not (match := _SCHEME.match(text)):
        return f"'{shown}' has no scheme (did you mean http://{_add_port(shown.lstrip(':/'))}?)"
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
    if not _is_host(parts.hostname):
        return f"'{shown}' has a host that is no host name"
    return None


def _is_host(host: str) -> bool:
    """Return whether a name could be looked up at all: no empty label, none longer than 63 bytes."""
    if ":" in host:
        return True
    try:
        # encode("idna") imports a module: 2 ms that a plain name does not pay.
        name = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        return False
    return all(_LABEL.fullmatch(label) for label in name.removesuffix(".").split("."))


def _add_port(shown: str) -> str:
    """Return what was meant as a host alone with Qdrant's own port added."""
    return f"{shown}:{_QDRANT_PORT}" if re.fullmatch(r"[A-Za-z0-9.-]+", shown) else shown
