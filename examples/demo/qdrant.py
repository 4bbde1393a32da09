"""The few requests that the demo makes itself, as an application would."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from cities import BODY, COLLECTION, INDEXES, Point

_BATCH = 2000


def ask(url: str, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
    """Send one request; gives the answer's `result`."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, content, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["result"]


def fill(url: str, cities: list[Point]) -> None:
    """Create the collection with its payload indexes and upload the points."""
    ask(url, "PUT", f"/collections/{COLLECTION}", BODY)
    for field, schema in INDEXES.items():
        ask(url, "PUT", f"/collections/{COLLECTION}/index?wait=true", {"field_name": field, "field_schema": schema})
    for start in range(0, len(cities), _BATCH):
        batch = cities[start : start + _BATCH]
        ask(url, "PUT", f"/collections/{COLLECTION}/points?wait=true", {"points": batch})


def count(url: str) -> int:
    """Count the points exactly."""
    return int(ask(url, "POST", f"/collections/{COLLECTION}/points/count", {"exact": True})["count"])


def find_neighbours(url: str, city: Point, limit: int = 6) -> list[str]:
    """Name the towns nearest to a city, itself first, with their country."""
    body = {"query": city["vector"], "limit": limit, "with_payload": ["name", "country"]}
    found = ask(url, "POST", f"/collections/{COLLECTION}/points/query", body)["points"]
    return [f"{point['payload']['name']} ({point['payload']['country']})" for point in found]


def list_names(url: str) -> list[str]:
    """List every collection, marks included."""
    return [entry["name"] for entry in ask(url, "GET", "/collections")["collections"]]


def read_phase(url: str, mark: str) -> str:
    """Read how far the restore behind a mark says it is."""
    info = ask(url, "GET", f"/collections/{mark}")
    return str(info["config"].get("metadata", {}).get("phase"))
