"""Check collection names with the server's rules and messages."""

from __future__ import annotations

import json

from qdrant_embedded.errors import ApiError, service_error

LONGEST = 255
STRICT = '<>:"/\\|?*\0\x1f'
LOOSE = "/\0"


def path_error(message: str) -> ApiError:
    """Return the 422 of the server's path validation."""
    return ApiError(422, f"Validation error in path parameters: [collection_name: {message}]")


def check_name(name: str, *, strict: bool) -> str:
    """Return the name if the server takes it.

    `strict` is the rule where a collection may be created (create, upload); elsewhere only what cannot be part of a
    path is refused. Raise ApiError 422. The length is counted in characters, as on the server. The file system counts
    bytes, so a name that is longer there fails later.
    """
    if strict and not 1 <= len(name) <= LONGEST:
        quoted = json.dumps(name, ensure_ascii=False)
        raise path_error(f"value {quoted} invalid, must be from 1 to 255 characters")
    for letter in STRICT if strict else LOOSE:
        if letter in name:
            raise path_error(f'collection name cannot contain "{letter}" char')
    return name


def check_directory_name(name: str, parent: str) -> None:
    """Raise ApiError for `.` and `..`, which would be other directories; the real server fails on them later."""
    if name in {".", ".."}:
        raise service_error(f"Invalid path to delete: {parent}/{name}")
