"""Reading points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qdrant_edge as edge

from qdrant_embedded import answers, vectors
from qdrant_embedded.endpoints.points import field, point_id

if TYPE_CHECKING:
    from qdrant_embedded.call import Call

DEFAULT_LIMIT = 10


def shown(record: Any, *, payload: bool, vector: bool) -> dict[str, Any]:  # noqa: ANN401 - engine type
    """Give a record with what was asked for."""
    result: dict[str, Any] = {"id": record.id}
    if payload:
        result["payload"] = record.payload or {}
    if vector:
        result["vector"] = vectors.to_json(record.vector)
    if record.order_value is not None:
        result["order_value"] = record.order_value
    return result


def payload_selector(given: Any) -> Any:  # noqa: ANN401 - engine type
    """`with_payload` as the engine takes it."""
    if isinstance(given, dict):
        if given.get("include") is not None:
            return edge.PayloadSelector.Include(given["include"])
        return edge.PayloadSelector.Exclude(given.get("exclude") or [])
    return given


def selectors(body: dict[str, Any], *, payload: bool) -> tuple[Any, Any]:
    """Payload and vector selectors, with the default for the payload."""
    with_payload = body.get("with_payload")
    with_payload = payload if with_payload is None else with_payload
    return payload_selector(with_payload), body.get("with_vector") or body.get("with_vectors") or False


def retrieve(call: Call) -> list[dict[str, Any]]:
    """Several by id; those that are not there are left out."""
    collection = call.server.catalog.get(call.name)
    payload, vector = selectors(call.document, payload=True)
    ids = [point_id(one) for one in field(call.document, "ids", list)]
    records = collection.retrieve(ids, payload, vector)
    return [shown(record, payload=payload is not False, vector=vector is not False) for record in records]


def point(call: Call) -> dict[str, Any]:
    """One by id, with everything."""
    collection = call.server.catalog.get(call.name)
    given = call.path["id"]
    try:
        wanted = point_id(int(given) if given.isdigit() else given)
    except answers.Refusal:
        raise answers.wrong_input(f'Can not recognize "{given}" as point id') from None
    return shown(collection.point(wanted, payload=True, vector=True), payload=True, vector=True)


def count(call: Call) -> dict[str, int]:
    """How many match; always exact here."""
    collection = call.server.catalog.get(call.name)
    return {"count": collection.count(call.document.get("filter"))}


def scroll(call: Call) -> dict[str, Any]:
    """Give a page of points and where the next one begins."""
    collection = call.server.catalog.get(call.name)
    body = call.document
    limit = checked_limit(body, "scroll_request")
    payload, vector = selectors(body, payload=True)
    with collection.lock:
        request = {
            "offset": None if body.get("offset") is None else point_id(body["offset"]),
            "filter": collection.filter_to_engine(body.get("filter")),
            "with_payload": payload,
            "with_vector": vector,
            "order_by": order_by(body.get("order_by")),
        }
        records = collection.scroll(request, limit + 1)
    following = records[limit].id if len(records) > limit and request["order_by"] is None else None
    points = [shown(record, payload=payload is not False, vector=vector is not False) for record in records[:limit]]
    return {"points": points, "next_page_offset": following}


def checked_limit(body: dict[str, Any], request: str) -> int:
    """Give how many are wanted at most. Raises Refusal 400 and 422."""
    limit = body.get("limit")
    if limit is None:
        return DEFAULT_LIMIT
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
        raise answers.bad_json(f"invalid type: {limit!r}, expected usize")
    if limit == 0:
        raise answers.Refusal(
            422, f"Validation error in JSON body: [{request}.limit: value 0 invalid, must be 1 or larger]"
        )
    return limit


def order_by(given: Any) -> Any:  # noqa: ANN401 - engine type
    """Give a key, or a key with direction and start."""
    if given is None:
        return None
    if isinstance(given, str):
        return edge.OrderBy(given, edge.Direction.Asc, None)
    direction = edge.Direction.Desc if given.get("direction") == "desc" else edge.Direction.Asc
    return edge.OrderBy(given["key"], direction, given.get("start_from"))
