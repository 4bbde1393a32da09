"""Decide whether a search with a point's own vector finds that point, as it must wherever a collection is whole."""

import math
from collections.abc import Iterator
from typing import Any

import msgspec

from restore.qdrant.model import Point, SearchHit

_TOLERANCE = 1e-3
_SMALLER_IS_NEARER = frozenset({"Euclid", "Manhattan"})


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """One search to make: a point's own vector, under the vector's name (empty: it has none)."""

    id: int | str
    name: str
    distance: str
    vector: list[float]


def list_searches(config: dict[str, Any], points: list[Point]) -> tuple[Search, ...]:
    """Return a search for each dense vector of these points; sparse ones, multivectors and zeros are left out."""
    distances = _read_distances(config)
    return tuple(
        Search(id=point.id, name=name, distance=distances[name], vector=vector)
        for point in points
        for name, vector in _list_dense(point.vector)
        if name in distances and any(vector)
    )


def finds_itself(search: Search, hits: list[SearchHit]) -> bool:
    """Return whether a point was found by its own vector: it is the nearest, or as near as it is to itself.

    Points with equal vectors are equally near; by dot product a longer one may be nearer than itself.
    """
    if not hits:
        return False
    if hits[0].id == search.id:
        return True
    request = _score_itself(search)
    slack = _TOLERANCE * max(1.0, abs(request))
    if search.distance in _SMALLER_IS_NEARER:
        return hits[0].score <= request + slack
    return hits[0].score >= request - slack


def _score_itself(search: Search) -> float:
    match search.distance:
        case "Euclid" | "Manhattan":
            return 0.0
        case "Dot":
            return math.fsum(number * number for number in search.vector)
        case _:
            return 1.0


def _read_distances(config: dict[str, Any]) -> dict[str, str]:
    """Return each dense vector's distance by its name; multivectors compare otherwise and are left out."""
    params = config.get("params")
    vectors = params.get("vectors") if isinstance(params, dict) else None
    if not isinstance(vectors, dict):
        return {}
    named = {"": vectors} if "size" in vectors else vectors
    return {
        name: str(one.get("distance"))
        for name, one in named.items()
        if isinstance(one, dict) and not one.get("multivector_config")
    }


def _list_dense(vector: object) -> Iterator[tuple[str, list[float]]]:
    """Yield each vector that is a plain list of numbers, with its name."""
    named = vector if isinstance(vector, dict) else {"": vector}
    for name, one in named.items():
        if isinstance(one, list) and all(isinstance(number, int | float) for number in one):
            yield name, one
