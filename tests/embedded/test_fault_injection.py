"""Injected faults: each happens when asked for, and leaves the state that a real server leaves."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.support.http_client import SNAPSHOTS, HttpClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from qdrant_embedded.process import EmbeddedQdrant

PLAIN = SNAPSHOTS / "plain-1.18.3.snapshot"
NOTHING = {"listed": [], "exists": False, "info": 404, "count": 404, "write": 404, "snapshot": 404}
EMPTY = {"listed": ["t"], "exists": True, "info": 200, "count": 0, "write": 200, "snapshot": 200}
DIRTY = {"listed": ["t"], "exists": True, "info": 500, "count": 500, "write": 500, "snapshot": 500}
WHOLE = {"listed": ["t"], "exists": True, "info": 200, "count": 43, "write": 200, "snapshot": 200}
LEFT_BY_A_KILL = [
    ("received", NOTHING),
    ("unpacking", NOTHING),
    ("before-create", NOTHING),
    ("after-create", EMPTY),
    ("while-moving", DIRTY),
    ("after-move", WHOLE),
]


@pytest.fixture
def misbehaving_server(start: Callable[..., EmbeddedQdrant]) -> EmbeddedQdrant:
    """Start a server with fault injection."""
    return start(misbehaving=True)


def state(client: HttpClient) -> dict[str, Any]:
    """Return what a client sees of the collection `t`; a status where a request is refused."""
    count = client.ask("POST", "/collections/t/points/count", {})
    point = {"points": [{"id": 1000, "vector": [1, 1, 1, 1]}]}
    return {
        "listed": [one["name"] for one in client.result("GET", "/collections")["collections"]],
        "exists": client.result("GET", "/collections/t/exists")["exists"],
        "info": client.ask("GET", "/collections/t").status_code,
        "count": count.json()["result"]["count"] if count.ok else count.status_code,
        "write": client.ask("PUT", "/collections/t/points?wait=true", point).status_code,
        "snapshot": client.ask("POST", "/collections/t/snapshots").status_code,
    }


def in_background(work: Callable[[], requests.Response]) -> tuple[threading.Thread, list[int]]:
    """Send a request from a thread. Its status is appended to the list."""
    statuses: list[int] = []
    thread = threading.Thread(target=lambda: statuses.append(work().status_code))
    thread.start()
    return thread, statuses


@pytest.mark.parametrize(("moment", "left"), LEFT_BY_A_KILL)
def test_a_kill_at_a_moment_of_a_recover_leaves_what_is_measured(
    misbehaving_server: EmbeddedQdrant, moment: str, left: dict[str, Any]
) -> None:
    """After SIGKILL at that moment and a restart, the state is as it was recorded on a real server."""
    client = HttpClient(misbehaving_server.url)
    misbehaving_server.misbehave({"fault": "die", "moment": moment})

    with pytest.raises(requests.ConnectionError):
        client.upload("t", PLAIN)
    died_of = misbehaving_server.wait()
    misbehaving_server.restart()

    assert died_of == -9
    assert state(client) == left
    assert list((misbehaving_server.storage / "tmp").iterdir()) == []


@pytest.mark.parametrize("repair", ["recover", "delete and recover"])
def test_a_dirty_collection_is_repaired_by_a_good_recover(misbehaving_server: EmbeddedQdrant, repair: str) -> None:
    """The next restore repairs it, with or without deleting it first."""
    client = HttpClient(misbehaving_server.url)
    misbehaving_server.misbehave({"fault": "die", "moment": "while-moving"})
    with pytest.raises(requests.ConnectionError):
        client.upload("t", PLAIN)
    misbehaving_server.restart()
    steps = {"recover": [], "delete and recover": [("DELETE", "/collections/t")]}[repair]

    deleted = [client.result(method, path) for method, path in steps]
    answer = client.upload("t", PLAIN)

    assert deleted == [True] * len(steps)
    assert answer.status_code == 200
    assert state(client) == WHOLE


def test_a_kill_while_data_moves_over_an_existing_collection_loses_it(misbehaving_server: EmbeddedQdrant) -> None:
    """The old points are deleted by then: the collection is dirty afterwards, not old."""
    client = HttpClient(misbehaving_server.url)
    client.create("t", vectors={"size": 4, "distance": "Cosine"})
    client.upsert("t", {"id": 5000, "vector": [1, 1, 1, 1]})
    misbehaving_server.misbehave({"fault": "die", "moment": "while-moving"})

    with pytest.raises(requests.ConnectionError):
        client.upload("t", PLAIN)
    misbehaving_server.restart()

    assert state(client) == DIRTY


def test_while_a_recover_is_paused_the_server_answers_and_the_gauge_is_up(misbehaving_server: EmbeddedQdrant) -> None:
    """Listing, telemetry, metrics and writes to others work; the name is counted before the collection exists."""
    client = HttpClient(misbehaving_server.url)
    client.create("other")
    misbehaving_server.misbehave({"fault": "pause", "moment": "unpacking", "seconds": 30})
    thread, statuses = in_background(lambda: client.upload("t", PLAIN))
    misbehaving_server.await_moment("unpacking")

    running = client.result("GET", "/telemetry?details_level=2")["collections"]["snapshots"]
    metrics = client.ask("GET", "/metrics").text
    client.result("PATCH", "/collections/other", {"metadata": {"a": 1}})
    client.upsert("other", {"id": 1, "vector": [1, 1, 1, 1]})
    exists = client.result("GET", "/collections/t/exists")["exists"]
    misbehaving_server.misbehave()
    thread.join()

    gauge = {"running_snapshots": 0, "running_snapshot_recovery": 1, "total_snapshot_creations": 0}
    assert running == [{"id": "t", **gauge}]
    assert 'snapshot_recovery_running{id="t"} 1' in metrics
    assert not exists
    assert statuses == [200]
    assert 'snapshot_recovery_running{id="t"} 0' in client.ask("GET", "/metrics").text


def test_an_upload_is_received_before_its_gauge_rises(misbehaving_server: EmbeddedQdrant) -> None:
    """Paused at `received`, all bytes have arrived, nothing is visible, and no recovery is counted."""
    client = HttpClient(misbehaving_server.url)
    misbehaving_server.misbehave({"fault": "pause", "moment": "received", "seconds": 30})
    thread, statuses = in_background(lambda: client.upload("t", PLAIN))
    misbehaving_server.await_moment("received")

    running = client.result("GET", "/telemetry?details_level=2")["collections"]["snapshots"]
    misbehaving_server.misbehave()
    thread.join()

    assert running == []
    assert statuses == [200]


def test_a_snapshot_that_takes_long_shows_in_the_creations_gauge_and_lets_writes_pass(
    misbehaving_server: EmbeddedQdrant,
) -> None:
    """Points can be written during the creation."""
    client = HttpClient(misbehaving_server.url)
    client.create("t")
    misbehaving_server.misbehave({"fault": "pause", "moment": "creating", "seconds": 30})
    thread, statuses = in_background(lambda: client.ask("POST", "/collections/t/snapshots"))
    misbehaving_server.await_moment("creating")

    client.upsert("t", {"id": 1, "vector": [1, 1, 1, 1]})
    metrics = client.ask("GET", "/metrics").text
    misbehaving_server.misbehave()
    thread.join()

    assert 'snapshot_creation_running{id="t"} 1' in metrics
    assert statuses == [200]


def test_a_recover_during_a_snapshot_fails_the_snapshot(misbehaving_server: EmbeddedQdrant) -> None:
    """As on a real server, the recover gets 200, the snapshot 500, and there is no snapshot file."""
    client = HttpClient(misbehaving_server.url)
    client.upload("t", PLAIN)
    misbehaving_server.misbehave({"fault": "pause", "moment": "creating", "seconds": 30})
    thread, statuses = in_background(lambda: client.ask("POST", "/collections/t/snapshots"))
    misbehaving_server.await_moment("creating")

    recovered = client.upload("t", PLAIN)
    misbehaving_server.misbehave()
    thread.join()

    assert (recovered.status_code, statuses) == (200, [500])
    assert [one["name"] for one in client.result("GET", "/collections/t/snapshots")] == ["up.snapshot"]


@pytest.mark.parametrize("status", [403, 400, 500])
def test_server_files_are_refused_and_uploads_are_not(misbehaving_server: EmbeddedQdrant, status: int) -> None:
    """The fault answers like a server that cannot see the store, with the given status."""
    client = HttpClient(misbehaving_server.url)
    body = {"status": {"error": "refused"}, "time": 0.0}
    misbehaving_server.misbehave({"fault": "fail", "path": "snapshots/recover", "status": status, "body": body})

    refused = client.ask("PUT", "/collections/t/snapshots/recover", {"location": "file:///x"})
    uploaded = client.upload("t", PLAIN)

    assert (refused.status_code, refused.json()) == (status, body)
    assert uploaded.status_code == 200


def test_a_failure_happens_so_many_times(misbehaving_server: EmbeddedQdrant) -> None:
    """It is a rate limit with Retry-After, twice, then success."""
    client = HttpClient(misbehaving_server.url)
    limited = {
        "fault": "fail",
        "path": "GET /collections$",
        "status": 429,
        "headers": {"Retry-After": "1"},
        "times": 2,
    }
    misbehaving_server.misbehave(limited)

    answers = [client.ask("GET", "/collections") for _ in range(3)]

    assert [one.status_code for one in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "1"


def test_a_proxy_in_front_refuses_large_bodies_with_html(misbehaving_server: EmbeddedQdrant) -> None:
    """The response is 413 with an HTML page, before the body is read."""
    page = "<html><h1>413 Request Entity Too Large</h1></html>"
    misbehaving_server.misbehave({"fault": "fail", "path": "snapshots/upload", "status": 413, "body": page})

    answer = HttpClient(misbehaving_server.url).upload("t", b"small")

    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (
        413,
        page,
        "text/html; charset=utf-8",
    )


@pytest.mark.parametrize("reset", [False, True])
def test_a_download_is_cut_after_so_many_bytes_and_goes_on_later(
    misbehaving_server: EmbeddedQdrant, *, reset: bool
) -> None:
    """The rest can be downloaded by a range."""
    client = HttpClient(misbehaving_server.url)
    client.upload("t", PLAIN)
    path = f"/collections/t/snapshots/{client.result('POST', '/collections/t/snapshots')['name']}"
    whole = client.ask("GET", path).content
    misbehaving_server.misbehave(
        {"fault": "cut", "path": "GET .*/snapshots/t-", "bytes": 70_000, "reset": reset, "times": 1}
    )

    chunks = client.ask("GET", path, stream=True).iter_content(1000)
    parts: list[bytes] = []
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        parts.extend(chunks)
    received = b"".join(parts)
    rest = client.ask("GET", path, headers={"range": f"bytes={len(received)}-"})

    assert len(received) <= 70_000
    assert rest.status_code == 206
    assert received + rest.content == whole


def test_a_lost_answer_belongs_to_work_that_was_done(misbehaving_server: EmbeddedQdrant) -> None:
    """The connection ends without an answer, and the collection exists."""
    client = HttpClient(misbehaving_server.url)
    misbehaving_server.misbehave({"fault": "lost", "path": "PUT /collections/t", "times": 1})

    with pytest.raises(requests.ConnectionError):
        client.create("t")

    assert client.count("t") == 0


def test_it_dies_after_the_work_of_a_request(misbehaving_server: EmbeddedQdrant) -> None:
    """A collection that was created without an answer survives the kill."""
    client = HttpClient(misbehaving_server.url)
    misbehaving_server.misbehave({"fault": "die", "path": "PUT /collections/t"})

    with pytest.raises(requests.ConnectionError):
        client.create("t")
    misbehaving_server.wait()
    misbehaving_server.restart()

    assert client.count("t") == 0


def test_it_answers_late(misbehaving_server: EmbeddedQdrant) -> None:
    """Only requests to that path are delayed."""
    client = HttpClient(misbehaving_server.url)
    misbehaving_server.misbehave({"fault": "slow", "path": "GET /aliases", "seconds": 0.5})

    began = time.monotonic()
    client.result("GET", "/collections")
    others = time.monotonic() - began
    client.result("GET", "/aliases")
    late = time.monotonic() - began

    assert others < 0.5 <= late


def test_it_never_answers(misbehaving_server: EmbeddedQdrant) -> None:
    """A client with a timeout runs into it."""
    misbehaving_server.misbehave({"fault": "silent", "path": "GET /collections"})

    with pytest.raises(requests.ReadTimeout):
        requests.get(f"{misbehaving_server.url}/collections", timeout=0.5)


def test_it_has_room_for_so_many_collections(misbehaving_server: EmbeddedQdrant) -> None:
    """The next one is refused with the server's message, by creation and by recover alike."""
    client = HttpClient(misbehaving_server.url)
    client.create("first")
    misbehaving_server.misbehave({"fault": "limit", "collections": 1})
    words = "Bad request: Can't create collection with name t. Max collections limit reached: 1"

    created = client.ask("PUT", "/collections/t", {"vectors": {}})
    uploaded = client.upload("t", PLAIN)

    assert (created.status_code, created.json()["status"]["error"]) == (400, words)
    assert (uploaded.status_code, uploaded.json()["status"]["error"]) == (400, words)


def test_it_says_that_it_is_another_version(misbehaving_server: EmbeddedQdrant) -> None:
    """The version is in the root document, telemetry and metrics."""
    client = HttpClient(misbehaving_server.url)
    misbehaving_server.misbehave({"fault": "version", "version": "1.15.4"})

    assert client.ask("GET", "/").json()["version"] == "1.15.4"
    assert client.result("GET", "/telemetry")["app"]["version"] == "1.15.4"
    assert 'app_info{name="qdrant",version="1.15.4"} 1' in client.ask("GET", "/metrics").text


def test_a_fault_may_be_there_from_the_start(start: Callable[..., EmbeddedQdrant]) -> None:
    """A fault on the command line is active before the first request."""
    qdrant = start(arguments=["--misbehave", '{"fault": "version", "version": "1.16.3"}'])

    assert HttpClient(qdrant.url).ask("GET", "/").json()["version"] == "1.16.3"


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "explode"},
        {"fault": "die", "moment": "noon"},
        {"fault": "die"},
        {"fault": "pause", "moment": "unpacking"},
        {"fault": "slow", "seconds": 1},
        {"fault": "fail", "path": "(", "status": 500},
        {"moment": "unpacking"},
        "die",
    ],
)
def test_a_fault_that_would_never_come_is_refused(misbehaving_server: EmbeddedQdrant, fault: object) -> None:
    """A misspelt fault must not look like a passed test."""
    assert HttpClient(misbehaving_server.url).ask("PUT", "/__misbehave", [fault]).status_code == 400


def test_without_permission_there_is_no_switchboard(start: Callable[..., EmbeddedQdrant]) -> None:
    """Without the option, the server has no such path."""
    assert HttpClient(start().url).ask("PUT", "/__misbehave", []).status_code == 404
