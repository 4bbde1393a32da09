"""Write points, their payloads and their vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qdrant_edge as edge

from qdrant_embedded import errors
from qdrant_embedded.engine import vectors
from qdrant_embedded.http.parameters import parse_point_id, require_field

if TYPE_CHECKING:
    from collections.abc import Callable

    from qdrant_embedded.engine.collection import Collection
    from qdrant_embedded.http.request import ApiRequest

OPERATION = edge.UpdateOperation
Body = dict[str, Any]


def upsert(collection: Collection, body: Body) -> int:
    """Write points given as a list, or as columns."""
    if isinstance(body.get("points"), list):
        rows = body["points"]
    elif isinstance(body.get("batch"), dict):
        rows = batch_to_points(body["batch"])
    else:
        raise errors.bad_json("Invalid PointInsertOperations format")
    points = {}
    for row in rows:
        one = parse_point_id(row.get("id"))
        if "vector" not in row:
            raise errors.bad_json("missing field `vector`")
        points[one] = edge.Point(one, vectors.to_engine(row.get("vector"), collection.params), row.get("payload"))
    return collection.apply_by_id(points, lambda ids: OPERATION.upsert_points([points[one] for one in ids]))


def batch_to_points(batch: Body) -> list[Body]:
    """Return the points of a batch of columns. Raise ApiError if the columns differ in length."""
    ids, columns = require_field(batch, "ids", list), batch.get("vectors")
    payloads = batch.get("payloads") or [None] * len(ids)
    if isinstance(columns, dict):
        columns = [{name: column[row] for name, column in columns.items()} for row in range(len(ids))]
    if not isinstance(columns, list) or not len(ids) == len(columns) == len(payloads):
        raise errors.ApiError(422, "Validation error in JSON body: [batch: number of ids and vectors differ]")
    return [
        {"id": one, "vector": vector, "payload": payload}
        for one, vector, payload in zip(ids, columns, payloads, strict=True)
    ]


def apply_to_selected(
    collection: Collection,
    body: Body,
    by_ids: Callable[[list[Any]], Any],
    by_filter: Callable[[Any], Any],
) -> int:
    """Apply an operation to the points that the body lists, or to those that its filter matches."""
    if isinstance(body.get("points"), list):
        return collection.apply_by_id([parse_point_id(one) for one in body["points"]], by_ids)
    if isinstance(body.get("filter"), dict):
        return collection.apply_by_filter(body["filter"], by_filter)
    raise errors.bad_json("Either list of point ids or filter must be provided")


def delete(collection: Collection, body: Body) -> int:
    """Delete points; ids that do not exist are ignored."""
    return apply_to_selected(collection, body, OPERATION.delete_points, OPERATION.delete_points_by_filter)


def make_payload_write(
    by_ids: Callable[..., Any], by_filter: Callable[..., Any]
) -> Callable[[Collection, Body], int]:
    """Return a write that sets or overwrites payload, below `key` if one is given."""

    def write(collection: Collection, body: Body) -> int:
        payload, key = require_field(body, "payload", dict), body.get("key")
        return apply_to_selected(
            collection,
            body,
            lambda ids: by_ids(ids, payload, key),
            lambda condition: by_filter(condition, payload, key),
        )

    return write


set_payload = make_payload_write(OPERATION.set_payload, OPERATION.set_payload_by_filter)
overwrite_payload = make_payload_write(OPERATION.overwrite_payload, OPERATION.overwrite_payload_by_filter)


def delete_payload(collection: Collection, body: Body) -> int:
    """Delete keys from payloads."""
    keys = require_field(body, "keys", list)
    return apply_to_selected(
        collection,
        body,
        lambda ids: OPERATION.delete_payload(ids, keys),
        lambda condition: OPERATION.delete_payload_by_filter(condition, keys),
    )


def clear_payload(collection: Collection, body: Body) -> int:
    """Delete whole payloads."""
    return apply_to_selected(collection, body, OPERATION.clear_payload, OPERATION.clear_payload_by_filter)


def update_vectors(collection: Collection, body: Body) -> int:
    """Replace the named vectors; a point's other vectors stay."""
    rows = {parse_point_id(row.get("id")): row.get("vector") for row in require_field(body, "points", list)}
    changed = {
        one: edge.PointVectors(one, vectors.to_engine(vector, collection.params)) for one, vector in rows.items()
    }
    return collection.apply_by_id(rows, lambda ids: OPERATION.update_vectors([changed[one] for one in ids]))


def delete_vectors(collection: Collection, body: Body) -> int:
    """Delete vectors by name; the points stay."""
    names = require_field(body, "vector", list)
    return apply_to_selected(
        collection,
        body,
        lambda ids: OPERATION.delete_vectors(ids, names),
        lambda condition: OPERATION.delete_vectors_by_filter(condition, names),
    )


WRITES: dict[str, Callable[[Collection, Body], int]] = {
    "upsert": upsert,
    "delete": delete,
    "delete_points": delete,
    "set_payload": set_payload,
    "overwrite_payload": overwrite_payload,
    "delete_payload": delete_payload,
    "clear_payload": clear_payload,
    "update_vectors": update_vectors,
    "delete_vectors": delete_vectors,
}
"""The writes by their names in a batch."""


def update_result(request: ApiRequest, number: int) -> dict[str, Any]:
    """Return the result of a write. It is on disk in either case, whether the client waits or not."""
    status = "completed" if request.should_wait(default=False) else "acknowledged"
    return {"operation_id": number, "status": status}


def make_endpoint(write: Callable[[Collection, Body], int]) -> Callable[[ApiRequest], dict[str, Any]]:
    """Return the endpoint of a write."""

    def answer(request: ApiRequest) -> dict[str, Any]:
        collection = request.server.catalog.get(request.name)
        return update_result(request, write(collection, request.document))

    return answer


def batch(request: ApiRequest) -> list[dict[str, Any]]:
    """Apply several writes one after the other."""
    collection = request.server.catalog.get(request.name)
    results = []
    for operation in require_field(request.document, "operations", list):
        for name, inner in operation.items():
            if name not in WRITES:
                raise errors.bad_json(f"unknown variant `{name}`")
            results.append(update_result(request, WRITES[name](collection, inner)))
    return results
