"""Which collection names the server takes, and its words for the others."""

from __future__ import annotations

import json

from qdrant_embedded.errors import ApiError, service_error

LONGEST = 255
STRICT = '<>:"/\\|?*\0\x1f'
LOOSE = "/\0"


def path_error(message: str) -> ApiError:
    """422 as the server's path validation words it."""
    return ApiError(422, f"Validation error in path parameters: [collection_name: {message}]")


def check_name(name: str, *, strict: bool) -> str:
    """Give the name itself when the server would take it.

    `strict` is the rule where a collection may come into being (create, upload); elsewhere only what cannot be part
    of a path is refused. Raises Refusal 422. Length is counted in characters, as the server does; the file system
    counts bytes, and a longer one fails later.
    """
    if strict and not 1 <= len(name) <= LONGEST:
        quoted = json.dumps(name, ensure_ascii=False)
        raise path_error(f"value {quoted} invalid, must be from 1 to 255 characters")
    for letter in STRICT if strict else LOOSE:
        if letter in name:
            raise path_error(f'collection name cannot contain "{letter}" char')
    return name


def check_directory_name(name: str, parent: str) -> None:
    """Refuse the two names that would be other directories; the real server fails on them too, and worse."""
    if name in {".", ".."}:
        raise service_error(f"Invalid path to delete: {parent}/{name}")
