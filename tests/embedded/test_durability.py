"""Every acknowledged write is there after a stop, a restart and a kill -9."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.http_client import SNAPSHOTS, HttpClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from qdrant_embedded.process import EmbeddedQdrant

KILLS = [pytest.param(True, id="killed"), pytest.param(False, id="stopped")]


@pytest.mark.parametrize("kill", KILLS)
def test_everything_acknowledged_survives(start: Callable[..., EmbeddedQdrant], *, kill: bool) -> None:
    """These are points, deletions, payload indexes, metadata, aliases, snapshots, and the number of operations."""
    qdrant = start()
    client = HttpClient(qdrant.url)
    client.create("cities", metadata={"a": 1, "b": 2})
    client.create("bare", vectors={})
    client.upsert("cities", *({"id": one, "vector": [one, 1, 1, 1], "payload": {"n": one}} for one in range(50)))
    client.result("POST", "/collections/cities/points/delete", {"points": [7]})
    client.result("PUT", "/collections/cities/index", {"field_name": "n", "field_schema": "integer"})
    client.result("PATCH", "/collections/cities", {"metadata": {"b": None, "c": 3}})
    alias = {"create_alias": {"collection_name": "cities", "alias_name": "towns"}}
    client.result("POST", "/collections/aliases", {"actions": [alias]})
    client.result("POST", "/collections/cities/snapshots")
    before = everything(client)

    qdrant.restart(kill=kill)

    assert everything(client) == before
    assert client.count("towns") == 49


def everything(client: HttpClient) -> dict[str, object]:
    """Return all that a client can see of a server."""
    shards = client.result("GET", "/telemetry?details_level=3")["collections"]["collections"]
    return {
        "collections": client.result("GET", "/collections"),
        "aliases": client.result("GET", "/aliases"),
        "info": client.result("GET", "/collections/cities"),
        "points": client.points("cities"),
        "snapshots": client.result("GET", "/collections/cities/snapshots"),
        "op_num": [one["local"]["update_queue"] for collection in shards for one in collection["shards"]],
    }


@pytest.mark.parametrize("kill", KILLS)
def test_a_restored_collection_survives(start: Callable[..., EmbeddedQdrant], *, kill: bool) -> None:
    """The data of a real server's snapshot survives, and the writes after it."""
    qdrant = start()
    client = HttpClient(qdrant.url)
    client.upload("plain", SNAPSHOTS / "plain-1.18.3.snapshot")
    client.upsert("plain", {"id": 1, "vector": [1, 0, 0, 0], "payload": {"new": True}})
    before = client.points("plain")

    qdrant.restart(kill=kill)

    assert client.points("plain") == before


def test_every_write_before_a_kill_is_there(start: Callable[..., EmbeddedQdrant]) -> None:
    """Forty small writes are acknowledged, none is flushed, then SIGKILL."""
    qdrant = start()
    client = HttpClient(qdrant.url)
    client.create("busy")
    for one in range(40):
        client.upsert("busy", {"id": one, "vector": [one, 1, 1, 1]})

    qdrant.kill()
    qdrant.start()

    assert client.count("busy") == 40


def test_a_write_that_was_refused_does_not_come_back(start: Callable[..., EmbeddedQdrant]) -> None:
    """A wrong dimension is refused before it is logged, so it is not there when the log is replayed."""
    qdrant = start()
    client = HttpClient(qdrant.url)
    client.create("strict")
    client.upsert("strict", {"id": 1, "vector": [1, 1, 1, 1]})
    wrong = {"points": [{"id": 2, "vector": [1, 1]}, {"id": 3, "vector": {"nope": [1, 1, 1, 1]}}]}
    refused = client.ask("PUT", "/collections/strict/points", wrong)

    qdrant.restart(kill=True)

    assert refused.status_code == 400
    assert client.ids("strict", {}) == [1]


def test_a_directory_without_configuration_is_no_collection(start: Callable[..., EmbeddedQdrant]) -> None:
    """A kill during a creation may leave it: it is not listed, and its name can be used."""
    qdrant = start()
    qdrant.stop()
    (qdrant.storage / "collections" / "half").mkdir()
    qdrant.start()
    client = HttpClient(qdrant.url)

    assert client.result("GET", "/collections") == {"collections": []}
    client.create("half")
    assert client.count("half") == 0


def test_stopping_is_quick_and_quiet(start: Callable[..., EmbeddedQdrant]) -> None:
    """SIGTERM ends it with 0 and nothing on stderr, even while an upload waits in a pause."""
    qdrant = start(misbehaving=True)
    client = HttpClient(qdrant.url)
    client.create("cities")
    qdrant.misbehave({"fault": "pause", "moment": "creating", "seconds": 60})
    client.ask("POST", "/collections/cities/snapshots?wait=false")
    qdrant.await_moment("creating")

    qdrant.stop()

    assert qdrant.exit_status == 0
    assert qdrant.stderr == ""
