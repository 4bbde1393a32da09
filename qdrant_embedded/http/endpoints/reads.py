"""Read points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qdrant_edge as edge

from qdrant_embedded import errors
from qdrant_embedded.engine import vectors
from qdrant_embedded.http.parameters import parse_point_id, require_field

if TYPE_CHECKING:
    from qdrant_embedded.http.request import ApiRequest

DEFAULT_LIMIT = 10


def record_to_json(record: Any, *, payload: bool, vector: bool) -> dict[str, Any]:  # noqa: ANN401 - engine type
    """Return a record in the API's form, with payload and vector if asked for."""
    result: dict[str, Any] = {"id": record.id}
    if payload:
        result["payload"] = record.payload or {}
    if vector:
        result["vector"] = vectors.to_json(record.vector)
    if record.order_value is not None:
        result["order_value"] = record.order_value
    return result


def payload_selector(given: Any) -> Any:  # noqa: ANN401 - engine type
    """Return `with_payload` as the engine takes it."""
    if isinstance(given, dict):
        if given.get("include") is not None:
            return edge.PayloadSelector.Include(given["include"])
        return edge.PayloadSelector.Exclude(given.get("exclude") or [])
    return given


def parse_selectors(body: dict[str, Any], *, payload: bool) -> tuple[Any, Any]:
    """Return the payload and the vector selector; `payload` is the default of the first."""
    with_payload = body.get("with_payload")
    with_payload = payload if with_payload is None else with_payload
    return payload_selector(with_payload), body.get("with_vector") or body.get("with_vectors") or False


def retrieve(request: ApiRequest) -> list[dict[str, Any]]:
    """Return records by id; ids that do not exist are left out."""
    collection = request.server.catalog.get(request.name)
    payload, vector = parse_selectors(request.document, payload=True)
    ids = [parse_point_id(one) for one in require_field(request.document, "ids", list)]
    records = collection.retrieve(ids, payload, vector)
    return [record_to_json(record, payload=payload is not False, vector=vector is not False) for record in records]


def point(request: ApiRequest) -> dict[str, Any]:
    """Return one record by id, with payload and vectors."""
    collection = request.server.catalog.get(request.name)
    given = request.path["id"]
    try:
        point_id = parse_point_id(int(given) if given.isdigit() else given)
    except errors.ApiError:
        raise errors.wrong_input(f'Can not recognize "{given}" as point id') from None
    return record_to_json(collection.point(point_id, payload=True, vector=True), payload=True, vector=True)


def count(request: ApiRequest) -> dict[str, int]:
    """Return how many points match, always counted exactly."""
    collection = request.server.catalog.get(request.name)
    return {"count": collection.count(request.document.get("filter"))}


def scroll(request: ApiRequest) -> dict[str, Any]:
    """Return a page of points and the offset of the next page."""
    collection = request.server.catalog.get(request.name)
    body = request.document
    limit = parse_limit(body, "scroll_request")
    payload, vector = parse_selectors(body, payload=True)
    with collection.lock:
        engine_request = {
            "offset": None if body.get("offset") is None else parse_point_id(body["offset"]),
            "filter": collection.filter_to_engine(body.get("filter")),
            "with_payload": payload,
            "with_vector": vector,
            "order_by": parse_order_by(body.get("order_by")),
        }
        records = collection.scroll(engine_request, limit + 1)
    following = records[limit].id if len(records) > limit and engine_request["order_by"] is None else None
    points = [
        record_to_json(record, payload=payload is not False, vector=vector is not False) for record in records[:limit]
    ]
    return {"points": points, "next_page_offset": following}


def parse_limit(body: dict[str, Any], request_name: str) -> int:
    """Return the largest number of results. Raise ApiError 400 and 422."""
    limit = body.get("limit")
    if limit is None:
        return DEFAULT_LIMIT
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
        raise errors.bad_json(f"invalid type: {limit!r}, expected usize")
    if limit == 0:
        raise errors.ApiError(
            422, f"Validation error in JSON body: [{request_name}.limit: value 0 invalid, must be 1 or larger]"
        )
    return limit


def parse_order_by(given: Any) -> Any:  # noqa: ANN401 - engine type
    """Return the engine's order: a key, or a key with direction and start."""
    if given is None:
        return None
    if isinstance(given, str):
        return edge.OrderBy(given, edge.Direction.Asc, None)
    direction = edge.Direction.Desc if given.get("direction") == "desc" else edge.Direction.Asc
    return edge.OrderBy(given["key"], direction, given.get("start_from"))
