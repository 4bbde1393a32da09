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
from tests.support.recording_proxy import Fault, RecordedRequest
from tests.support.restore_scenario import RestoreScenario
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
def test_a_write_without_an_answer_is_found_out_about(
    scenario: RestoreScenario, request_line: str, fault: Fault
) -> None:
    """Rules 4, 5, 8: whether it was done or not, the restore ends whole, with no marker and no file."""
    scenario.add()
    line = request_line.format(mark=path(scenario.mark), target=scenario.path)
    scenario.proxy.inject(line, fault, times=1)
    outcome = scenario.restore()
    assert (outcome.result, outcome.status) == ("restored", 0)
    assert scenario.state == scenario.promise()


@pytest.mark.parametrize("fault", [Fault(lost=True), Fault(refused=True)], ids=["lost", "refused"])
@pytest.mark.parametrize("line", [r"^PUT {target}/index", r"^POST /collections/aliases"], ids=["index", "alias"])
def test_what_is_put_back_without_an_answer_is_put_back_all_the_same(
    scenario: RestoreScenario, line: str, fault: Fault
) -> None:
    """Rule 7: an index and an alias may be created twice; an alias is looked for again before."""
    schema = describe("plain", scenario.name).payload_schema
    scenario.add(aliases=(f"{scenario.name}-alias",), payload_schema={**schema, "more": {"data_type": "keyword"}})
    scenario.proxy.inject(line.format(target=scenario.path), fault, times=1)
    outcome = scenario.restore()
    assert (outcome.result, outcome.warnings) == ("restored", ())
    assert scenario.server.indexes(scenario.name) == sorted([*schema, "more"])
    assert scenario.server.aliases()[f"{scenario.name}-alias"] == scenario.name


@pytest.mark.parametrize("fault", [Fault(lost=True), Fault(refused=True)], ids=["lost", "refused"])
def test_a_recover_without_an_answer_is_not_sent_again_while_it_may_come(
    shared_scenario: RestoreScenario, fault: Fault
) -> None:
    """Rule 5: a lost connection is no error: watch the gauge; only what did not arrive is sent again."""
    shared_scenario.add()
    shared_scenario.proxy.inject(RECOVERING, fault, times=1)
    outcome = shared_scenario.restore()
    assert (outcome.result, outcome.transfer, shared_scenario.proxy.find(UPLOADING)) == (
        "restored",
        "server-file",
        [],
    )
    assert len(shared_scenario.proxy.find(RECOVERING)) == (1 if fault.lost else 2)
    assert shared_scenario.state == shared_scenario.promise()


@pytest.mark.parametrize("status", [408, 502, 503, 504])
def test_a_gateway_that_lost_patience_is_no_answer(scenario: RestoreScenario, status: int) -> None:
    """Rules 5 and 8: the server goes on behind it; nothing is sent twice, and what arrives is verified."""
    scenario.add()
    late = Fault(rewrite=lambda _: GATEWAY, answered=status)
    scenario.proxy.inject(UPLOADING, late, times=1)
    outcome = scenario.restore()
    assert (outcome.result, len(scenario.proxy.find(UPLOADING))) == ("restored", 1)
    assert scenario.state == scenario.promise()


def test_a_gateway_that_lost_patience_before_the_server_was_done_is_waited_out(
    embedded: EmbeddedQdrant, own_scenario: RestoreScenario
) -> None:
    """Rules 5 and 8: received, but the gauge has not risen; a bare 0 is not trusted and nothing is unmarked."""
    own_scenario.add()
    embedded.misbehave({"fault": "pause", "moment": "received", "seconds": 1.0})
    own_scenario.proxy.inject(UPLOADING, Fault(impatient=0.2, body=GATEWAY, status=504), times=1)
    outcome = own_scenario.restore(clock=FastClock(1))
    assert (outcome.result, len(own_scenario.proxy.find(UPLOADING))) == ("restored", 1)
    assert own_scenario.state == own_scenario.promise()


def test_a_connection_that_is_lost_while_the_server_loads_is_waited_out(
    embedded: EmbeddedQdrant, own_scenario: RestoreScenario
) -> None:
    """Rule 5: the gauge is up, so something is coming; nothing is sent meanwhile, and it is accepted when whole."""
    own_scenario.add()
    embedded.misbehave({"fault": "pause", "moment": "unpacking", "seconds": 3.0})
    own_scenario.proxy.inject(UPLOADING, Fault(impatient=0.2, refused=True), times=1)
    outcome = own_scenario.restore(clock=FastClock(2))
    assert (outcome.result, len(own_scenario.proxy.find(UPLOADING))) == ("restored", 1)
    assert own_scenario.state == own_scenario.promise()


def test_an_upload_that_is_lost_twice_ends_with_its_mark(scenario: RestoreScenario) -> None:
    """Rules 5 and 8: sent again once; then the marker stays, is named, and the next run finishes."""
    scenario.add()
    scenario.proxy.inject(UPLOADING, Fault(refused=True))
    outcome = scenario.restore()
    assert (outcome.status, len(scenario.proxy.find(UPLOADING)), scenario.markers) == (17, 2, [scenario.mark])
    assert "the connection was lost twice" in outcome.message
    assert f"its marker '{scenario.mark}' stays, and the next run finishes it" in outcome.message
    scenario.proxy.reset()
    assert scenario.restore().result == "restored"
    assert scenario.state == scenario.promise()


def test_an_upload_that_breaks_off_is_sent_again(scenario: RestoreScenario) -> None:
    """The connection is reset in the middle; the server drops what it has, and all is sent once more."""
    scenario.add()
    scenario.proxy.inject(UPLOADING, Fault(cut_request=100_000), times=1)
    outcome = scenario.restore()
    assert (outcome.result, len(scenario.proxy.find(UPLOADING))) == ("restored", 2)
    assert scenario.state == scenario.promise()


def test_a_replacing_upload_without_an_answer_is_sent_again_whatever_is_there(scenario: RestoreScenario) -> None:
    """Rule 9: the old data can pass the samples; only a definite answer says that the new came."""
    scenario.add()
    make_same(scenario.server, scenario.name)
    scenario.proxy.inject(UPLOADING, Fault(lost=True), times=1)
    outcome = scenario.restore("--on-existing", "replace")
    assert (outcome.result, len(scenario.proxy.find(UPLOADING))) == ("restored", 2)
    assert scenario.state == scenario.promise(aliased=True)


def test_a_deletion_without_an_answer_ends_with_its_mark_and_the_next_run_has_everything(
    scenario: RestoreScenario,
) -> None:
    """Rules 5 and 8: replaced, another configuration: the aliases are in the marker that stays."""
    scenario.add()
    make_other(scenario.server, scenario.name)
    scenario.proxy.inject(f"^DELETE {scenario.path}$", Fault(lost=True), times=1)
    outcome = scenario.restore("--on-existing", "replace")
    assert (outcome.status, scenario.markers) == (17, [scenario.mark])
    again = scenario.restore("--on-existing", "replace")
    assert (again.result, again.status) == ("restored", 0)
    assert scenario.state == scenario.promise(aliased=True)


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
def test_a_read_in_passing_trouble_is_asked_again(scenario: RestoreScenario, line: str, fault: Fault) -> None:
    """A connection that breaks, and an answer that ends early, are no answers to any question."""
    scenario.add()
    scenario.proxy.inject(line.format(mark=path(scenario.mark), target=scenario.path), fault, times=1)
    assert scenario.restore().result == "restored"
    assert scenario.state == scenario.promise()


@pytest.mark.parametrize("rewrite", [b"garbage that is no HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-le"])
def test_an_answer_that_is_no_http_is_none(scenario: RestoreScenario, rewrite: bytes) -> None:
    """A broken proxy's text in place of HTTP says nothing about the restore, and crashes nothing."""
    scenario.add()
    scenario.proxy.inject(UPLOADING, Fault(raw=rewrite), times=1)
    outcome = scenario.restore()
    assert (outcome.result, len(scenario.proxy.find(UPLOADING))) == ("restored", 1)
    assert scenario.state == scenario.promise()


def test_a_definite_answer_whose_body_is_cut_is_none(scenario: RestoreScenario) -> None:
    """A body shorter than its Content-Length is no answer, although the status line said 200."""
    scenario.add()
    scenario.proxy.inject(UPLOADING, Fault(cut_answer=5), times=1)
    assert scenario.restore().result == "restored"
    assert scenario.state == scenario.promise()


def test_a_proxy_that_takes_no_large_body_says_so_at_once(scenario: RestoreScenario) -> None:
    """413 is an answer before the end; nothing is sent again, and the proxy's setting is named (rule 5)."""
    scenario.add()
    scenario.proxy.inject(UPLOADING, Fault(status=413, body=b"<html>413 Request Entity Too Large</html>"))
    outcome = scenario.restore()
    assert (outcome.status, len(scenario.proxy.find(UPLOADING)), scenario.markers) == (17, 1, [])
    assert outcome.message == (
        "a proxy before Qdrant answered 413, the snapshot is too large for it; nothing is left behind"
    )
    assert outcome.hint == "raise its limit (nginx: client_max_body_size 0), or give the server's own address"


def test_trouble_with_tidying_does_not_hide_why_it_was_needed(scenario: RestoreScenario) -> None:
    """Rule 11: on a full disk nothing can be created to reach the file; 15 all the same, and the marker stays."""
    scenario.add()
    full = b'{"status":{"error":"Service internal error: No space left on device (os error 28)"},"time":0.0}'
    scenario.proxy.inject(UPLOADING, Fault(status=500, body=full))
    scenario.proxy.inject(f"^PUT {scenario.path}$", Fault(status=500, body=full))
    outcome = scenario.restore()
    assert (outcome.status, scenario.markers) == (15, [scenario.mark])
    assert f"its marker '{scenario.mark}' stays, and the next run tidies up" in outcome.message
    scenario.proxy.reset()
    assert scenario.restore().result == "restored"
    assert scenario.state == scenario.promise()


def test_a_full_disk_is_not_tried_again(scenario: RestoreScenario) -> None:
    """No space is permanent: status 15, nothing is left, and the next run begins anew."""
    scenario.add()
    full = b'{"status":{"error":"Service internal error: No space left on device (os error 28)"},"time":0.0}'
    scenario.proxy.inject(UPLOADING, Fault(status=500, body=full))
    outcome = scenario.restore()
    assert (outcome.status, len(scenario.proxy.find(UPLOADING)), scenario.markers) == (15, 1, [])
    assert scenario.name not in scenario.server.collections()


def test_a_server_that_takes_no_byte_is_given_up(scenario: RestoreScenario) -> None:
    """A stalled upload ends with 124 and its marker, and is not sent again (rule 11)."""
    enlarge(scenario.add(manifest=False))
    stalled = threading.Event()

    def stall(_seen: RecordedRequest) -> None:
        stalled.wait(30)

    scenario.proxy.inject(UPLOADING, Fault(before=stall))
    begin = time.monotonic()
    outcome = scenario.restore("--stall-timeout", "1")
    stalled.set()
    assert (outcome.status, scenario.markers, len(scenario.proxy.find(UPLOADING))) == (124, [scenario.mark], 1)
    assert time.monotonic() - begin < 10
    assert f"its marker '{scenario.mark}' stays" in outcome.message


def enlarge(file: Path) -> None:
    """Put a member of 32 MB into an archive, more than the system takes before anybody reads."""
    padding = tarfile.TarInfo("0/wal/padding")
    padding.size = 32 << 20
    with tarfile.open(file, "a", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(padding, io.BytesIO(bytes(padding.size)))


def test_a_server_that_gives_no_sign_while_it_loads_is_given_up(scenario: RestoreScenario) -> None:
    """The server has everything, runs nothing, is silent: 124, the marker stays, the next run finishes (rule 11)."""
    scenario.add()
    scenario.proxy.inject(UPLOADING, Fault(silent=True))
    outcome = scenario.restore("--stall-timeout", "20")
    assert (outcome.status, scenario.markers) == (124, [scenario.mark])
    assert "Qdrant gave no sign for 20 s while it was loading the snapshot" in outcome.message
    scenario.proxy.reset()
    assert scenario.restore().result == "finished"
    assert scenario.state == scenario.promise()


def test_an_earlier_uploads_file_goes_although_the_server_read_its_own(shared_scenario: RestoreScenario) -> None:
    """Rule 7: uploaded once and killed, then restored by a server file: the upload's file is deleted all the same."""
    shared_scenario.add()
    with shared_scenario.start(shared_scenario.name, "--transfer", "upload") as running:
        shared_scenario.proxy.inject(UPLOADING, Fault(after=lambda _: running.kill(), lost=True), times=1)
        assert running.wait().status == -9
    shared_scenario.server.drop(shared_scenario.name)
    outcome = shared_scenario.restore()
    assert (outcome.result, outcome.transfer) == ("restored", "server-file")
    assert name_upload(shared_scenario.name) not in shared_scenario.server.snapshots_of(shared_scenario.name)
