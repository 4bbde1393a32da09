"""Parse single fields of a request: query parameters, required fields, point ids."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from qdrant_embedded.errors import ApiError, bad_json

if TYPE_CHECKING:
    from collections.abc import Mapping


def parse_flag(query: Mapping[str, str], name: str, *, default: bool) -> bool:
    """Return a query parameter that is true or false. Raise ApiError 400."""
    given = query.get(name)
    if given not in {None, "true", "false"}:
        message = "Deserialize error in query parameters: provided string was not `true` or `false`"
        raise ApiError(400, message)
    return default if given is None else given == "true"


def require_field(body: dict[str, Any], name: str, kind: type) -> Any:  # noqa: ANN401 - any JSON value
    """Return a field that must exist and have that type. Raise ApiError 400."""
    value = body.get(name)
    if not isinstance(value, kind):
        raise bad_json(f"missing field `{name}`")
    return value


def parse_point_id(given: Any) -> Any:  # noqa: ANN401 - whatever the client sent
    """Return a number, or a UUID in its usual form. Raise ApiError 400."""
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 1 << 64:
        return given
    if isinstance(given, str):
        try:
            return str(uuid.UUID(given))
        except ValueError:
            pass
    text = given if isinstance(given, str) else repr(given)
    raise bad_json(f"value {text} is not a valid point ID, valid values are either an unsigned integer or a UUID")
