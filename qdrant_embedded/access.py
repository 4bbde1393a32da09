"""API keys: the full one, the read-only one, and what each may do."""

from __future__ import annotations

import enum
import hmac
from typing import TYPE_CHECKING

from qdrant_embedded.answers import Refusal, forbidden

if TYPE_CHECKING:
    from collections.abc import Mapping


class Need(enum.Enum):
    """What a request needs."""

    NOTHING = "nothing"
    READ = "read"
    MANAGE = "manage"


class Keys:
    """The keys that the server was started with; without any, everybody may do everything."""

    def __init__(self, full: str | None, read_only: str | None) -> None:
        self._full = full
        self._read_only = read_only

    def check(self, headers: Mapping[str, str], need: Need, *, plain: bool = False) -> None:
        """Refuse a request whose key is missing, wrong (401, plain text) or may not (403).

        `plain` makes the 403 plain text too, as the server words it where it refuses before reading the body.
        """
        if need is Need.NOTHING or (self._full is None and self._read_only is None):
            return
        given = headers.get("api-key") or bearer(headers.get("authorization", ""))
        if given is None:
            raise Refusal(401, "Must provide an API key or an Authorization bearer token", plain=True)
        if same(given, self._full):
            return
        if not same(given, self._read_only):
            raise Refusal(401, "Invalid API key or JWT", plain=True)
        if need is Need.MANAGE:
            raise forbidden("Global manage access is required", plain=plain)


def bearer(authorization: str) -> str | None:
    """Give the token of an Authorization header."""
    kind, _, token = authorization.partition(" ")
    return token if kind.lower() == "bearer" and token else None


def same(given: str, key: str | None) -> bool:
    """Compare in constant time; no key is the same as none."""
    return key is not None and hmac.compare_digest(given.encode(), key.encode())
