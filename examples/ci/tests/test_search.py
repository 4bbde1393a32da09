# ruff: noqa: S101 - tests consist of asserts
"""A project's own tests, against a Qdrant that has its data."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qdrant_embedded.fixture import Qdrant


def ask(qdrant: Qdrant, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """Return the `result` of Qdrant's response."""
    headers = {"Content-Type": "application/json", **({"api-key": qdrant.api_key} if qdrant.api_key else {})}
    request = urllib.request.Request(qdrant.url + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)["result"]


def test_every_city_is_there(qdrant: Qdrant) -> None:
    """The fixture was restored before the first test."""
    assert ask(qdrant, "/collections/cities/points/count", {"exact": True}) == {"count": 200}


def test_the_nearest_neighbour_of_heidelberg_is_a_town_beside_it(qdrant: Qdrant) -> None:
    """A search finds the expected point in the shared data."""
    around = {"must_not": [{"key": "name", "match": {"value": "Heidelberg"}}]}
    body = {"query": [0.6432, 0.0983, 0.7594], "filter": around, "limit": 1, "with_payload": True}

    (nearest,) = ask(qdrant, "/collections/cities/points/query", body)["points"]

    assert nearest["payload"]["name"] == "Mannheim"
