"""What an API key says of itself: with a JWT for single collections, the listing is filtered and lacks marks."""

from __future__ import annotations

import base64
import binascii

import msgspec

_PARTS = 3


def is_scoped(api_key: str) -> bool:
    """Tell whether a key is a JWT whose `access` claim lists collections (Qdrant: src/common/auth, claims)."""
    parts = api_key.split(".")
    if len(parts) != _PARTS:
        return False
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return False
    return isinstance(claims, dict) and isinstance(claims.get("access"), list)
