"""The client of Qdrant's HTTP API, over the embedded server and a real one: every method, every kind of answer."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from restore.errors import AuthError, DeadlineError, IntegrityError, QdrantError, RestoreError, SpaceError
from restore.qdrant.client import Qdrant, connect
from restore.qdrant.model import CollectionLimit, RunningOperations, UnreadableCollection
from restore.qdrant.transport.connection import Connection
from restore.qdrant.transport.exchange import PendingResponse, Request, Response
from restore.snapshots.readers import LocalReader
from tests.support.recording_proxy import Fault, RecordingProxy
from tests.support.sample_stores import RECORDED, promised_points
from tests.support.server_under_test import Server, comparable
from tests.support.targets import VECTORS, put_whole, put_written

PLAIN = RECORDED / "plain-1.18.3.snapshot"
CHECKSUM = hashlib.sha256(PLAIN.read_bytes()).hexdigest()


@pytest.fixture
def qdrant(proxy: RecordingProxy, target: Server) -> Iterator[Qdrant]:
    """Yield a client of the server under test, through a proxy."""
    with closing(connect(proxy.url, target.key)) as client:
        yield client


def finish(exchange: PendingResponse) -> Response:
    """Wait for an answer."""
    with closing(exchange):
        for _ in range(200):
            if answer := exchange.poll(0.1):
                return answer
    raise AssertionError("no answer came")


def upload(qdrant: Qdrant, name: str, file: Path, *, checksum: str = CHECKSUM) -> list[int]:
    """Upload a file and return what was told of the progress."""
    output: list[int] = []
    with LocalReader(str(file)) as opened:
        exchange = qdrant.upload_snapshot(
            name,
            opened,
            size=file.stat().st_size,
            file_name="ours.snapshot",
            checksum=checksum,
            on_sent=output.append,
            stall_seconds=10,
        )
    qdrant.read_recovered(name, finish(exchange))
    return output


# --- the server -------------------------------------------------------------------------------------------------


def test_a_ready_server_says_its_version(qdrant: Qdrant, target: Server) -> None:
    """`/readyz` and `/`."""
    qdrant.require_ready()
    assert str(qdrant.get_version()) == target.ask("GET", "/").body["version"]


def test_what_runs_under_a_name_is_nothing_at_first(qdrant: Qdrant, name: str) -> None:
    """Also for a name that does not exist."""
    assert qdrant.read_activity(name) == RunningOperations(0, 0)


def test_a_recovery_is_seen_while_it_runs(qdrant: Qdrant, target: Server, name: str) -> None:
    """The gauge of rule 5: up while it recovers, down afterwards, for a name that is not there yet."""
    seen: list[int] = []
    result = threading.Event()

    def watch() -> None:
        with closing(qdrant.clone()) as clone:
            while not result.is_set():
                seen.append(clone.read_activity(name).recoveries)

    watching = threading.Thread(target=watch)
    watching.start()
    for _ in range(5):
        put_whole(target, name)
    result.set()
    watching.join()
    assert max(seen) == 1
    assert qdrant.read_activity(name) == RunningOperations(0, 0)


def test_room_counts_collections(qdrant: Qdrant, target: Server, name: str) -> None:
    """Rule 4: how many there are; no limit unless the server has one."""
    before = qdrant.read_room()
    target.create(name, vectors=VECTORS)
    assert qdrant.read_room() == CollectionLimit(before.collections + 1, None)


# --- collections ------------------------------------------------------------------------------------------------


def test_creating_is_atomic_and_the_second_is_told(qdrant: Qdrant, name: str) -> None:
    """Rule 4: the lock."""
    body = {"vectors": {}, "metadata": {"token": "a"}}
    assert [qdrant.create_collection(name, body), qdrant.create_collection(name, body)] == [True, False]
    assert name in qdrant.list_collections()


def test_metadata_is_merged_by_its_top_level_keys(qdrant: Qdrant, name: str) -> None:
    """A beat never overwrites a phase; a null deletes its key."""
    qdrant.create_collection(name, {"vectors": {}, "metadata": {"token": "a", "sent": {"kind": "x", "size": 1}}})
    qdrant.patch_metadata(name, {"beat": 7})
    qdrant.patch_metadata(name, {"sent": {"kind": "y"}, "token": None})
    info = qdrant.get_collection(name)
    assert info is not None
    assert not isinstance(info, UnreadableCollection)
    assert info.metadata == {"sent": {"kind": "y"}, "beat": 7}


def test_deleting_says_whether_there_was_anything(qdrant: Qdrant, name: str) -> None:
    """200 with `false` for what is not there."""
    qdrant.create_collection(name, {"vectors": {}})
    assert [qdrant.delete_collection(name), qdrant.delete_collection(name)] == [True, False]


def test_what_is_not_there_is_none(qdrant: Qdrant, name: str) -> None:
    """404 is an answer."""
    assert (qdrant.get_collection(name), qdrant.count_points(name)) == (None, None)


def test_a_collection_is_read_with_its_schema_without_counts(qdrant: Qdrant, target: Server, name: str) -> None:
    """What a comparison needs."""
    put_whole(target, name)
    info = qdrant.get_collection(name)
    assert info is not None
    assert not isinstance(info, UnreadableCollection)
    assert (info.status, info.optimizer_status, info.points, info.deferred_points) == ("green", "ok", 43, 0)
    assert info.metadata == {"owner": "ops", "purpose": "fixture"}
    assert info.payload_schema["pop"] == {"data_type": "integer"}
    assert qdrant.count_points(name) == 43


def test_aliases_are_listed_and_created(qdrant: Qdrant, name: str) -> None:
    """Each with its collection; through an alias the collection behind it is read."""
    qdrant.create_collection(name, {"vectors": {}})
    qdrant.create_alias(f"{name}-alias", name)
    assert qdrant.list_aliases()[f"{name}-alias"] == name
    assert qdrant.get_collection(f"{name}-alias") == qdrant.get_collection(name)


def test_an_index_may_be_created_twice(qdrant: Qdrant, target: Server, name: str) -> None:
    """Rule 7: idempotent for an equal schema, by its short name and by its parameters."""
    put_written(target, name)
    for _ in range(2):
        qdrant.create_payload_index(name, "by", "keyword")
        qdrant.create_payload_index(name, "text", {"type": "text", "tokenizer": "word", "lowercase": True})
    assert target.indexes(name) == ["by", "text"]


# --- points -----------------------------------------------------------------------------------------------------


def test_points_are_retrieved_as_they_are(qdrant: Qdrant, target: Server, name: str) -> None:
    """Payload and vectors; an id that is not there is left out."""
    put_whole(target, name)
    ids = list(promised_points("plain"))
    found = qdrant.retrieve_points(name, [*ids, 987654])
    read = [{"id": point.id, "payload": point.payload, "vector": point.vector} for point in found]
    assert comparable(read) == promised_points("plain")


def test_ids_are_scrolled_in_pages(qdrant: Qdrant, target: Server, name: str) -> None:
    """All of them once, in order; None at the end."""
    put_whole(target, name)
    ids: list[int | str] = []
    offset: int | str | None = None
    for _ in range(5):
        page, offset = qdrant.scroll_points(name, limit=10, offset=offset)
        ids += page
    assert (offset, len(ids), set(ids)) == (None, 43, set(promised_points("plain")))


# --- snapshots --------------------------------------------------------------------------------------------------


def test_an_upload_recovers_and_is_kept_under_its_name(qdrant: Qdrant, target: Server, name: str) -> None:
    """Every byte once, told as it goes."""
    output = upload(qdrant, name, PLAIN)
    assert (output, output[-1]) == (sorted(set(output)), PLAIN.stat().st_size)
    assert target.points(name) == promised_points("plain")
    assert [one.name for one in qdrant.list_snapshots(name)] == ["ours.snapshot"]


def test_an_uploads_file_is_deleted_and_may_be_gone_already(qdrant: Qdrant, name: str) -> None:
    """Rule 7: while the collection is there; twice is no error."""
    upload(qdrant, name, PLAIN)
    assert [one.name for one in qdrant.list_snapshots(name)] == ["ours.snapshot"]
    qdrant.delete_snapshot(name, "ours.snapshot")
    qdrant.delete_snapshot(name, "ours.snapshot")
    assert qdrant.list_snapshots(name) == []


def test_a_file_that_the_server_sees_is_recovered_and_leaves_nothing(
    qdrant: Qdrant, target: Server, name: str
) -> None:
    """Rule 5: with a space, a percent sign, a `#` and a `?` in its name."""
    if target.snapshots is None:
        pytest.skip("the snapshots directory of the server at QDRANT_URL cannot be seen from here")
    file = target.snapshots / "two words 100%#1?.snapshot"
    file.write_bytes(PLAIN.read_bytes())
    answer = finish(qdrant.recover_snapshot(name, path=str(file), checksum=CHECKSUM))
    file.unlink()
    qdrant.read_recovered(name, answer)
    assert (target.points(name), qdrant.list_snapshots(name)) == (promised_points("plain"), [])


def test_a_wrong_checksum_is_an_integrity_error_and_nothing_exists(qdrant: Qdrant, target: Server, name: str) -> None:
    """400, measured; both ways."""
    with pytest.raises(IntegrityError, match="do not have the snapshot's checksum"):
        upload(qdrant, name, PLAIN, checksum="0" * 64)
    assert name not in target.collections()


def test_a_file_that_is_not_there_is_refused(qdrant: Qdrant, target: Server, name: str) -> None:
    """A definite answer of whatever status, with the server's words."""
    answer = finish(qdrant.recover_snapshot(name, path="/nowhere/a.snapshot", checksum=CHECKSUM))
    with pytest.raises(QdrantError) as raised:
        qdrant.read_recovered(name, answer)
    assert raised.value.http_status in {400, 403, 404, 500}
    assert name not in target.collections()


def test_a_snapshot_is_created_listed_downloaded_and_deleted(qdrant: Qdrant, target: Server, name: str) -> None:
    """Name, size and checksum of the answer are those of the bytes."""
    put_written(target, name)
    made = qdrant.read_created(name, finish(qdrant.create_snapshot(name)))
    assert qdrant.list_snapshots(name) == [made]
    with qdrant.download_snapshot(name, made.name) as download:
        assert download is not None
        content = b"".join(iter(lambda: download.read(1 << 20), b""))
        assert (len(content), download.whole_size) == (made.size, made.size)
    assert hashlib.sha256(content).hexdigest() == made.checksum
    assert qdrant.delete_snapshot(name, made.name) is True


def test_a_download_goes_on_where_it_was_cut(qdrant: Qdrant, target: Server, name: str) -> None:
    """`Range` with `If-Match`; another file's ETag, and a file that is gone, give None."""
    put_written(target, name)
    made = qdrant.read_created(name, finish(qdrant.create_snapshot(name)))
    with qdrant.download_snapshot(name, made.name) as first:
        assert first is not None
        etag = first.etag
    with qdrant.download_snapshot(name, made.name, offset=made.size - 5, etag=etag) as rest:
        assert rest is not None
        assert (len(rest.read(10)), rest.whole_size) == (5, made.size)
    with qdrant.download_snapshot(name, made.name, offset=5, etag='"another"') as other:
        assert other is None
    with qdrant.download_snapshot(name, "gone.snapshot") as gone:
        assert gone is None


# --- trouble ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "sentence", "error"),
    [
        (401, "Invalid API key or JWT", AuthError),
        (403, "Forbidden: Global manage access is required", AuthError),
        (403, "Forbidden: Snapshot file /x must be inside snapshots directory", QdrantError),
        (400, "Wrong input: Snapshot checksum mismatch: expected a, got b", IntegrityError),
        (400, "Checksum mismatch: expected a, actual b", IntegrityError),
        (500, "Service internal error: No space left on device (os error 28)", SpaceError),
        (500, "Service internal error: something", QdrantError),
        (404, "Not found: Collection `x` doesn't exist!", QdrantError),
    ],
)
def test_an_answer_has_its_class(  # noqa: PLR0917 - pytest hands them over by name
    qdrant: Qdrant, proxy: RecordingProxy, name: str, status: int, sentence: str, error: type[RestoreError]
) -> None:
    """Each status and text has its class of error, and the sentence repeats the text."""
    body = f'{{"status":{{"error":"{sentence}"}},"time":0.0}}'.encode()
    proxy.inject("recover", Fault(status=status, body=body))
    answer = finish(qdrant.recover_snapshot(name, path="/x", checksum=CHECKSUM))
    with pytest.raises(error) as raised:
        qdrant.read_recovered(name, answer)
    assert type(raised.value) is error


@pytest.mark.parametrize(
    "fault",
    [
        Fault(refused=True),
        Fault(cut_answer=7),
        Fault(raw=b"no HTTP at all\r\n\r\n"),
        Fault(raw=b"HTTP/1.1 200 OK\r\ncontent-le"),
    ],
    ids=["reset", "cut", "no HTTP", "cut head"],
)
def test_a_write_without_an_answer_says_that_it_is_not_known(
    qdrant: Qdrant, proxy: RecordingProxy, name: str, fault: Fault
) -> None:
    """Rule 4: no `http_status`, so nobody takes it for a no; it was sent once."""
    proxy.inject("^PUT", fault)
    with pytest.raises(QdrantError) as raised:
        qdrant.create_collection(name, {"vectors": {}})
    assert (raised.value.http_status, len(proxy.find("^PUT"))) == (None, 1)


def test_a_rate_limit_is_waited_for_as_asked_and_then_given_up(qdrant: Qdrant, proxy: RecordingProxy) -> None:
    """The pause that the server asked for comes before the next try, not after it."""
    proxy.inject("^GET /collections$", Fault(status=429, headers={"retry-after": "1"}), times=1)
    begin = time.monotonic()
    qdrant.list_collections()
    assert (time.monotonic() - begin >= 1, len(proxy.find("^GET /collections$"))) == (True, 2)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500, 501])
def test_what_cannot_pass_is_not_tried_again(qdrant: Qdrant, proxy: RecordingProxy, status: int) -> None:
    """Any 4xx, and a definite 500, fail at once."""
    proxy.inject("^GET /collections$", Fault(status=status))
    with pytest.raises(RestoreError):
        qdrant.list_collections()
    assert len(proxy.find("^GET /collections$")) == 1


def test_a_read_gives_up_in_time(proxy: RecordingProxy) -> None:
    """Transient trouble that does not end fails after the timeout, with the last error."""
    proxy.inject("", Fault(refused=True))
    with closing(connect(proxy.url, "")) as qdrant, pytest.raises(QdrantError, match="lost before an answer came"):
        qdrant._connection.request_with_retry(Request(method="GET", path="/collections"), timeout_seconds=0.5)  # noqa: SLF001
    assert len(proxy.seen) >= 2


def test_a_closed_idle_connection_is_not_used_for_a_write(target: Server, name: str) -> None:
    """A server closes idle connections after 5 s; a write into a closing one would have an unknown result."""
    with RecordingProxy(target.url) as closing_proxy, closing(connect(closing_proxy.url, target.key)) as qdrant:
        qdrant.list_collections()
        closing_proxy.hang_up()
        assert qdrant.create_collection(name, {"vectors": {}}) is True
        assert len(closing_proxy.find("^PUT")) == 1


@pytest.fixture
def trickling_url() -> Iterator[str]:
    """Yield the URL of a server that sends an answer's body one byte in a fifth of a second, for ever."""
    listening = socket.create_server(("127.0.0.1", 0))
    result = threading.Event()

    def serve() -> None:
        client, _ = listening.accept()
        with client:
            client.recv(1 << 16)
            client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
            while not result.wait(0.2):
                client.sendall(b" ")

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    result.set()
    listening.close()


def test_a_server_that_sends_a_byte_now_and_then_is_abandoned(trickling_url: str) -> None:
    """Every request has a limit for the whole answer, not only between two bytes."""
    begin = time.monotonic()
    with closing(Connection(trickling_url, {})) as connection, pytest.raises(QdrantError):
        connection.request(Request(method="GET", path="/collections", seconds=1.0))
    assert 0.9 < time.monotonic() - begin < 3


def test_an_early_no_ends_an_upload(qdrant: Qdrant, proxy: RecordingProxy, name: str, tmp_path: Path) -> None:
    """A proxy's 413 comes before the last byte and is read, not lost in a broken pipe."""
    large = tmp_path / "large.snapshot"
    with large.open("wb") as file:
        file.truncate(64 << 20)
    proxy.inject("snapshots/upload", Fault(early=True, status=413, body=b"<html>413</html>"))
    with pytest.raises(QdrantError, match="a proxy before Qdrant answered 413") as raised:
        upload(qdrant, name, large)
    assert raised.value.http_status == 413


def test_a_stalled_upload_is_a_deadline(name: str, tmp_path: Path) -> None:
    """A server that takes no byte for so long ends with 124, not as "unreachable"."""
    large = tmp_path / "large.snapshot"
    with large.open("wb") as file:
        file.truncate(64 << 20)
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with (
        closing(listening),
        closing(connect(url, "")) as qdrant,
        LocalReader(str(large)) as file,
        pytest.raises(DeadlineError, match="took no byte of the snapshot for 1 s"),
    ):
        qdrant.upload_snapshot(
            name,
            file,
            size=large.stat().st_size,
            file_name="x",
            checksum=CHECKSUM,
            on_sent=lambda _: None,
            stall_seconds=1,
        )


def test_a_file_that_became_shorter_is_not_sent_as_whole(
    qdrant: Qdrant, target: Server, name: str, tmp_path: Path
) -> None:
    """Fewer bytes than promised is an error, and no collection exists afterwards."""
    short = tmp_path / "short.snapshot"
    short.write_bytes(PLAIN.read_bytes()[:100_000])
    with LocalReader(str(short)) as file, pytest.raises(IntegrityError, match="became shorter while it was sent"):
        qdrant.upload_snapshot(
            name,
            file,
            size=PLAIN.stat().st_size,
            file_name="x",
            checksum=CHECKSUM,
            on_sent=lambda _: None,
            stall_seconds=10,
        )
    assert name not in target.collections()


@pytest.mark.parametrize("strange", ["two words", "100%", "a#b", "ünï-🌍", ".hidden", "new\nline", "a&b=c;d"])
def test_any_name_reaches_the_server_as_it_is(
    qdrant: Qdrant, new_name: Callable[[str], str], target: Server, strange: str
) -> None:
    """Names are percent-encoded in every path."""
    name = new_name(strange)
    put_whole(target, name)
    assert name in qdrant.list_collections()
    assert (qdrant.count_points(name), len(qdrant.retrieve_points(name, [1]))) == (43, 1)
