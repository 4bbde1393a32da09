"""Convert filters from Qdrant's JSON to the engine.

The engine's binding takes `true` for the integer 1, so a condition on a boolean matches nothing. Such a condition is
evaluated here, by reading the payloads, and passed to the engine as the ids that match.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qdrant_edge as edge

from qdrant_embedded.errors import bad_json, not_emulated

if TYPE_CHECKING:
    from collections.abc import Callable

    FindIds = Callable[[str, bool], list[Any]]

CLAUSES = frozenset({"must", "should", "must_not", "min_should"})


def to_engine(given: dict[str, Any] | None, find_ids: FindIds | None) -> Any:  # noqa: ANN401
    """Return the engine's filter, None for none.

    `find_ids(key, expected)` returns the ids of the points with that boolean in their payload. Without it (inside a
    nested condition) such a match is refused with 501. Raise ApiError 400 for an invalid filter.
    """
    if given is None:
        return None
    if not isinstance(given, dict) or not set(given) <= CLAUSES:
        raise bad_json("data did not match any variant of untagged enum Filter")
    lists = ("must", "should", "must_not")
    clauses: dict[str, Any] = {name: convert_conditions(given[name], find_ids) for name in lists if given.get(name)}
    if given.get("min_should"):
        some = given["min_should"]
        clauses["min_should"] = edge.MinShould(convert_conditions(some["conditions"], find_ids), some["min_count"])
    return edge.Filter(**clauses)


def convert_conditions(given: Any, find_ids: FindIds | None) -> list[Any]:  # noqa: ANN401
    """Convert one condition or a list of them."""
    return [convert_condition(one, find_ids) for one in (given if isinstance(given, list) else [given])]


def convert_condition(given: dict[str, Any], find_ids: FindIds | None) -> Any:  # noqa: ANN401
    """Convert one condition of any kind."""
    match given:
        case {"key": str(key), "match": {"value": bool(expected)}}:
            if find_ids is None:
                raise not_emulated("matching a boolean inside a nested condition")
            return edge.HasIdCondition(set(find_ids(key, expected)))
        case {"key": str()}:
            return convert_field_condition(given)
        case {"has_id": list(ids)}:
            return edge.HasIdCondition(set(ids))
        case {"has_vector": str(name)}:
            return edge.HasVectorCondition(name)
        case {"is_empty": {"key": str(key)}}:
            return edge.IsEmptyCondition(key)
        case {"is_null": {"key": str(key)}}:
            return edge.IsNullCondition(key)
        case {"nested": {"key": str(key), "filter": dict(inner)}}:
            return edge.NestedCondition(key, to_engine(inner, None))
        case dict() if set(given) & CLAUSES:
            return to_engine(given, find_ids)
    raise bad_json("data did not match any variant of untagged enum Condition")


def convert_field_condition(given: dict[str, Any]) -> Any:  # noqa: ANN401 - engine type
    """Convert a condition on one payload key."""
    parts: dict[str, Any] = {}
    if given.get("match") is not None:
        parts["match"] = convert_match(given["match"])
    if given.get("range") is not None:
        limits = {name: value for name, value in given["range"].items() if value is not None}
        dated = any(isinstance(value, str) for value in limits.values())
        parts["range"] = edge.RangeDateTime(**limits) if dated else edge.RangeFloat(**limits)
    if given.get("values_count") is not None:
        parts["values_count"] = edge.ValuesCount(**given["values_count"])
    parts.update(convert_geo(given))
    parts.update({name: given[name] for name in ("is_empty", "is_null") if given.get(name) is not None})
    if not parts:
        raise bad_json("at least one field condition must be specified")
    return edge.FieldCondition(given["key"], **parts)


def convert_match(given: dict[str, Any]) -> Any:  # noqa: ANN401 - engine type
    """Convert a match of any kind."""
    kinds = {
        "value": edge.MatchValue,
        "text": edge.MatchText,
        "text_any": edge.MatchTextAny,
        "phrase": edge.MatchPhrase,
        "prefix": edge.MatchPrefix,
        "any": edge.MatchAny,
        "except": edge.MatchExcept,
    }
    for name, kind in kinds.items():
        if name in given:
            return kind(given[name])
    raise bad_json("data did not match any variant of untagged enum Match")


def convert_geo(given: dict[str, Any]) -> dict[str, Any]:
    """Convert boxes, circles and polygons."""
    parts: dict[str, Any] = {}
    if box := given.get("geo_bounding_box"):
        parts["geo_bounding_box"] = edge.GeoBoundingBox(
            convert_geo_point(box["top_left"]), convert_geo_point(box["bottom_right"])
        )
    if circle := given.get("geo_radius"):
        parts["geo_radius"] = edge.GeoRadius(convert_geo_point(circle["center"]), circle["radius"])
    if polygon := given.get("geo_polygon"):
        interiors = [
            [convert_geo_point(one) for one in interior["points"]] for interior in polygon.get("interiors") or []
        ]
        parts["geo_polygon"] = edge.GeoPolygon(
            [convert_geo_point(one) for one in polygon["exterior"]["points"]], interiors or None
        )
    return parts


def convert_geo_point(given: dict[str, Any]) -> Any:  # noqa: ANN401 - engine type
    """Convert one point on the globe."""
    return edge.GeoPoint(given["lon"], given["lat"])


def get_values(payload: Any, key: str) -> list[Any]:  # noqa: ANN401 - any JSON value
    """Return the values under a payload key such as `a.b[].c`; an array at the end counts as its elements."""
    if '"' in key:
        raise not_emulated("matching a boolean under a quoted payload key")
    values = [payload]
    for step in key.split("."):
        name, *openings = step.split("[]")
        values = [one[name] for one in values if isinstance(one, dict) and name in one]
        for _ in openings:
            values = [inner for one in values if isinstance(one, list) for inner in one]
    flat: list[Any] = []
    for one in values:
        flat.extend(one if isinstance(one, list) else [one])
    return flat
