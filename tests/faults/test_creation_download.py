"""Downloads that are cut, reset, slow, replaced: every byte once, or an error that says what happened."""

from __future__ import annotations

import contextlib
import hashlib
import random
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from restore.creation.context import CreationContext
from restore.creation.download import SnapshotReceiver
from restore.errors import DeadlineError, QdrantError
from restore.qdrant.client import connect
from restore.qdrant.model import SnapshotDescription
from restore.qdrant.resumable_download import ReplacedError
from restore.stores.local.writer import open_writable_local_store
from restore.system.clock import Clock
from tests.support.no_output import NoProgress
from tests.support.run_restore import RecordedLog
from tests.support.scripted_server import ETAG, ConnectionScript, ScriptedServer

CONTENT = random.Random(7).randbytes(3_000_000)  # noqa: S311 - the same bytes every time
SHA256 = hashlib.sha256(CONTENT).hexdigest()
RESET_AT = [0, 1, 65_536, 1_048_576, 2_999_999]


def receive(server: ScriptedServer, store: Path, *, stall_seconds: float = 20.0) -> tuple[str, bytes, RecordedLog]:
    """Download into a store and return the checksum, the bytes that were written, and the log."""
    story = RecordedLog()
    made = SnapshotDescription("made.snapshot", len(CONTENT), SHA256)
    qdrant = connect(server.url, "")
    receiver = SnapshotReceiver(
        CreationContext(qdrant=qdrant, clock=Clock(), log=story, progress=NoProgress(), stall_seconds=stall_seconds)
    )
    with contextlib.closing(qdrant), open_writable_local_store(str(store)).receive() as incoming:
        checksum = receiver.receive("cities", made, incoming)
        return checksum, incoming.path.read_bytes(), story


@pytest.mark.parametrize("at", RESET_AT)
@pytest.mark.parametrize("reset", [True, False])
def test_a_cut_download_goes_on_where_it_was_cut(tmp_path: Path, at: int, reset: bool) -> None:  # noqa: FBT001
    """After a reset or a clean early end; by Range and If-Match, because the server ignores If-Range."""
    with ScriptedServer(CONTENT, [ConnectionScript(cut=at, reset=reset)]) as server:
        checksum, written, story = receive(server, tmp_path / "store")
    assert (checksum, written == CONTENT) == (SHA256, True)
    assert len(story.named("snapshot.download_cut")) == 1
    asked = [(one.get("range"), one.get("if-match")) for one in server.requests]
    assert asked == [(None, None), (f"bytes={at}-", ETAG) if at else (None, None)]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 1_500_000), max_size=4), data=st.booleans())
def test_a_download_cut_again_and_again_is_whole(
    tmp_path_factory: pytest.TempPathFactory,
    cuts: list[int],
    data: bool,  # noqa: FBT001
) -> None:
    """The connection is reset at random bytes."""
    manners = [ConnectionScript(cut=cut, reset=data) for cut in cuts]
    with ScriptedServer(CONTENT, manners) as server:
        checksum, written, _ = receive(server, tmp_path_factory.mktemp("store") / "store")
    assert (checksum, written == CONTENT) == (SHA256, True)


def test_every_download_asks_for_the_bytes_as_they_are(tmp_path: Path) -> None:
    """A server compresses for whoever lets it: twice the time, and no length to compare with."""
    with ScriptedServer(CONTENT) as server:
        receive(server, tmp_path / "store")
    assert [one["accept-encoding"] for one in server.requests] == ["identity"]


def test_without_an_etag_a_cut_download_begins_anew(tmp_path: Path) -> None:
    """Snapshots in S3 have no ETag: nothing says that the rest would be of the same file."""
    with ScriptedServer(
        CONTENT, [ConnectionScript(cut=2_000_000, ranges=False), ConnectionScript(ranges=False)]
    ) as server:
        checksum, written, _ = receive(server, tmp_path / "store")
    assert (checksum, written == CONTENT) == (SHA256, True)
    assert [one.get("range") for one in server.requests] == [None, None]


def test_another_file_under_the_same_name_is_noticed_when_it_goes_on(tmp_path: Path) -> None:
    """The entity tag differs, so the server answers 412, and two files are never mixed."""
    manners = [ConnectionScript(cut=1_000_000), ConnectionScript(etag='"4:5:6"')]
    with ScriptedServer(CONTENT, manners) as server, pytest.raises(ReplacedError):
        receive(server, tmp_path / "store")


def test_a_file_of_another_size_is_not_taken(tmp_path: Path) -> None:
    """The size that the server promised is compared with the size that it sends."""
    with ScriptedServer(CONTENT + b"x") as server, pytest.raises(ReplacedError):
        receive(server, tmp_path / "store")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_a_refusal_is_not_tried_again(tmp_path: Path, status: int) -> None:
    """Only transient errors are tried again."""
    with ScriptedServer(CONTENT, [ConnectionScript(status=status)]) as server, pytest.raises(QdrantError) as caught:
        receive(server, tmp_path / "store")
    assert (len(server.requests), isinstance(caught.value, ReplacedError)) == (1, status == 404)


def test_what_may_pass_is_tried_again(tmp_path: Path) -> None:
    """A proxy that has lost its server for a moment, a connection that ends before its answer."""
    manners = [
        ConnectionScript(status=502),
        ConnectionScript(status=503),
        ConnectionScript(cut=500_000),
        ConnectionScript(status=502),
    ]
    with ScriptedServer(CONTENT, manners) as server:
        checksum, _, _ = receive(server, tmp_path / "store")
    assert (checksum, len(server.requests)) == (SHA256, 5)


def test_a_server_that_is_gone_is_given_up_after_the_stall_timeout(tmp_path: Path) -> None:
    """Retries have a limit in time."""
    with ScriptedServer(CONTENT, [ConnectionScript(cut=0)] * 1000) as server:
        begin = time.monotonic()
        with pytest.raises(QdrantError, match="cuts its download again and again"):
            receive(server, tmp_path / "store", stall_seconds=1.0)
        took = time.monotonic() - begin
    assert took < 6.0
    assert len(server.requests) < 20


def test_a_server_that_falls_silent_is_given_up(tmp_path: Path) -> None:
    """After the stall timeout; the message says how many bytes came."""
    with ScriptedServer(CONTENT, [ConnectionScript(cut=1_000_000, pause=30.0, block=1_000_000)]) as server:
        begin = time.monotonic()
        with pytest.raises(DeadlineError) as caught:
            receive(server, tmp_path / "store", stall_seconds=1.0)
        took = time.monotonic() - begin
    assert str(caught.value) == (
        "snapshot 'made.snapshot': the server sent next to nothing for 1 s, 1,000,000 of 3,000,000 bytes had come"
    )
    assert took < 4.0


def test_a_server_that_sends_a_byte_now_and_then_is_given_up(tmp_path: Path) -> None:
    """One byte a minute is no download; here ten a second and a limit of one second."""
    with ScriptedServer(CONTENT, [ConnectionScript(block=1, pause=0.1)]) as server:
        begin = time.monotonic()
        with pytest.raises(DeadlineError, match="sent next to nothing for 1 s"):
            receive(server, tmp_path / "store", stall_seconds=1.0)
        took = time.monotonic() - begin
    assert took < 4.0


def test_a_slow_link_is_not_given_up(tmp_path: Path) -> None:
    """The whole takes longer than the stall timeout, but bytes keep coming."""
    with ScriptedServer(CONTENT, [ConnectionScript(block=300_000, pause=0.25)]) as server:
        checksum, _, _ = receive(server, tmp_path / "store", stall_seconds=1.0)
    assert checksum == SHA256


def test_a_download_takes_no_memory(tmp_path: Path) -> None:
    """Design §6: flat whatever the size. Here 3 MB and 48 MB."""
    peaks = [_measure(CONTENT[: 3 << 20], tmp_path / "small"), _measure(CONTENT * 16, tmp_path / "large")]
    assert peaks[1] < 24 << 20
    assert peaks[1] - peaks[0] < 16 << 20


def _measure(content: bytes, store: Path) -> int:
    made = SnapshotDescription("made.snapshot", len(content), hashlib.sha256(content).hexdigest())
    with ScriptedServer(content) as server, contextlib.closing(connect(server.url, "")) as qdrant:
        receiver = SnapshotReceiver(
            CreationContext(
                qdrant=qdrant, clock=Clock(), log=RecordedLog(), progress=NoProgress(), stall_seconds=20.0
            )
        )
        with open_writable_local_store(str(store)).receive() as incoming:
            tracemalloc.start()
            receiver.receive("cities", made, incoming)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    return peak
