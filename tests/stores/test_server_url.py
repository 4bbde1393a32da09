"""The server under test reads a bucket itself, from a signed URL: embedded, or the real one at `QDRANT_URL`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.bucket_servers import BucketServer
from tests.support.program import run_program
from tests.support.recording_proxy import Fault, RecordingProxy
from tests.support.server_under_test import Server
from tests.support.store_harness import make_bucket_harness

pytestmark = pytest.mark.xdist_group("buckets")

KINDS = ("minio", "azurite")
Run = Callable[..., dict[str, Any]]


@pytest.fixture(params=KINDS)
def bucket(request: pytest.FixtureRequest) -> BucketServer:
    """Return a server of buckets whose URLs can be signed."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


@pytest.fixture
def run(bucket: BucketServer, target: Server, name: str, tmp_path: Path) -> Run:
    """Return a runner of commands about a collection of 500 points, of which a snapshot lies in the bucket."""
    harness = make_bucket_harness(bucket)
    target.create(name, vectors={"size": 4, "distance": "Dot"})
    target.upsert(name, range(1, 501))

    def tell(command: str, *arguments: str, url: str = "") -> dict[str, Any]:
        environment = {**bucket.environment, "RESTORE_STORE": harness.name, "QDRANT_URL": url or target.url}
        if target.key:
            environment["QDRANT_API_KEY"] = target.key
        result = run_program(command, name, "--json", *arguments, cwd=tmp_path, environment=environment, timeout=90)
        assert "X-Amz" not in result.stdout + result.stderr
        assert "sig=" not in result.stdout + result.stderr
        (found,) = json.loads(result.stdout)["outcomes"]
        return dict(found)

    assert tell("snapshot")["status"] == 0
    return tell


def test_a_restore_by_url_brings_back_every_point(run: Run, target: Server, name: str) -> None:
    """Auto tries it first where the store is remote and the bytes are plain."""
    before = target.points(name)
    target.drop(name)
    found = run("restore")
    assert (found["result"], found["transfer"], found["points"]) == ("restored", "server-url", 500)
    assert target.points(name) == before


@pytest.mark.parametrize("transfer", ["auto", "server-url"])
def test_a_drill_by_url_proves_it_and_leaves_nothing(run: Run, target: Server, name: str, transfer: str) -> None:
    """Whatever way it came, what stands there is compared with the manifest."""
    found = run("drill", "--transfer", transfer)
    assert (found["result"], found["transfer"], found["points"]) == ("proven", "server-url", 500)
    assert [one for one in target.collections() if one == found["scratch"]] == []


@pytest.mark.parametrize("command", ["restore", "drill"])
def test_where_the_server_forbids_urls_an_upload_follows(run: Run, target: Server, name: str, command: str) -> None:
    """403, as Qdrant says it where `enable_snapshot_url_recovery` is false; asked for alone, it is an error."""
    output = b'{"status":{"error":"Forbidden: Snapshot recovery from remote URLs is disabled"},"time":0.0}'
    target.drop(name)
    with RecordingProxy(target.url) as proxy:
        proxy.inject("PUT .*snapshots/recover", Fault(status=403, body=output))
        alone = run(command, "--transfer", "server-url", url=proxy.url)
        found = run(command, url=proxy.url)
        asked, sent = len(proxy.find("PUT .*snapshots/recover")), len(proxy.find("POST .*snapshots/upload"))
    assert (alone["status"], "403" in alone["message"]) == (17, True)
    assert (found["status"], found["transfer"], asked, sent) == (0, "upload", 2, 1)


def test_a_url_that_the_server_cannot_reach_is_followed_by_an_upload(run: Run, target: Server, name: str) -> None:
    """A bucket that only we can reach: the server's own error leads to the next way."""
    target.drop(name)
    with RecordingProxy(target.url) as proxy:
        proxy.inject(
            "PUT .*snapshots/recover", Fault(status=500, body=b'{"status":{"error":"error sending request"}}')
        )
        found = run("restore", url=proxy.url)
    assert (found["result"], found["transfer"], target.count(name)) == ("restored", "upload", 500)
