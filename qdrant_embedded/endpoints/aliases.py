"""Aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qdrant_embedded.endpoints.points import field

if TYPE_CHECKING:
    from qdrant_embedded.call import Call


def everyone(call: Call) -> dict[str, Any]:
    """All aliases."""
    return {"aliases": shown(call.server.catalog.aliases)}


def of_collection(call: Call) -> dict[str, Any]:
    """Those of one collection."""
    name = call.server.catalog.get(call.name).name
    aliases = call.server.catalog.aliases
    return {"aliases": shown({alias: of for alias, of in aliases.items() if of == name})}


def shown(aliases: dict[str, str]) -> list[dict[str, str]]:
    """As the API lists them."""
    return [{"alias_name": alias, "collection_name": of} for alias, of in sorted(aliases.items())]


def change(call: Call) -> bool:
    """Create, delete, rename; deleting what is not there is a success too."""
    call.server.catalog.change_aliases(field(call.document, "actions", list))
    return True
