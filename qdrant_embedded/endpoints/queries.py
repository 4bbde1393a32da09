"""Searching: nearest vectors, recommendation, fusion, order and sample; facets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qdrant_edge as edge

from qdrant_embedded import answers, vectors
from qdrant_embedded.endpoints.points import field, point_id
from qdrant_embedded.endpoints.reads import checked_limit, order_by, selectors, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from qdrant_embedded.call import Call
    from qdrant_embedded.collection import Collection

Body = dict[str, Any]
SMALLER_IS_NEARER = frozenset({"Euclid", "Manhattan"})


def query(call: Call) -> dict[str, Any]:
    """Answer one query of the universal API."""
    return {"points": queried(call.server.catalog.get(call.name), call.document)}


def query_batch(call: Call) -> list[dict[str, Any]]:
    """Answer several of them."""
    collection = call.server.catalog.get(call.name)
    return [{"points": queried(collection, one)} for one in field(call.document, "searches", list)]


def search(call: Call) -> list[dict[str, Any]]:
    """Answer the old search: one vector, named or not."""
    body = dict(call.document)
    vector = body.pop("vector", None)
    if isinstance(vector, dict):
        body["using"], vector = vector.get("name"), vector.get("vector")
    return queried(call.server.catalog.get(call.name), {**body, "query": vector})


def facet(call: Call) -> dict[str, Any]:
    """Count the values of an indexed payload key, the most frequent first."""
    collection = call.server.catalog.get(call.name)
    body = call.document
    limit = checked_limit(body, "facet_request")
    with collection.lock:
        request = edge.FacetRequest(
            key=field(body, "key", str),
            limit=limit,
            exact=True,
            filter=collection.filter_to_engine(body.get("filter")),
        )
        counts: dict[Any, int] = {}
        for response in collection.ask(lambda engine: engine.facet(request), "facet"):
            for hit in response.hits:
                counts[hit.value] = counts.get(hit.value, 0) + hit.count
    ranked = sorted(counts.items(), key=lambda hit: (-hit[1], str(hit[0])))
    return {"hits": [{"value": value, "count": count} for value, count in ranked[:limit]]}


def queried(collection: Collection, body: Body) -> list[dict[str, Any]]:
    """Run one query over all shards and merge what they found."""
    limit, offset = checked_limit(body, "internal"), body.get("offset") or 0
    payload, vector = selectors(body, payload=False)
    with collection.lock:
        if (body.get("prefetch") or body.get("query") == {"sample": "random"}) and len(collection.shards) > 1:
            raise answers.not_emulated("a query with prefetch or sample over several shards")
        request = edge.QueryRequest(
            limit=limit + offset,
            query=scoring(collection, body.get("query"), body.get("using")),
            prefetches=prefetches(collection, body.get("prefetch")),
            with_vector=vector,
            with_payload=payload,
            filter=collection.filter_to_engine(without_queried(body)),
            score_threshold=body.get("score_threshold"),
            params=parameters(body.get("params")),
        )
        found = [one for part in collection.ask(lambda engine: engine.query(request), "query") for one in part]
    if len(collection.shards) > 1:
        found.sort(key=nearness(collection, body))
    page = found[offset : offset + limit]
    return [
        {
            **shown(one, payload=payload is not False, vector=vector is not False),
            "version": one.version,
            "score": one.score,
        }
        for one in page
    ]


def nearness(collection: Collection, body: Body) -> Callable[[Any], Any]:
    """Give the sort key that puts the best result first."""
    given = body.get("query")
    if isinstance(given, dict) and "order_by" in given:
        sign = -1 if getattr(order_by(given["order_by"]), "direction", None) == edge.Direction.Desc else 1
        return lambda one: sign * one.order_value
    configured = collection.params["vectors"]
    one_vector = configured if "size" in configured else configured.get(body.get("using") or "", {})
    sign = 1 if one_vector.get("distance") in SMALLER_IS_NEARER else -1
    return lambda one: sign * one.score


def without_queried(body: Body) -> Body | None:
    """Give the filter, less the points that the query itself consists of: a search by id does not find that id."""
    ids = [one for one in named_points(body.get("query")) if isinstance(one, int | str)]
    if not ids:
        return body.get("filter")
    excluding = {"must_not": [{"has_id": [point_id(one) for one in ids]}]}
    return {"must": [body["filter"], excluding]} if body.get("filter") else excluding


def named_points(given: Any) -> list[Any]:  # noqa: ANN401 - any JSON value
    """List what a query is made of: its vectors and ids."""
    match given:
        case {"nearest": nearest}:
            return [nearest]
        case {"recommend": dict(examples)}:
            return [*(examples.get("positive") or []), *(examples.get("negative") or [])]
        case int() | str():
            return [given]
    return []


def prefetches(collection: Collection, given: Any) -> list[Any] | None:  # noqa: ANN401 - any JSON value
    """Give the stages before the query, nested ones included."""
    if not given:
        return None
    return [
        edge.Prefetch(
            limit=checked_limit(one, "internal"),
            query=scoring(collection, one.get("query"), one.get("using")),
            prefetches=prefetches(collection, one.get("prefetch")),
            params=parameters(one.get("params")),
            filter=collection.filter_to_engine(without_queried(one)),
            score_threshold=one.get("score_threshold"),
        )
        for one in (given if isinstance(given, list) else [given])
    ]


def parameters(given: Body | None) -> Any:  # noqa: ANN401 - engine type
    """Give the search parameters that mean something here."""
    if not given:
        return None
    return edge.SearchParams(hnsw_ef=given.get("hnsw_ef"), exact=bool(given.get("exact")))


def scoring(collection: Collection, given: Any, using: str | None) -> Any:  # noqa: ANN401 - engine type
    """Give what ranks the points: None for no query at all. Raises Refusal 400 and 501."""
    match given:
        case None:
            return None
        case {"nearest": nearest}:
            return scoring(collection, nearest, using)
        case {"indices": _, "values": _} | list() | int() | str():
            return edge.Query.Nearest(example(collection, given, using), using or None)
        case {"fusion": "rrf"}:
            return edge.Fusion.Rrf(k=2)
        case {"rrf": dict(options)}:
            return edge.Fusion.Rrf(k=options.get("k") or 2, weights=options.get("weights"))
        case {"fusion": "dbsf"}:
            return edge.Fusion.Dbsf()
        case {"order_by": order}:
            return order_by(order)
        case {"sample": "random"}:
            return edge.Sample.Random
        case {"recommend": dict(examples)}:
            return recommendation(collection, examples, using)
    raise answers.not_emulated(f"a query of the kind {sorted(given) if isinstance(given, dict) else given!r}")


def example(collection: Collection, given: Any, using: str | None) -> Any:  # noqa: ANN401 - engine type
    """Give a vector as the engine takes it; an id stands for the vector of that point."""
    if isinstance(given, list | dict):
        return vectors.one_to_engine(given)
    name = using or ""
    vector = collection.point(point_id(given), payload=False, vector=[name] if name else True).vector
    if isinstance(vector, dict):
        if name not in vector:
            raise answers.wrong_input(f"Point {given} has no vector `{name}`")
        return vector[name]
    return vector


def recommendation(collection: Collection, examples: Body, using: str | None) -> Any:  # noqa: ANN401 - engine type
    """Give a query by examples; without a strategy their average, as the server does."""
    positive = [example(collection, one, using) for one in examples.get("positive") or []]
    negative = [example(collection, one, using) for one in examples.get("negative") or []]
    match examples.get("strategy") or "average_vector":
        case "average_vector":
            return edge.Query.Nearest(average(positive, negative), using or None)
        case "best_score":
            return edge.Query.RecommendBestScore(edge.RecommendQuery(positive, negative), using or None)
        case "sum_scores":
            return edge.Query.RecommendSumScores(edge.RecommendQuery(positive, negative), using or None)
    raise answers.bad_json(f"unknown variant `{examples['strategy']}`")


def average(positive: list[Any], negative: list[Any]) -> list[float]:
    """Give mean(positive), moved away from mean(negative). Raises Refusal 400 and 501."""
    if not positive:
        raise answers.wrong_input("At least one positive vector ID required")
    if not all(isinstance(one, list) and one and not isinstance(one[0], list) for one in [*positive, *negative]):
        raise answers.not_emulated("an average of sparse or multi vectors")
    centre = [sum(column) / len(positive) for column in zip(*positive, strict=True)]
    if not negative:
        return centre
    away = [sum(column) / len(negative) for column in zip(*negative, strict=True)]
    return [2 * near - far for near, far in zip(centre, away, strict=True)]
