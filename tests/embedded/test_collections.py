"""Collections: names, settings and their defaults, metadata, aliases, and refused requests."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http_client import SNAPSHOTS, HttpClient

if TYPE_CHECKING:
    from qdrant_embedded.process import EmbeddedQdrant

TAKEN = {
    "leading dot": ".hidden",
    "leading dash": "-lead",
    "one space": "%20",
    "newline": "a%0Ab",
    "emoji": "%F0%9F%8C%8D",
    "255 bytes": "x" * 255,
    "percent": "50%25",
    "like a route": "aliases2",
}
REFUSED = ["a%2Fb", "a%5Cb", "a%3Ab", "a%2Ab", "a%3Fb", "a%22b", "a%3Cb", "a%3Eb", "a%7Cb", "%00", "x" * 256]
UNUSABLE = ["%2e", "%2e%2e"]
MARK = {
    "vectors": {},
    "shard_number": 1,
    "wal_config": {"wal_capacity_mb": 1, "wal_segments_ahead": 0},
    "optimizers_config": {"default_segment_number": 1},
}


def metadata(client: HttpClient, name: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return a collection's metadata."""
    return client.result("GET", f"/collections/{name}")["config"].get("metadata")


@pytest.mark.parametrize("name", TAKEN.values(), ids=TAKEN)
def test_a_name_that_the_server_takes_is_listed_as_it_was_given(client: HttpClient, name: str) -> None:
    """It can be created, written to, found and deleted."""
    client.create(name)
    client.upsert(name, {"id": 1, "vector": [1, 1, 1, 1]})

    assert client.count(name) == 1
    assert len(client.result("GET", "/collections")["collections"]) == 1
    assert client.result("DELETE", f"/collections/{name}") is True


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_the_server_refuses_is_422(client: HttpClient, name: str) -> None:
    """Creation and upload are refused alike, and no collection is created."""
    created = client.ask("PUT", f"/collections/{name}", {"vectors": {}})
    uploaded = client.upload(name, b"")

    assert (created.status_code, uploaded.status_code) == (422, 422)
    assert created.json()["status"]["error"].startswith("Validation error in path parameters: [collection_name: ")
    assert client.result("GET", "/collections") == {"collections": []}


def test_dots_name_no_collection(server: EmbeddedQdrant, client: HttpClient) -> None:
    """`.` and `..` would be other directories: 500, and the storage is unchanged."""
    import http.client

    statuses = []
    for name in UNUSABLE:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("PUT", f"/collections/{name}", b'{"vectors":{}}')
        statuses.append(connection.getresponse().status)
        connection.close()

    assert statuses == [500, 500]
    assert (server.storage / "collections").is_dir()
    assert client.result("GET", "/collections") == {"collections": []}


def test_a_name_too_long_for_a_recovery_directory_cannot_be_uploaded(client: HttpClient) -> None:
    """The server's temporary directory contains the collection's name: 500 at 255 bytes, 200 at 200."""
    content = SNAPSHOTS / "plain-1.18.3.snapshot"

    statuses = [client.upload("x" * length, content).status_code for length in (200, 255)]

    assert statuses == [200, 500]


def test_a_marker_collection_is_created_once(client: HttpClient) -> None:
    """Of eight requests at once, one gets 200 and seven 409, and all readers see the first one's metadata."""

    def make(token: int) -> int:
        return client.ask("PUT", "/collections/.mark", {**MARK, "metadata": {"token": token}}).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(make, range(8)))

    assert sorted(statuses) == [200] + [409] * 7
    assert metadata(client, ".mark") == {"token": statuses.index(200)}


def test_a_patch_merges_metadata_by_its_top_level_keys(client: HttpClient) -> None:
    """A null deletes a key, an object is replaced as a whole, and a null inside an object stays."""
    client.create("c", metadata={"kept": 1, "gone": 2, "nested": {"a": 1, "b": 2}})

    client.result("PATCH", "/collections/c", {"metadata": {"gone": None, "nested": {"c": None}, "new": [1]}})

    assert metadata(client, "c") == {"kept": 1, "nested": {"c": None}, "new": [1]}


def test_no_concurrent_patch_is_lost(client: HttpClient) -> None:
    """Eight writers patch twenty keys each, and all hundred and sixty are there."""
    client.create("c")

    def patch(key: int) -> None:
        client.result("PATCH", "/collections/c", {"metadata": {f"key-{key}": key}})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(patch, range(160)))

    assert metadata(client, "c") == {f"key-{key}": key for key in range(160)}


def test_deleting_what_is_not_there_is_false_and_so_is_deleting_by_alias(client: HttpClient) -> None:
    """The response is 200 both times: an alias is no collection, and the collection behind it stays."""
    client.create("cities")
    alias = {"create_alias": {"collection_name": "cities", "alias_name": "towns"}}
    client.result("POST", "/collections/aliases", {"actions": [alias]})

    deleted = [client.result("DELETE", f"/collections/{name}") for name in ("nope", "towns", "cities", "cities")]

    assert deleted == [False, False, True, False]
    assert client.result("GET", "/aliases") == {"aliases": []}


def test_creating_an_alias_that_exists_moves_it(client: HttpClient) -> None:
    """Creating, renaming and deleting work in one request, all or none of them."""
    client.create("one")
    client.create("two")

    def change(*actions: dict[str, Any]) -> int:
        return client.ask("POST", "/collections/aliases", {"actions": list(actions)}).status_code

    first = change({"create_alias": {"collection_name": "one", "alias_name": "a"}})
    moved = change({"create_alias": {"collection_name": "two", "alias_name": "a"}})
    renamed = change({"rename_alias": {"old_alias_name": "a", "new_alias_name": "b"}})
    refused = change(
        {"delete_alias": {"alias_name": "b"}}, {"create_alias": {"collection_name": "nope", "alias_name": "c"}}
    )

    assert (first, moved, renamed, refused) == (200, 200, 200, 404)
    assert client.result("GET", "/aliases") == {"aliases": [{"alias_name": "b", "collection_name": "two"}]}


def test_an_upload_onto_an_alias_overwrites_the_collection_behind_it(client: HttpClient) -> None:
    """No collection with the alias's name is created."""
    client.create("cities", vectors={"size": 4, "distance": "Cosine"})
    alias = {"create_alias": {"collection_name": "cities", "alias_name": "towns"}}
    client.result("POST", "/collections/aliases", {"actions": [alias]})

    client.upload("towns", SNAPSHOTS / "plain-1.18.3.snapshot")

    assert client.count("cities") == 43
    assert client.result("GET", "/collections") == {"collections": [{"name": "cities"}]}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/collections/c/points/recommend"),
        ("POST", "/collections/c/points/search/groups"),
        ("POST", "/collections/c/points/query/groups"),
        ("PUT", "/collections/c/shards/0/snapshots/recover"),
        ("GET", "/issues"),
    ],
)
def test_what_is_not_emulated_is_501_with_a_sentence(client: HttpClient, method: str, path: str) -> None:
    """It cannot be taken for an answer of a real server."""
    answer = client.ask(method, path, {})

    expected = f"Not emulated: {method} {path} is not done by the embedded Qdrant; use a real server for it"
    assert (answer.status_code, answer.json()["status"]["error"]) == (501, expected)


def test_a_boolean_in_a_nested_condition_is_not_emulated(client: HttpClient) -> None:
    """The engine would find nothing, so it is 501 instead of a wrong answer."""
    client.create("c")
    client.upsert("c", {"id": 1, "vector": [1, 1, 1, 1], "payload": {"rows": [{"ok": True}]}})
    inner = {"must": [{"key": "ok", "match": {"value": True}}]}
    nested = {"must": [{"nested": {"key": "rows", "filter": inner}}]}

    assert client.ask("POST", "/collections/c/points/count", {"filter": nested}).status_code == 501


def test_what_needs_a_cluster_is_refused_as_a_standalone_server_does(client: HttpClient) -> None:
    """Shard keys can be listed, but not created."""
    client.create("keyed", sharding_method="custom")

    refused = client.ask("PUT", "/collections/keyed/shards", {"shard_key": "eu"})
    written = client.ask("PUT", "/collections/keyed/points", {"points": [{"id": 1, "vector": [1, 1, 1, 1]}]})

    assert refused.json()["status"]["error"] == "Bad request: Distributed mode disabled"
    assert written.json()["status"]["error"] == "Wrong input: Shard key not specified"
    assert client.count("keyed") == 0


def test_telemetry_counts_operations_per_shard(client: HttpClient) -> None:
    """`op_num` grows by one per write and two per index; a snapshot does not change it, and a restore keeps it."""

    def op_num(name: str) -> int:
        listed = client.result("GET", "/telemetry?details_level=3")["collections"]["collections"]
        shards = {one["id"]: one["shards"] for one in listed}[name]
        return int(shards[0]["local"]["update_queue"]["op_num"])

    client.create("c")
    client.upsert("c", {"id": 1, "vector": [1, 1, 1, 1], "payload": {"a": 1}})
    written = op_num("c")
    client.result("PUT", "/collections/c/index", {"field_name": "a", "field_schema": "integer"})
    indexed = op_num("c")
    client.upload("copy", client.snapshot("c"))
    client.upload("again", client.snapshot("copy"))

    assert (written, indexed, op_num("c"), op_num("copy"), op_num("again")) == (1, 3, 3, 3, 3)
