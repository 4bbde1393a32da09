"""Snapshot files over HTTP: download in parts, upload, recover from files and URLs, delete."""

from __future__ import annotations

import hashlib
import socket
import tarfile
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.support.http_client import SNAPSHOTS, HttpClient

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qdrant_embedded.process import EmbeddedQdrant

PLAIN = SNAPSHOTS / "plain-1.18.3.snapshot"
CHECKSUM = hashlib.sha256(PLAIN.read_bytes()).hexdigest()
NO_CHECKSUM = "0" * 64


@pytest.fixture
def made(embedded_or_real: HttpClient) -> tuple[str, bytes]:
    """Create a snapshot of a filled collection. Return its path and its bytes."""
    embedded_or_real.upload("t", PLAIN)
    path = f"/collections/t/snapshots/{embedded_or_real.result('POST', '/collections/t/snapshots')['name']}"
    return path, embedded_or_real.ask("GET", path).content


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=5-9", slice(5, 10)),
        ("bytes=1000-", slice(1000, None)),
        ("bytes=-10", slice(-10, None)),
        ("bytes=7-9999999", slice(7, None)),
    ],
)
def test_a_range_gives_exactly_its_bytes(
    embedded_or_real: HttpClient, made: tuple[str, bytes], wanted: str, part: slice
) -> None:
    """The response is 206 with the range within the whole file."""
    path, content = made
    begin, end, _ = part.indices(len(content))

    answer = embedded_or_real.ask("GET", path, headers={"range": wanted})

    assert (answer.status_code, answer.content) == (206, content[part])
    assert answer.headers["content-range"] == f"bytes {begin}-{end - 1}/{len(content)}"


def test_if_match_decides_and_if_range_is_not_looked_at(
    embedded_or_real: HttpClient, made: tuple[str, bytes]
) -> None:
    """A stale ETag is 412 with If-Match; with If-Range the range is sent all the same."""
    path, content = made
    etag = embedded_or_real.ask("GET", path, headers={"range": "bytes=0-0"}).headers["etag"]

    good = embedded_or_real.ask("GET", path, headers={"range": "bytes=5-9", "if-match": etag})
    stale = embedded_or_real.ask("GET", path, headers={"range": "bytes=5-9", "if-match": '"x"'})
    ignored = embedded_or_real.ask("GET", path, headers={"range": "bytes=5-9", "if-range": '"x"'})

    assert (good.status_code, good.content) == (206, content[5:10])
    assert (stale.status_code, stale.content) == (412, b"")
    assert (ignored.status_code, ignored.content) == (206, content[5:10])


def test_a_range_beyond_the_end_is_416(embedded_or_real: HttpClient, made: tuple[str, bytes]) -> None:
    """The response names the file's size."""
    path, content = made

    answer = embedded_or_real.ask("GET", path, headers={"range": f"bytes={len(content)}-"})

    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(content)}")


def test_a_client_that_takes_gzip_gets_gzip_without_a_length(
    embedded_or_real: HttpClient, made: tuple[str, bytes]
) -> None:
    """As on a real server: a client that stores the raw bytes has no tar archive."""
    path, content = made

    answer = embedded_or_real.ask("GET", path, headers={"accept-encoding": "gzip"})

    assert answer.headers["content-encoding"] == "gzip"
    assert "content-length" not in answer.headers
    assert answer.content == content


def test_a_snapshot_has_the_members_of_a_servers_in_their_order(
    embedded_or_real: HttpClient, made: tuple[str, bytes], tmp_path: Path
) -> None:
    """Shards come first, the configuration near the end; the checksum file is the file's checksum."""
    _, content = made
    (tmp_path / "s").write_bytes(content)

    with tarfile.open(tmp_path / "s") as archive:
        names = archive.getnames()
    described = embedded_or_real.result("GET", "/collections/t/snapshots")

    assert names[0].startswith("0/segments/")
    assert names[0].endswith(".tar")
    assert names[1].startswith("0/wal/")
    assert names[-6:-4] == ["0/replica_state.json", "0/shard_config.json"]
    assert names[-4:] == ["version.info", "config.json", "shard_key_mapping.json", "payload_index.json"]
    assert hashlib.sha256(content).hexdigest() in [one.get("checksum") for one in described]


def test_an_uploaded_file_stays_under_its_name_and_is_overwritten_by_its_like(embedded_or_real: HttpClient) -> None:
    """It is listed without a checksum, after success and failure; only the last part of its path counts."""
    embedded_or_real.upload("t", PLAIN, "mine.snapshot")
    sizes = [one["size"] for one in embedded_or_real.result("GET", "/collections/t/snapshots")]

    failed = embedded_or_real.upload("t", b"garbage" * 200, "../../mine.snapshot")
    after = embedded_or_real.result("GET", "/collections/t/snapshots")
    deleted = embedded_or_real.result("DELETE", "/collections/t/snapshots/mine.snapshot")

    assert sizes == [PLAIN.stat().st_size]
    assert failed.status_code == 500
    assert [(one["name"], one["size"], "checksum" in one) for one in after] == [("mine.snapshot", 1400, False)]
    assert deleted is True
    assert embedded_or_real.result("GET", "/collections/t/snapshots") == []


@pytest.mark.parametrize(
    ("content", "status"),
    [
        pytest.param(PLAIN.read_bytes()[:-1024], 200, id="without its end marker"),
        pytest.param(PLAIN.read_bytes()[:100_000], 500, id="cut in half"),
        pytest.param(b"garbage" * 1000, 500, id="no archive"),
        pytest.param(b"", 500, id="empty"),
        pytest.param(bytes(10_240), 500, id="an archive of nothing"),
    ],
)
def test_a_broken_upload_fails_and_leaves_no_collection(
    server: EmbeddedQdrant, client: HttpClient, content: bytes, status: int
) -> None:
    """Only a missing end marker is not noticed; temporary files are removed in each case."""
    answer = client.upload("t", content)

    assert answer.status_code == status
    assert client.result("GET", "/collections/t/exists")["exists"] == (status == 200)
    assert list((server.storage / "tmp").iterdir()) == []
    assert list((server.snapshots / "tmp").iterdir()) == []


def test_a_checksum_is_compared_before_anything_happens(embedded_or_real: HttpClient) -> None:
    """The right checksum passes in upper and lower case; with a wrong one the response is 400 and no file is kept."""
    wrong = embedded_or_real.upload("wrong", PLAIN, checksum=NO_CHECKSUM)
    right = embedded_or_real.upload("right", PLAIN, checksum=CHECKSUM.upper())

    assert wrong.json()["status"]["error"] == f"Checksum mismatch: expected {CHECKSUM}, actual {NO_CHECKSUM}"
    assert embedded_or_real.result("GET", "/collections/wrong/exists") == {"exists": False}
    assert right.status_code == 200


def test_an_upload_that_is_not_waited_for_is_202_and_done_later(embedded_or_real: HttpClient) -> None:
    """The failure of another such upload is not reported."""
    good = embedded_or_real.upload("t", PLAIN, wait="false")
    misbehaving_server = embedded_or_real.upload("never", b"garbage" * 200, wait="false")
    deadline = time.monotonic() + 10
    while embedded_or_real.ask("POST", "/collections/t/points/count", {}).json().get("result") != {"count": 43}:
        assert time.monotonic() < deadline

    assert (good.status_code, misbehaving_server.status_code) == (202, 202)
    assert embedded_or_real.result("GET", "/collections/never/exists") == {"exists": False}


def test_another_vector_size_is_refused_with_both_written_out(embedded_or_real: HttpClient) -> None:
    """The response is 400, and the existing collection keeps its points."""
    embedded_or_real.create("t", vectors={"size": 8, "distance": "Cosine", "on_disk": True})
    embedded_or_real.upsert("t", {"id": 1, "vector": [1] * 8})

    answer = embedded_or_real.upload("t", PLAIN)

    rest = "hnsw_config: None, quantization_config: None"
    expected = (
        "Wrong input: Snapshot is not compatible with existing collection: Collection vectors: "
        f"Single(VectorParams {{ size: 8, distance: Cosine, {rest}, on_disk: Some(true), datatype: None, "
        f"multivector_config: None }}) Snapshot Vectors: Single(VectorParams {{ size: 4, distance: Cosine, {rest}, "
        "on_disk: None, datatype: None, multivector_config: None })"
    )
    assert (answer.status_code, answer.json()["status"]["error"]) == (400, expected)
    assert embedded_or_real.count("t") == 1


def test_an_existing_collection_keeps_its_settings_and_takes_the_points(embedded_or_real: HttpClient) -> None:
    """Its HNSW settings and its metadata stay; its payload indexes are built over the new points."""
    vectors = {"size": 4, "distance": "Cosine"}
    embedded_or_real.create("t", vectors=vectors, hnsw_config={"m": 5}, metadata={"mine": True})
    embedded_or_real.result("PUT", "/collections/t/index?wait=true", {"field_name": "pop", "field_schema": "float"})
    embedded_or_real.upsert("t", {"id": 5000, "vector": [1, 1, 1, 1]})

    embedded_or_real.upload("t", PLAIN)
    info = embedded_or_real.result("GET", "/collections/t")

    assert embedded_or_real.count("t") == 43
    assert (info["config"]["hnsw_config"]["m"], info["config"]["metadata"]) == (5, {"mine": True})
    assert info["payload_schema"]["pop"] == {"data_type": "float", "points": 38}
    assert set(info["payload_schema"]) == {"pop", "when", "geo", "name", "ok", "ünï", "f"}


@pytest.fixture
def recover(client: HttpClient) -> Callable[..., Any]:
    """Return a function that recovers the collection `t` from a location."""

    def recovering(location: str, **body: object) -> Any:  # noqa: ANN401 - a response
        return client.ask("PUT", "/collections/t/snapshots/recover", {"location": location, **body})

    return recovering


def test_a_link_below_the_snapshots_directory_is_followed_inside_it(
    server: EmbeddedQdrant, client: HttpClient, recover: Callable[..., Any], tmp_path: Path
) -> None:
    """A relative link to a sibling is followed, one that leads outside is 403, a dangling one 400."""
    store = server.snapshots / "shared"
    store.mkdir(exist_ok=True)
    (store / "real one #1.snapshot").write_bytes(PLAIN.read_bytes())
    (tmp_path / "outside.snapshot").write_bytes(PLAIN.read_bytes())
    for name, target in {
        "latest": "real one #1.snapshot",
        "outside": str(tmp_path / "outside.snapshot"),
        "dangling": "gone",
    }.items():
        (store / name).unlink(missing_ok=True)
        (store / name).symlink_to(target)

    statuses = {name: recover(f"file://{store / name}").status_code for name in ("latest", "outside", "dangling")}
    direct = recover("file://" + quote(str(store / "real one #1.snapshot")), checksum=CHECKSUM, priority="snapshot")

    assert statuses == {"latest": 200, "outside": 403, "dangling": 400}
    assert direct.status_code == 200
    assert client.result("GET", "/collections/t/snapshots") == []


def test_recover_wants_the_right_checksum(recover: Callable[..., Any], server: EmbeddedQdrant) -> None:
    """The message is the server's, in which "expected" is the request's checksum."""
    (server.snapshots / "seed").mkdir(exist_ok=True)
    (server.snapshots / "seed" / "one.snapshot").write_bytes(PLAIN.read_bytes())

    answer = recover(f"file://{server.snapshots}/seed/one.snapshot", checksum=NO_CHECKSUM)

    expected = f"Wrong input: Snapshot checksum mismatch: expected {NO_CHECKSUM}, got {CHECKSUM}"
    assert (answer.status_code, answer.json()["status"]["error"]) == (400, expected)


def test_recover_fetches_from_another_server_with_its_key(
    client: HttpClient, recover: Callable[..., Any], start: Callable[..., EmbeddedQdrant]
) -> None:
    """The key in the body is for that server; without it, its refusal becomes a 400."""
    other = HttpClient(start(api_key="theirs").url, "theirs")
    other.upload("far", PLAIN, "far.snapshot")
    location = f"{other.url}/collections/far/snapshots/far.snapshot"

    without = recover(location)
    fetched = recover(location, api_key="theirs", checksum=CHECKSUM)

    assert (without.status_code, fetched.status_code) == (400, 200)
    assert client.points("t") == other.points("far")


def test_of_two_recovers_of_a_missing_collection_one_gets_409(start: Callable[..., EmbeddedQdrant]) -> None:
    """Both unpack at the same time and one creates; the data is complete."""
    qdrant = start(misbehaving=True)
    client = HttpClient(qdrant.url)
    qdrant.misbehave({"fault": "pause", "moment": "before-create", "seconds": 30})
    statuses: list[int] = []

    def upload(name: str) -> None:
        statuses.append(client.upload("t", PLAIN, name).status_code)

    threads = [threading.Thread(target=upload, args=(f"{number}.snapshot",)) for number in range(2)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 10
    while qdrant.reached().count("before-create") < 2:
        assert time.monotonic() < deadline
    qdrant.misbehave()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [200, 409]
    assert client.count("t") == 43


def half_sent(qdrant: EmbeddedQdrant, share: float) -> None:
    """Upload that share of a snapshot's form, then close the connection."""
    head = b'--b\r\nContent-Disposition: form-data; name="snapshot"; filename="up.snapshot"\r\n\r\n'
    form = head + PLAIN.read_bytes() + b"\r\n--b--\r\n"
    lines = [
        "POST /collections/t/snapshots/upload HTTP/1.1",
        "Host: localhost",
        "Content-Type: multipart/form-data; boundary=b",
        f"Content-Length: {len(form)}",
    ]
    with socket.create_connection(("127.0.0.1", qdrant.port)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + form[: int(len(form) * share)])
        time.sleep(0.3)


def test_a_client_that_dies_before_its_last_byte_is_forgotten(start: Callable[..., EmbeddedQdrant]) -> None:
    """There is no collection, no file, and nothing temporary."""
    qdrant = start()

    half_sent(qdrant, 0.9)
    time.sleep(0.3)

    assert HttpClient(qdrant.url).result("GET", "/collections") == {"collections": []}
    assert [path for path in qdrant.snapshots.rglob("*") if path.is_file()] == []


def test_a_client_that_dies_after_its_last_byte_gets_its_restore(start: Callable[..., EmbeddedQdrant]) -> None:
    """The server recovers all the same, as a real one does."""
    qdrant = start(misbehaving=True)
    client = HttpClient(qdrant.url)
    qdrant.misbehave({"fault": "pause", "moment": "unpacking", "seconds": 30})

    half_sent(qdrant, 1)
    qdrant.await_moment("unpacking")
    qdrant.misbehave()
    deadline = time.monotonic() + 10
    while client.ask("POST", "/collections/t/points/count", {}).json().get("result") != {"count": 43}:
        assert time.monotonic() < deadline

    assert client.count("t") == 43


def test_custom_sharding_restores_to_no_shards_with_200(embedded_or_real: HttpClient) -> None:
    """As on a real server, the result is true and the collection is empty."""
    embedded_or_real.create("keyed", sharding_method="custom")

    answer = embedded_or_real.upload("copy", embedded_or_real.snapshot("keyed"))

    assert answer.json()["result"] is True
    assert embedded_or_real.count("copy") == 0
    assert embedded_or_real.result("GET", "/collections/copy/cluster")["shard_count"] == 0


def test_rocksdb_era_segments_are_refused(client: HttpClient, made: tuple[str, bytes], tmp_path: Path) -> None:
    """The engine would load them without points and without an error."""
    (tmp_path / "old.snapshot").write_bytes(made[1])
    inner = tmp_path / "inner.tar"
    with tarfile.open(inner, "w") as segment:
        segment.add(tmp_path / "old.snapshot", "snapshot/db_backup/CURRENT")
    with tarfile.open(tmp_path / "old.snapshot", "a") as archive:
        archive.add(inner, "0/segments/old.tar")

    answer = client.upload("copy", tmp_path / "old.snapshot")

    assert answer.json()["status"]["error"] == (
        "Service internal error: RocksDB is not supported in this Qdrant version"
    )
    assert client.result("GET", "/collections/copy/exists") == {"exists": False}


def test_full_and_shard_snapshots_can_be_made_listed_fetched_and_deleted(embedded_or_real: HttpClient) -> None:
    """Their members are those of a server: collection snapshots and a mapping; a shard has no configuration."""
    embedded_or_real.upload("t", PLAIN)
    shelves = ("/snapshots", "/collections/t/shards/0/snapshots")

    made = [embedded_or_real.result("POST", path) for path in shelves]
    listed = [embedded_or_real.result("GET", path) for path in shelves]
    contents = [
        embedded_or_real.ask("GET", f"{path}/{one['name']}").content for path, one in zip(shelves, made, strict=True)
    ]
    deleted = [
        embedded_or_real.result("DELETE", f"{path}/{one['name']}") for path, one in zip(shelves, made, strict=True)
    ]

    assert [one in there for one, there in zip(made, listed, strict=True)] == [True, True]
    assert [hashlib.sha256(one).hexdigest() for one in contents] == [one["checksum"] for one in made]
    assert deleted == [True, True]
