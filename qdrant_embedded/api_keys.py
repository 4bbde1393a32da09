"""API keys: the full-access one, the read-only one, and what each allows."""

from __future__ import annotations

import enum
import hmac
from typing import TYPE_CHECKING

from qdrant_embedded.errors import ApiError, forbidden

if TYPE_CHECKING:
    from collections.abc import Mapping


class RequiredAccess(enum.Enum):
    """The access that a request requires."""

    NOTHING = "nothing"
    READ = "read"
    MANAGE = "manage"


class ApiKeys:
    """The keys that the server was started with; without any, every request is allowed."""

    def __init__(self, full: str | None, read_only: str | None) -> None:
        self._full = full
        self._read_only = read_only

    def check(self, headers: Mapping[str, str], required: RequiredAccess, *, plain_text: bool = False) -> None:
        """Raise ApiError for a missing or wrong key (401, plain text) and for one that does not suffice (403).

        With `plain_text` the 403 is plain text too, as on the server where it refuses before it reads the body.
        """
        if required is RequiredAccess.NOTHING or (self._full is None and self._read_only is None):
            return
        given = headers.get("api-key") or parse_bearer_token(headers.get("authorization", ""))
        if given is None:
            raise ApiError(401, "Must provide an API key or an Authorization bearer token", plain_text=True)
        if is_same_key(given, self._full):
            return
        if not is_same_key(given, self._read_only):
            raise ApiError(401, "Invalid API key or JWT", plain_text=True)
        if required is RequiredAccess.MANAGE:
            raise forbidden("Global manage access is required", plain_text=plain_text)


def parse_bearer_token(authorization: str) -> str | None:
    """Return the token of an Authorization header, None if it holds none."""
    kind, _, token = authorization.partition(" ")
    return token if kind.lower() == "bearer" and token else None


def is_same_key(given: str, key: str | None) -> bool:
    """Compare in constant time; False if there is no key."""
    return key is not None and hmac.compare_digest(given.encode(), key.encode())
