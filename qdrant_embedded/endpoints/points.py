"""Writing points, their payloads and their vectors."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import qdrant_edge as edge

from qdrant_embedded import answers, vectors

from .collections import written

if TYPE_CHECKING:
    from qdrant_embedded.app import Call


def point_id(given: Any) -> Any:  # noqa: ANN401 - whatever the client sent
    """A number or a UUID in its usual form. Raises Refusal 400."""
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 1 << 64:
        return given
    if isinstance(given, str):
        try:
            return str(uuid.UUID(given))
        except ValueError:
            pass
    text = given if isinstance(given, str) else repr(given)
    raise answers.bad_json(
        f"value {text} is not a valid point ID, valid values are either an unsigned integer or a UUID"
    )


def upsert(call: Call) -> dict[str, Any]:
    """Points as a list, or as a batch of columns."""
    collection = call.server.catalog.get(call.name)
    body = call.body if isinstance(call.body, dict) else {}
    if isinstance(body.get("points"), list):
        rows = body["points"]
    elif isinstance(body.get("batch"), dict):
        rows = rows_of(body["batch"])
    else:
        raise answers.bad_json("data did not match any variant of untagged enum PointInsertOperations")
    points = {}
    for row in rows:
        one = point_id(row.get("id"))
        points[one] = edge.Point(one, vectors.to_engine(row.get("vector")), row.get("payload"))
    return written(call, collection.upsert(points))


def rows_of(batch: dict[str, Any]) -> list[dict[str, Any]]:
    """The batch form turned into points."""
    ids, columns = batch["ids"], batch["vectors"]
    payloads = batch.get("payloads") or [None] * len(ids)
    if isinstance(columns, dict):
        columns = [{name: column[row] for name, column in columns.items()} for row in range(len(ids))]
    return [
        {"id": one, "vector": vector, "payload": payload}
        for one, vector, payload in zip(ids, columns, payloads, strict=True)
    ]


def delete(call: Call) -> dict[str, Any]:
    """By ids or by a filter."""
    collection = call.server.catalog.get(call.name)
    with collection.lock:
        ids, condition = selected(call)
        if ids is not None:
            operation = edge.UpdateOperation.delete_points(ids)
        else:
            operation = edge.UpdateOperation.delete_points_by_filter(condition)
        return written(call, collection.apply_everywhere(operation))


def selected(call: Call) -> tuple[list[Any] | None, Any]:
    """The points that a body selects: ids, or a filter of the engine."""
    body = call.body if isinstance(call.body, dict) else {}
    if isinstance(body.get("points"), list):
        return [point_id(one) for one in body["points"]], None
    if isinstance(body.get("filter"), dict):
        return None, call.server.catalog.get(call.name).filter_to_engine(body["filter"])
    raise answers.bad_json("data did not match any variant of untagged enum PointsSelector")
