"""The few requests that the demo makes itself, as an application would."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from cities import BODY, COLLECTION, INDEXES, Point

_BATCH = 2000


def send(url: str, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
    """Send one request. Return the `result` of the response."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, content, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)["result"]


def fill(url: str, cities: list[Point]) -> None:
    """Create the collection with its payload indexes and upload the points."""
    send(url, "PUT", f"/collections/{COLLECTION}", BODY)
    for field, schema in INDEXES.items():
        send(url, "PUT", f"/collections/{COLLECTION}/index?wait=true", {"field_name": field, "field_schema": schema})
    for start in range(0, len(cities), _BATCH):
        batch = cities[start : start + _BATCH]
        send(url, "PUT", f"/collections/{COLLECTION}/points?wait=true", {"points": batch})


def count(url: str) -> int:
    """Return the exact number of points."""
    return int(send(url, "POST", f"/collections/{COLLECTION}/points/count", {"exact": True})["count"])


def find_neighbours(url: str, city: Point, limit: int = 6) -> list[str]:
    """Return the towns nearest to a city and their countries; the city itself is first."""
    body = {"query": city["vector"], "limit": limit, "with_payload": ["name", "country"]}
    points = send(url, "POST", f"/collections/{COLLECTION}/points/query", body)["points"]
    return [f"{point['payload']['name']} ({point['payload']['country']})" for point in points]


def list_names(url: str) -> list[str]:
    """Return the names of all collections, markers included."""
    return [entry["name"] for entry in send(url, "GET", "/collections")["collections"]]


def read_phase(url: str, marker: str) -> str:
    """Return the phase of the restore that a marker belongs to."""
    info = send(url, "GET", f"/collections/{marker}")
    return str(info["config"].get("metadata", {}).get("phase"))
