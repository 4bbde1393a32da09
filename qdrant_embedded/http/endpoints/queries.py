"""Search: nearest vectors, recommendation, fusion, order and sample; facets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qdrant_edge as edge

from qdrant_embedded import errors
from qdrant_embedded.engine import vectors
from qdrant_embedded.http.endpoints.reads import parse_limit, parse_order_by, parse_selectors, record_to_json
from qdrant_embedded.http.parameters import parse_point_id, require_field

if TYPE_CHECKING:
    from collections.abc import Callable

    from qdrant_embedded.engine.collection import Collection
    from qdrant_embedded.http.request import ApiRequest

Body = dict[str, Any]
SMALLER_IS_NEARER = frozenset({"Euclid", "Manhattan"})


def query(request: ApiRequest) -> dict[str, Any]:
    """Run one query of the universal query API."""
    return {"points": run_query(request.server.catalog.get(request.name), request.document)}


def query_batch(request: ApiRequest) -> list[dict[str, Any]]:
    """Run several queries."""
    collection = request.server.catalog.get(request.name)
    return [{"points": run_query(collection, one)} for one in require_field(request.document, "searches", list)]


def search(request: ApiRequest) -> list[dict[str, Any]]:
    """Run a query of the older search API: one vector, named or not."""
    body = dict(request.document)
    vector = body.pop("vector", None)
    if isinstance(vector, dict):
        body["using"], vector = vector.get("name"), vector.get("vector")
    return run_query(request.server.catalog.get(request.name), {**body, "query": vector})


def facet(request: ApiRequest) -> dict[str, Any]:
    """Return the values of an indexed payload key and their counts, the most frequent first."""
    collection = request.server.catalog.get(request.name)
    body = request.document
    limit = parse_limit(body, "facet_request")
    with collection.lock:
        engine_request = edge.FacetRequest(
            key=require_field(body, "key", str),
            limit=limit,
            exact=True,
            filter=collection.filter_to_engine(body.get("filter")),
        )
        counts: dict[Any, int] = {}
        for response in collection.query_shards(lambda engine: engine.facet(engine_request), "facet"):
            for hit in response.hits:
                counts[hit.value] = counts.get(hit.value, 0) + hit.count
    ranked = sorted(counts.items(), key=lambda hit: (-hit[1], str(hit[0])))
    return {"hits": [{"value": value, "count": count} for value, count in ranked[:limit]]}


def run_query(collection: Collection, body: Body) -> list[dict[str, Any]]:
    """Run one query over all shards and merge the results."""
    limit, offset = parse_limit(body, "internal"), body.get("offset") or 0
    payload, vector = parse_selectors(body, payload=False)
    with collection.lock:
        if (body.get("prefetch") or body.get("query") == {"sample": "random"}) and len(collection.shards) > 1:
            raise errors.not_emulated("a query with prefetch or sample over several shards")
        engine_request = edge.QueryRequest(
            limit=limit + offset,
            query=to_engine_query(collection, body.get("query"), body.get("using")),
            prefetches=to_prefetches(collection, body.get("prefetch")),
            with_vector=vector,
            with_payload=payload,
            filter=collection.filter_to_engine(exclude_query_points(body)),
            score_threshold=body.get("score_threshold"),
            params=to_search_params(body.get("params")),
        )
        hits = [
            one
            for part in collection.query_shards(lambda engine: engine.query(engine_request), "query")
            for one in part
        ]
    if len(collection.shards) > 1:
        hits.sort(key=make_sort_key(collection, body))
    page = hits[offset : offset + limit]
    return [
        {
            **record_to_json(one, payload=payload is not False, vector=vector is not False),
            "version": one.version,
            "score": one.score,
        }
        for one in page
    ]


def make_sort_key(collection: Collection, body: Body) -> Callable[[Any], Any]:
    """Return the sort key that puts the best result first."""
    given = body.get("query")
    if isinstance(given, dict) and "order_by" in given:
        sign = -1 if getattr(parse_order_by(given["order_by"]), "direction", None) == edge.Direction.Desc else 1
        return lambda one: sign * one.order_value
    configured = collection.params["vectors"]
    one_vector = configured if "size" in configured else configured.get(body.get("using") or "", {})
    sign = 1 if one_vector.get("distance") in SMALLER_IS_NEARER else -1
    return lambda one: sign * one.score


def exclude_query_points(body: Body) -> Body | None:
    """Return the filter without the points in the query itself: a search by id does not find that id."""
    ids = [one for one in list_query_inputs(body.get("query")) if isinstance(one, int | str)]
    if not ids:
        return body.get("filter")
    excluding = {"must_not": [{"has_id": [parse_point_id(one) for one in ids]}]}
    return {"must": [body["filter"], excluding]} if body.get("filter") else excluding


def list_query_inputs(given: Any) -> list[Any]:  # noqa: ANN401 - any JSON value
    """Return the vectors and ids that a query consists of."""
    match given:
        case {"nearest": nearest}:
            return [nearest]
        case {"recommend": dict(examples)}:
            return [*(examples.get("positive") or []), *(examples.get("negative") or [])]
        case int() | str():
            return [given]
    return []


def to_prefetches(collection: Collection, given: Any) -> list[Any] | None:  # noqa: ANN401 - any JSON value
    """Return the stages before the query, nested ones included."""
    if not given:
        return None
    return [
        edge.Prefetch(
            limit=parse_limit(one, "internal"),
            query=to_engine_query(collection, one.get("query"), one.get("using")),
            prefetches=to_prefetches(collection, one.get("prefetch")),
            params=to_search_params(one.get("params")),
            filter=collection.filter_to_engine(exclude_query_points(one)),
            score_threshold=one.get("score_threshold"),
        )
        for one in (given if isinstance(given, list) else [given])
    ]


def to_search_params(given: Body | None) -> Any:  # noqa: ANN401 - engine type
    """Return the search parameters that the engine knows."""
    if not given:
        return None
    return edge.SearchParams(hnsw_ef=given.get("hnsw_ef"), exact=bool(given.get("exact")))


def to_engine_query(collection: Collection, given: Any, using: str | None) -> Any:  # noqa: ANN401 - engine type
    """Return the engine's query, None for none. Raise ApiError 400 and 501."""
    match given:
        case None:
            return None
        case {"nearest": nearest}:
            return to_engine_query(collection, nearest, using)
        case {"indices": _, "values": _} | list() | int() | str():
            return edge.Query.Nearest(resolve_vector(collection, given, using), using or None)
        case {"fusion": "rrf"}:
            return edge.Fusion.Rrf(k=2)
        case {"rrf": dict(options)}:
            return edge.Fusion.Rrf(k=options.get("k") or 2, weights=options.get("weights"))
        case {"fusion": "dbsf"}:
            return edge.Fusion.Dbsf()
        case {"order_by": given_order}:
            return parse_order_by(given_order)
        case {"sample": "random"}:
            return edge.Sample.Random
        case {"recommend": dict(examples)}:
            return to_recommend_query(collection, examples, using)
    raise errors.not_emulated(f"a query of the kind {sorted(given) if isinstance(given, dict) else given!r}")


def resolve_vector(collection: Collection, given: Any, using: str | None) -> Any:  # noqa: ANN401 - engine type
    """Return a vector for the engine; an id stands for the vector of that point."""
    if isinstance(given, list | dict):
        return vectors.vector_to_engine(given)
    name = using or ""
    vector = collection.point(parse_point_id(given), payload=False, vector=[name] if name else True).vector
    if isinstance(vector, dict):
        if name not in vector:
            raise errors.wrong_input(f"Point {given} has no vector `{name}`")
        return vector[name]
    return vector


def to_recommend_query(collection: Collection, examples: Body, using: str | None) -> Any:  # noqa: ANN401 - engine type
    """Return a query by examples; without a strategy it is by their average, as on the server."""
    positive = [resolve_vector(collection, one, using) for one in examples.get("positive") or []]
    negative = [resolve_vector(collection, one, using) for one in examples.get("negative") or []]
    match examples.get("strategy") or "average_vector":
        case "average_vector":
            return edge.Query.Nearest(average_vector(positive, negative), using or None)
        case "best_score":
            return edge.Query.RecommendBestScore(edge.RecommendQuery(positive, negative), using or None)
        case "sum_scores":
            return edge.Query.RecommendSumScores(edge.RecommendQuery(positive, negative), using or None)
    raise errors.bad_json(f"unknown variant `{examples['strategy']}`")


def average_vector(positive: list[Any], negative: list[Any]) -> list[float]:
    """Return mean(positive), moved away from mean(negative). Raise ApiError 400 and 501."""
    if not positive:
        raise errors.wrong_input("At least one positive vector ID required")
    if not all(isinstance(one, list) and one and not isinstance(one[0], list) for one in [*positive, *negative]):
        raise errors.not_emulated("an average of sparse or multi vectors")
    centre = [sum(column) / len(positive) for column in zip(*positive, strict=True)]
    if not negative:
        return centre
    away = [sum(column) / len(negative) for column in zip(*negative, strict=True)]
    return [2 * near - far for near, far in zip(centre, away, strict=True)]
