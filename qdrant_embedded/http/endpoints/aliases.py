"""Aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qdrant_embedded.http.parameters import require_field

if TYPE_CHECKING:
    from qdrant_embedded.http.request import ApiRequest


def list_all(request: ApiRequest) -> dict[str, Any]:
    """Return all aliases."""
    return {"aliases": to_json(request.server.catalog.aliases)}


def list_of_collection(request: ApiRequest) -> dict[str, Any]:
    """Return the aliases of one collection."""
    name = request.server.catalog.get(request.name).name
    aliases = request.server.catalog.aliases
    return {"aliases": to_json({alias: of for alias, of in aliases.items() if of == name})}


def to_json(aliases: dict[str, str]) -> list[dict[str, str]]:
    """Return aliases in the API's form."""
    return [{"alias_name": alias, "collection_name": of} for alias, of in sorted(aliases.items())]


def change(request: ApiRequest) -> bool:
    """Create, delete and rename aliases; deleting one that does not exist succeeds too."""
    request.server.catalog.change_aliases(require_field(request.document, "actions", list))
    return True
