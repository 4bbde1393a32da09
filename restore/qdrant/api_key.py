"""Whether an API key is for single collections. With such a JWT, markers are missing in the listing."""

import base64
import binascii

import msgspec

_PARTS = 3


def is_scoped(api_key: str) -> bool:
    """Return whether a key is a JWT with an `access` claim that lists collections (Qdrant: src/common/auth)."""
    parts = api_key.split(".")
    if len(parts) != _PARTS:
        return False
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return False
    return isinstance(claims, dict) and isinstance(claims.get("access"), list)
