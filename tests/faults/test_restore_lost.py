"""Answers that never came, came cut, or came from somebody else: what was asked may have been done."""

from __future__ import annotations

import io
import tarfile
import threading
import time
from pathlib import Path

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from restore.qdrant.collection_names import name_upload
from tests.support.fast_clock import FastClock
from tests.support.recording_proxy import Fault, Seen
from tests.support.restore_environment import Ground
from tests.support.sample_stores import describe
from tests.support.server_under_test import path
from tests.support.targets import make_other, make_same

UPLOADING = r"POST .*snapshots/upload"
RECOVERING = r"PUT .*snapshots/recover"
GATEWAY = b"<html><body><h1>504 Gateway Time-out</h1></body></html>"


@pytest.mark.parametrize("fault", [Fault(lost=True), Fault(refused=True)], ids=["lost", "refused"])
@pytest.mark.parametrize(
    "request_line",
    [
        r"^PUT {mark}$",
        r"^PATCH {mark}$",
        r"^DELETE {mark}$",
        r"^POST {target}/snapshots/upload",
        r"^DELETE {target}/snapshots/",
    ],
    ids=["create mark", "patch mark", "delete mark", "upload", "delete upload"],
)
def test_a_write_without_an_answer_is_found_out_about(ground: Ground, request_line: str, fault: Fault) -> None:
    """Rules 4, 5, 8: whether it was done or not, the restore ends whole, with no mark and no file."""
    ground.add()
    line = request_line.format(mark=path(ground.mark), target=ground.path)
    ground.proxy.inject(line, fault, times=1)
    outcome = ground.restore()
    assert (outcome.result, outcome.status) == ("restored", 0)
    assert ground.state == ground.promise()


@pytest.mark.parametrize("fault", [Fault(lost=True), Fault(refused=True)], ids=["lost", "refused"])
@pytest.mark.parametrize("line", [r"^PUT {target}/index", r"^POST /collections/aliases"], ids=["index", "alias"])
def test_what_is_put_back_without_an_answer_is_put_back_all_the_same(ground: Ground, line: str, fault: Fault) -> None:
    """Rule 7: an index and an alias may be created twice; an alias is looked for again before."""
    schema = describe("plain", ground.name).payload_schema
    ground.add(aliases=(f"{ground.name}-alias",), payload_schema={**schema, "more": {"data_type": "keyword"}})
    ground.proxy.inject(line.format(target=ground.path), fault, times=1)
    outcome = ground.restore()
    assert (outcome.result, outcome.warnings) == ("restored", ())
    assert ground.server.indexes(ground.name) == sorted([*schema, "more"])
    assert ground.server.aliases()[f"{ground.name}-alias"] == ground.name


@pytest.mark.parametrize("fault", [Fault(lost=True), Fault(refused=True)], ids=["lost", "refused"])
def test_a_recover_without_an_answer_is_not_sent_again_while_it_may_come(shared_ground: Ground, fault: Fault) -> None:
    """Rule 5: a lost connection is no error: watch the gauge; only what did not arrive is sent again."""
    shared_ground.add()
    shared_ground.proxy.inject(RECOVERING, fault, times=1)
    outcome = shared_ground.restore()
    assert (outcome.result, outcome.transfer, shared_ground.proxy.find(UPLOADING)) == ("restored", "server-file", [])
    assert len(shared_ground.proxy.find(RECOVERING)) == (1 if fault.lost else 2)
    assert shared_ground.state == shared_ground.promise()


@pytest.mark.parametrize("status", [408, 502, 503, 504])
def test_a_gateway_that_lost_patience_is_no_answer(ground: Ground, status: int) -> None:
    """Rules 5 and 8: the server goes on behind it; nothing is sent twice, and what arrives is verified."""
    ground.add()
    late = Fault(rewrite=lambda _: GATEWAY, answered=status)
    ground.proxy.inject(UPLOADING, late, times=1)
    outcome = ground.restore()
    assert (outcome.result, len(ground.proxy.find(UPLOADING))) == ("restored", 1)
    assert ground.state == ground.promise()


def test_a_gateway_that_lost_patience_before_the_server_was_done_is_waited_out(
    embedded: EmbeddedQdrant, own_ground: Ground
) -> None:
    """Rules 5 and 8: received, but the gauge has not risen; a bare 0 is not trusted and nothing is unmarked."""
    own_ground.add()
    embedded.misbehave({"fault": "pause", "moment": "received", "seconds": 1.0})
    own_ground.proxy.inject(UPLOADING, Fault(impatient=0.2, body=GATEWAY, status=504), times=1)
    outcome = own_ground.restore(clock=FastClock(1))
    assert (outcome.result, len(own_ground.proxy.find(UPLOADING))) == ("restored", 1)
    assert own_ground.state == own_ground.promise()


def test_a_connection_that_is_lost_while_the_server_loads_is_waited_out(
    embedded: EmbeddedQdrant, own_ground: Ground
) -> None:
    """Rule 5: the gauge is up, so something is coming; nothing is sent meanwhile, and it is accepted when whole."""
    own_ground.add()
    embedded.misbehave({"fault": "pause", "moment": "unpacking", "seconds": 3.0})
    own_ground.proxy.inject(UPLOADING, Fault(impatient=0.2, refused=True), times=1)
    outcome = own_ground.restore(clock=FastClock(2))
    assert (outcome.result, len(own_ground.proxy.find(UPLOADING))) == ("restored", 1)
    assert own_ground.state == own_ground.promise()


def test_an_upload_that_is_lost_twice_ends_with_its_mark(ground: Ground) -> None:
    """Rules 5 and 8: sent again once; then the mark stays, is named, and the next run finishes."""
    ground.add()
    ground.proxy.inject(UPLOADING, Fault(refused=True))
    outcome = ground.restore()
    assert (outcome.status, len(ground.proxy.find(UPLOADING)), ground.markers) == (17, 2, [ground.mark])
    assert "the connection was lost twice" in outcome.message
    assert f"its mark '{ground.mark}' stays, and the next run finishes it" in outcome.message
    ground.proxy.reset()
    assert ground.restore().result == "restored"
    assert ground.state == ground.promise()


def test_an_upload_that_breaks_off_is_sent_again(ground: Ground) -> None:
    """The connection is reset in the middle; the server drops what it has, and all is sent once more."""
    ground.add()
    ground.proxy.inject(UPLOADING, Fault(cut_request=100_000), times=1)
    outcome = ground.restore()
    assert (outcome.result, len(ground.proxy.find(UPLOADING))) == ("restored", 2)
    assert ground.state == ground.promise()


def test_a_replacing_upload_without_an_answer_is_sent_again_whatever_is_there(ground: Ground) -> None:
    """Rule 9: the old data can pass the samples; only a definite answer says that the new came."""
    ground.add()
    make_same(ground.server, ground.name)
    ground.proxy.inject(UPLOADING, Fault(lost=True), times=1)
    outcome = ground.restore("--on-existing", "replace")
    assert (outcome.result, len(ground.proxy.find(UPLOADING))) == ("restored", 2)
    assert ground.state == ground.promise(aliased=True)


def test_a_deletion_without_an_answer_ends_with_its_mark_and_the_next_run_has_everything(ground: Ground) -> None:
    """Rules 5 and 8: replaced, another configuration: the aliases are in the mark that stays."""
    ground.add()
    make_other(ground.server, ground.name)
    ground.proxy.inject(f"^DELETE {ground.path}$", Fault(lost=True), times=1)
    outcome = ground.restore("--on-existing", "replace")
    assert (outcome.status, ground.markers) == (17, [ground.mark])
    again = ground.restore("--on-existing", "replace")
    assert (again.result, again.status) == ("restored", 0)
    assert ground.state == ground.promise(aliased=True)


@pytest.mark.parametrize(
    "line",
    [r"^GET /collections$", r"^GET /aliases$", r"^GET {mark}$", r"^GET /telemetry", r"^POST {target}/points"],
    ids=["list", "aliases", "mark", "telemetry", "points"],
)
@pytest.mark.parametrize(
    "fault",
    [Fault(refused=True), Fault(cut_answer=10), Fault(status=503), Fault(status=502, body=GATEWAY)],
    ids=["refused", "cut", "503", "502"],
)
def test_a_read_in_passing_trouble_is_asked_again(ground: Ground, line: str, fault: Fault) -> None:
    """A connection that breaks, and an answer that ends early, are no answers to any question."""
    ground.add()
    ground.proxy.inject(line.format(mark=path(ground.mark), target=ground.path), fault, times=1)
    assert ground.restore().result == "restored"
    assert ground.state == ground.promise()


@pytest.mark.parametrize("rewrite", [b"garbage that is no HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-le"])
def test_an_answer_that_is_no_http_is_none(ground: Ground, rewrite: bytes) -> None:
    """A broken proxy's text in place of HTTP says nothing about the restore, and crashes nothing."""
    ground.add()
    ground.proxy.inject(UPLOADING, Fault(raw=rewrite), times=1)
    outcome = ground.restore()
    assert (outcome.result, len(ground.proxy.find(UPLOADING))) == ("restored", 1)
    assert ground.state == ground.promise()


def test_a_definite_answer_whose_body_is_cut_is_none(ground: Ground) -> None:
    """A body shorter than its Content-Length is no answer, although the status line said 200."""
    ground.add()
    ground.proxy.inject(UPLOADING, Fault(cut_answer=5), times=1)
    assert ground.restore().result == "restored"
    assert ground.state == ground.promise()


def test_a_proxy_that_takes_no_large_body_says_so_at_once(ground: Ground) -> None:
    """413 is an answer before the end; nothing is sent again, and the proxy's setting is named (rule 5)."""
    ground.add()
    ground.proxy.inject(UPLOADING, Fault(status=413, body=b"<html>413 Request Entity Too Large</html>"))
    outcome = ground.restore()
    assert (outcome.status, len(ground.proxy.find(UPLOADING)), ground.markers) == (17, 1, [])
    assert outcome.message == (
        "a proxy before Qdrant answered 413, the snapshot is too large for it; nothing is left behind"
    )
    assert outcome.hint == "raise its limit (nginx: client_max_body_size 0), or give the server's own address"


def test_trouble_with_tidying_does_not_hide_why_it_was_needed(ground: Ground) -> None:
    """Rule 11: on a full disk nothing can be created to reach the file; 15 all the same, and the mark stays."""
    ground.add()
    full = b'{"status":{"error":"Service internal error: No space left on device (os error 28)"},"time":0.0}'
    ground.proxy.inject(UPLOADING, Fault(status=500, body=full))
    ground.proxy.inject(f"^PUT {ground.path}$", Fault(status=500, body=full))
    outcome = ground.restore()
    assert (outcome.status, ground.markers) == (15, [ground.mark])
    assert f"its mark '{ground.mark}' stays, and the next run tidies up" in outcome.message
    ground.proxy.reset()
    assert ground.restore().result == "restored"
    assert ground.state == ground.promise()


def test_a_full_disk_is_not_tried_again(ground: Ground) -> None:
    """No space is permanent: status 15, nothing is left, and the next run begins anew."""
    ground.add()
    full = b'{"status":{"error":"Service internal error: No space left on device (os error 28)"},"time":0.0}'
    ground.proxy.inject(UPLOADING, Fault(status=500, body=full))
    outcome = ground.restore()
    assert (outcome.status, len(ground.proxy.find(UPLOADING)), ground.markers) == (15, 1, [])
    assert ground.name not in ground.server.collections()


def test_a_server_that_takes_no_byte_is_given_up(ground: Ground) -> None:
    """A stalled upload ends with 124 and its marker, and is not sent again (rule 11)."""
    enlarge(ground.add(manifest=False))
    stalled = threading.Event()

    def stall(_seen: Seen) -> None:
        stalled.wait(30)

    ground.proxy.inject(UPLOADING, Fault(before=stall))
    begin = time.monotonic()
    outcome = ground.restore("--stall-timeout", "1")
    stalled.set()
    assert (outcome.status, ground.markers, len(ground.proxy.find(UPLOADING))) == (124, [ground.mark], 1)
    assert time.monotonic() - begin < 10
    assert f"its mark '{ground.mark}' stays" in outcome.message


def enlarge(file: Path) -> None:
    """Put a member of 32 MB into an archive, more than the system takes before anybody reads."""
    padding = tarfile.TarInfo("0/wal/padding")
    padding.size = 32 << 20
    with tarfile.open(file, "a", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(padding, io.BytesIO(bytes(padding.size)))


def test_a_server_that_gives_no_sign_while_it_loads_is_given_up(ground: Ground) -> None:
    """The server has everything, runs nothing, is silent: 124, the marker stays, the next run finishes (rule 11)."""
    ground.add()
    ground.proxy.inject(UPLOADING, Fault(silent=True))
    outcome = ground.restore("--stall-timeout", "20")
    assert (outcome.status, ground.markers) == (124, [ground.mark])
    assert "Qdrant gave no sign for 20 s while it was loading the snapshot" in outcome.message
    ground.proxy.reset()
    assert ground.restore().result == "finished"
    assert ground.state == ground.promise()


def test_an_earlier_uploads_file_goes_although_the_server_read_its_own(shared_ground: Ground) -> None:
    """Rule 7: uploaded once and killed, then restored by a server file: the upload's file is deleted all the same."""
    shared_ground.add()
    with shared_ground.start(shared_ground.name, "--transfer", "upload") as running:
        shared_ground.proxy.inject(UPLOADING, Fault(after=lambda _: running.kill(), lost=True), times=1)
        assert running.wait().status == -9
    shared_ground.server.drop(shared_ground.name)
    outcome = shared_ground.restore()
    assert (outcome.result, outcome.transfer) == ("restored", "server-file")
    assert name_upload(shared_ground.name) not in shared_ground.server.snapshots_of(shared_ground.name)
