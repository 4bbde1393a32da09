"""Points: written in every form, found by every kind of filter and query, over one shard and over several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.http_client import HttpClient

UUID = "550e8400-e29b-41d4-a716-446655440000"
PEOPLE = [
    {"id": 1, "name": "Ada", "age": 36, "ok": True, "tags": ["x", "y"], "born": "1815-12-10T00:00:00Z", "note": None},
    {
        "id": 2,
        "name": "Bob",
        "age": 20,
        "ok": False,
        "tags": ["y"],
        "born": "2001-01-01T00:00:00Z",
        "deep": {"ok": True},
    },
    {
        "id": 3,
        "name": "Cy",
        "age": 50,
        "ok": True,
        "tags": [],
        "home": {"lat": 52.5, "lon": 13.4},
        "rows": [{"ok": False}],
    },
    {"id": 4, "name": "Di", "flags": [False, True], "rows": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]},
]
BERLIN = {"top_left": {"lat": 60, "lon": 10}, "bottom_right": {"lat": 50, "lon": 20}}
ROW = [{"key": "a", "match": {"value": 3}}, {"key": "b", "match": {"value": 4}}]
SEVERAL = [{"has_id": [1, 2]}, {"has_id": [2, 3]}, {"key": "ok", "match": {"value": True}}]
FILTERS: dict[str, tuple[dict[str, Any], list[int]]] = {
    "keyword": ({"must": [{"key": "name", "match": {"value": "Ada"}}]}, [1]),
    "number": ({"must": [{"key": "age", "match": {"value": 20}}]}, [2]),
    "true": ({"must": [{"key": "ok", "match": {"value": True}}]}, [1, 3]),
    "false": ({"must": [{"key": "ok", "match": {"value": False}}]}, [2]),
    "not true": ({"must_not": [{"key": "ok", "match": {"value": True}}]}, [2, 4]),
    "true inside an object": ({"must": [{"key": "deep.ok", "match": {"value": True}}]}, [2]),
    "true inside an array": ({"must": [{"key": "flags", "match": {"value": True}}]}, [4]),
    "false in the objects of an array": ({"must": [{"key": "rows[].ok", "match": {"value": False}}]}, [3]),
    "true and more": (
        {"must": [{"key": "ok", "match": {"value": True}}, {"key": "age", "range": {"gt": 40}}]},
        [3],
    ),
    "true or young": (
        {"should": [{"key": "ok", "match": {"value": True}}, {"key": "age", "range": {"lt": 30}}]},
        [1, 2, 3],
    ),
    "any": ({"must": {"key": "name", "match": {"any": ["Bob", "Cy"]}}}, [2, 3]),
    "except": ({"must": [{"key": "name", "match": {"except": ["Bob", "Cy"]}}]}, [1, 4]),
    "range": ({"must": [{"key": "age", "range": {"gte": 20, "lt": 50}}]}, [1, 2]),
    "dates": ({"must": [{"key": "born", "range": {"lt": "1900-01-01T00:00:00Z"}}]}, [1]),
    "values count": ({"must": [{"key": "tags", "values_count": {"gte": 2}}]}, [1]),
    "circle": ({"must": [{"key": "home", "geo_radius": {"center": {"lat": 52.5, "lon": 13.4}, "radius": 9}}]}, [3]),
    "box": ({"must": [{"key": "home", "geo_bounding_box": BERLIN}]}, [3]),
    "ids": ({"must": [{"has_id": [1, 4, 99]}]}, [1, 4]),
    "empty": ({"must": [{"is_empty": {"key": "age"}}]}, [4]),
    "null": ({"must": [{"is_null": {"key": "note"}}]}, [1]),
    "nested": ({"must": [{"nested": {"key": "rows", "filter": {"must": ROW}}}]}, [4]),
    "filter in a filter": (
        {"must": [{"should": [{"has_id": [1]}, {"has_id": [2]}]}, {"must_not": [{"has_id": [2]}]}]},
        [1],
    ),
    "some of them": ({"min_should": {"min_count": 2, "conditions": SEVERAL}}, [1, 2, 3]),
}


def without_id(person: dict[str, Any]) -> dict[str, Any]:
    """Return a person's payload."""
    return {key: value for key, value in person.items() if key != "id"}


def fill_people(client: HttpClient, shards: int) -> None:
    """Write all people to that many shards."""
    client.create("people", shard_number=shards)
    client.upsert(
        "people", *({"id": one["id"], "vector": [one["id"], 1, 0, 0], "payload": without_id(one)} for one in PEOPLE)
    )


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("kind", FILTERS)
def test_a_filter_finds_what_it_says(embedded_or_real: HttpClient, kind: str, shards: int) -> None:
    """Scroll and count agree, in one shard and in three."""
    condition, expected = FILTERS[kind]
    fill_people(embedded_or_real, shards)

    assert embedded_or_real.ids("people", condition) == expected
    assert embedded_or_real.count("people", condition) == len(expected)


@pytest.mark.parametrize("shards", [1, 3])
def test_a_scroll_goes_through_all_points_in_order(embedded_or_real: HttpClient, shards: int) -> None:
    """Numbers come before UUIDs, page by page, and each point is returned once."""
    embedded_or_real.create("many", shard_number=shards)
    ids = [*range(0, 50, 3), UUID, "ffffffff-e29b-41d4-a716-446655440000"]
    embedded_or_real.upsert("many", *({"id": one, "vector": [1, 1, 1, 1]} for one in reversed(ids)))

    seen: list[Any] = []
    offset: Any = 0
    while offset is not None:
        body = {"limit": 4, "offset": offset, "with_payload": False}
        page = embedded_or_real.result("POST", "/collections/many/points/scroll", body)
        seen += [one["id"] for one in page["points"]]
        offset = page["next_page_offset"]

    assert seen == ids


@pytest.mark.parametrize("shards", [1, 3])
def test_a_scroll_is_ordered_by_an_indexed_key(embedded_or_real: HttpClient, shards: int) -> None:
    """The order is descending, over all shards."""
    fill_people(embedded_or_real, shards)
    embedded_or_real.result(
        "PUT", "/collections/people/index?wait=true", {"field_name": "age", "field_schema": "integer"}
    )

    body = {"order_by": {"key": "age", "direction": "desc"}, "limit": 2}
    points = embedded_or_real.result("POST", "/collections/people/points/scroll", body)["points"]

    assert [one["id"] for one in points] == [3, 1]


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize(
    ("distance", "expected"),
    [("Cosine", [9, 8, 7]), ("Dot", [9, 8, 7]), ("Euclid", [2, 3, 1]), ("Manhattan", [2, 3, 1])],
)
def test_a_query_gives_the_nearest_first(
    embedded_or_real: HttpClient, distance: str, expected: list[int], shards: int
) -> None:
    """Large scores are near for Cosine and Dot, small ones for Euclid and Manhattan; an offset skips the first."""
    embedded_or_real.create("near", vectors={"size": 2, "distance": distance}, shard_number=shards)
    embedded_or_real.upsert("near", *({"id": one, "vector": [one, 2]} for one in range(1, 10)))

    target = {"Cosine": [1, 0], "Dot": [1, 0]}.get(distance, [2.2, 2])
    body = {"query": target, "limit": 3}
    points = embedded_or_real.result("POST", "/collections/near/points/query", body)["points"]
    skipped = embedded_or_real.result("POST", "/collections/near/points/query", {**body, "offset": 1, "limit": 2})[
        "points"
    ]

    assert [one["id"] for one in points] == expected
    assert [one["id"] for one in skipped] == expected[1:]


def test_queries_of_every_kind(embedded_or_real: HttpClient) -> None:
    """Named, sparse, multi, by id, with a filter, recommended, fused, ordered, in a batch, and the old search."""
    embedded_or_real.create(
        "kinds",
        vectors={
            "a": {"size": 2, "distance": "Dot"},
            "m": {"size": 2, "distance": "Dot", "multivector_config": {"comparator": "max_sim"}},
        },
        sparse_vectors={"s": {}},
    )
    embedded_or_real.upsert(
        "kinds",
        *(
            {
                "id": one,
                "vector": {"a": [one, 0], "m": [[one, 0.5], [0.5, one]], "s": {"indices": [one], "values": [1.0]}},
                "payload": {"n": one},
            }
            for one in range(1, 6)
        ),
    )

    def best(**body: object) -> list[int]:
        found = embedded_or_real.result("POST", "/collections/kinds/points/query", {"limit": 2, **body})["points"]
        return [one["id"] for one in found]

    stages = [{"query": [1, 0], "using": "a", "limit": 3}, {"query": [[0.5, 1]], "using": "m", "limit": 3}]
    few = {"must": [{"key": "n", "range": {"lte": 3}}]}
    assert best(query=[1, 0], using="a") == [5, 4]
    assert best(query={"nearest": [[0.5, 1.0]]}, using="m") == [5, 4]
    assert best(query={"indices": [3], "values": [1.0]}, using="s") == [3]
    assert best(query=5, using="a") == [4, 3]
    assert best(query=[1, 0], using="a", filter=few) == [3, 2]
    assert best(query={"recommend": {"positive": [4, 5], "negative": [1]}}, using="a") == [3, 2]
    assert best(query={"recommend": {"positive": [5], "strategy": "best_score"}}, using="a") == [4, 3]
    assert best(query={"fusion": "rrf"}, prefetch=stages) == [5, 4]
    assert best(query=[1, 0], using="a", score_threshold=4.5) == [5]
    batch = embedded_or_real.result(
        "POST",
        "/collections/kinds/points/query/batch",
        {"searches": [{"query": [1, 0], "using": "a", "limit": 1}, {"query": 1, "using": "a", "limit": 1}]},
    )
    assert [[one["id"] for one in part["points"]] for part in batch] == [[5], [5]]
    old = {"vector": {"name": "a", "vector": [1, 0]}, "limit": 1, "with_payload": ["n"]}
    assert embedded_or_real.result("POST", "/collections/kinds/points/search", old)[0]["payload"] == {"n": 5}


@pytest.mark.parametrize("shards", [1, 3])
def test_payloads_are_set_overwritten_and_removed(embedded_or_real: HttpClient, shards: int) -> None:
    """By ids and by filters, each operation changes only what it names."""
    embedded_or_real.create("c", shard_number=shards)
    embedded_or_real.upsert(
        "c", *({"id": one, "vector": [1, 1, 1, 1], "payload": {"n": one, "a": 0}} for one in range(1, 6))
    )

    def change(method: str, path: str, **body: object) -> None:
        embedded_or_real.result(method, f"/collections/c/points/{path}?wait=true", body)

    change("POST", "payload", payload={"a": 1}, points=[1])
    change("POST", "payload", payload={"inner": True}, key="deep", points=[1])
    change("POST", "payload", payload={"a": 2}, filter={"must": [{"key": "n", "match": {"value": 2}}]})
    change("PUT", "payload", payload={"only": 3}, points=[3])
    change("POST", "payload/delete", keys=["a"], points=[4])
    change("POST", "payload/clear", points=[5])

    assert [one[1] for one in embedded_or_real.points("c")] == [
        {"n": 1, "a": 1, "deep": {"inner": True}},
        {"n": 2, "a": 2},
        {"only": 3},
        {"n": 4},
        {},
    ]


def test_vectors_are_replaced_and_removed_by_name(embedded_or_real: HttpClient) -> None:
    """The point's other vectors and its payload stay."""
    embedded_or_real.create("c", vectors={"a": {"size": 2, "distance": "Dot"}, "b": {"size": 2, "distance": "Dot"}})
    embedded_or_real.upsert("c", {"id": 1, "vector": {"a": [1, 1], "b": [2, 2]}, "payload": {"n": 1}})

    embedded_or_real.result(
        "PUT", "/collections/c/points/vectors?wait=true", {"points": [{"id": 1, "vector": {"a": [3, 3]}}]}
    )
    replaced = embedded_or_real.points("c")
    embedded_or_real.result(
        "POST", "/collections/c/points/vectors/delete?wait=true", {"points": [1], "vector": ["b"]}
    )

    assert replaced == [(1, {"n": 1}, {"a": [3.0, 3.0], "b": [2.0, 2.0]})]
    assert embedded_or_real.points("c") == [(1, {"n": 1}, {"a": [3.0, 3.0]})]


def test_a_batch_does_its_operations_in_order(embedded_or_real: HttpClient) -> None:
    """Each operation has its own result."""
    embedded_or_real.create("c")
    operations = [
        {"upsert": {"points": [{"id": 1, "vector": [1, 1, 1, 1]}, {"id": 2, "vector": [1, 1, 1, 1]}]}},
        {"set_payload": {"payload": {"a": 1}, "points": [1]}},
        {"delete": {"points": [2]}},
    ]

    results = embedded_or_real.result("POST", "/collections/c/points/batch?wait=true", {"operations": operations})

    assert [one["operation_id"] for one in results] == [1, 2, 3]
    assert [one[:2] for one in embedded_or_real.points("c")] == [(1, {"a": 1})]


@pytest.mark.parametrize(
    "point",
    [
        {"id": "abc", "vector": [1, 1, 1, 1]},
        {"id": -1, "vector": [1, 1, 1, 1]},
        {"id": True, "vector": [1, 1, 1, 1]},
        {"id": 1.5, "vector": [1, 1, 1, 1]},
        {"id": 1},
        {"id": 1, "vector": [1, 1]},
        {"id": 1, "vector": {"nope": [1, 1, 1, 1]}},
        {"id": 1, "vector": [[1.0, 1, 1, 1]]},
        {"id": 1, "vector": "text"},
        {"id": 1, "vector": [1, 1, 1, 1], "payload": []},
    ],
)
def test_a_point_that_is_none_is_refused(embedded_or_real: HttpClient, point: dict[str, Any]) -> None:
    """The response is 400 and the point is not written; a real server may write the valid points before it."""
    embedded_or_real.create("c")
    good = {"id": 7, "vector": [1, 1, 1, 1]}

    answer = embedded_or_real.ask("PUT", "/collections/c/points?wait=true", {"points": [good, point]})

    assert answer.status_code == 400
    assert set(embedded_or_real.ids("c", {})) <= {7}


def test_payload_values_come_back_as_they_were(embedded_or_real: HttpClient) -> None:
    """These are all JSON types, numbers at their limits, and text of every Unicode plane."""
    payload = {
        "int": 9_007_199_254_740_993,
        "big": 18_446_744_073_709_551_615,
        "negative": -9_223_372_036_854_775_808,
        "float": 0.1,
        "tiny": 5e-324,
        "huge": 1.7976931348623157e308,
        "bool": [True, False],
        "null": None,
        "text": 'q"\\\n\u0000ünï🌍',
        "deep": {"a": [{"b": []}, {}]},
    }
    embedded_or_real.create("c")

    embedded_or_real.upsert("c", {"id": 1, "vector": [1, 1, 1, 1], "payload": payload})

    assert embedded_or_real.result("GET", "/collections/c/points/1")["payload"] == payload


@pytest.mark.parametrize(
    "body", [b'{"points":[{"id":1,"vector":[1,1,1,1],"payload":{"a":1e400}}]}', b"{", b"[]", b""]
)
def test_what_is_no_json_of_the_right_form_is_400(embedded_or_real: HttpClient, body: bytes) -> None:
    """One of them is a number beyond double precision."""
    embedded_or_real.create("c")

    answer = embedded_or_real.ask("PUT", "/collections/c/points", data=body)

    assert answer.status_code == 400
    assert answer.json()["status"]["error"].startswith("Format error in JSON body: ")


def test_a_facet_counts_the_values_of_an_index(embedded_or_real: HttpClient) -> None:
    """The most frequent value comes first; without an index the request is refused."""
    fill_people(embedded_or_real, 3)
    refused = embedded_or_real.ask("POST", "/collections/people/facet", {"key": "tags"})
    embedded_or_real.result(
        "PUT", "/collections/people/index?wait=true", {"field_name": "tags", "field_schema": "keyword"}
    )

    hits = embedded_or_real.result("POST", "/collections/people/facet", {"key": "tags"})["hits"]

    assert refused.status_code == 400
    assert hits == [{"value": "y", "count": 2}, {"value": "x", "count": 1}]
