"""One test per rule of the restore protocol, each with what breaks without it. Rule 9 has a file of its own."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from restore.errors import DeadlineError
from restore.qdrant.collection_names import name_marker, name_upload
from restore.recovery.marker.model import Phase, TargetBefore
from tests.support.markers import DEAD_TOKEN
from tests.support.recording_proxy import Fault, RecordedRequest
from tests.support.restore_scenario import RestoreScenario
from tests.support.sample_stores import damage, describe
from tests.support.server_under_test import path
from tests.support.targets import VECTORS, make_empty, make_other, make_same, put_written

SENDING = r"snapshots/(recover|upload)"
FAILED = b'{"status":{"error":"Service internal error: it could not be unpacked"},"time":0.0}'
UPLOADING = r"POST .*snapshots/upload"
RECOVERING = r"PUT .*snapshots/recover"


def unready(sentence: str) -> Fault:
    """Answer as a server that is still loading."""
    return Fault(status=503, headers={"content-type": "text/plain"}, body=sentence.encode())


# --- 1. wait --------------------------------------------------------------------------------------------------


def test_rule_1_nothing_is_asked_before_the_server_is_ready(scenario: RestoreScenario) -> None:
    """Rule 1: `/readyz` until it is 200, then the version, then everything else."""
    scenario.add()
    scenario.proxy.inject("GET /readyz", unready("some shards are not ready"), times=3)
    assert scenario.restore().result == "restored"
    assert [seen.line for seen in scenario.proxy.seen[:5]] == [*["GET /readyz"] * 4, "GET /"]


def test_rule_1_waiting_has_an_end_and_the_last_trouble_in_its_message(scenario: RestoreScenario) -> None:
    """One overall limit; on expiry 124 with the last error; nothing but `/readyz` was asked."""
    scenario.add()
    scenario.proxy.inject("GET /readyz", unready("some shards are not ready"))
    with pytest.raises(DeadlineError, match=r"not ready within 3 s: it answers 503 \(some shards are not ready\)"):
        scenario.restore("--wait-timeout", "3")
    assert {seen.line for seen in scenario.proxy.seen} == {"GET /readyz"}


# --- 2. examine, 3. plan --------------------------------------------------------------------------------------


def test_rule_2_a_target_that_is_an_alias_is_refused(scenario: RestoreScenario) -> None:
    """Rule 2: an upload onto an alias overwrites the collection behind it; its name is in the sentence."""
    scenario.add()
    behind = f"{scenario.name}-behind"
    put_written(scenario.server, behind)
    scenario.server.alias(scenario.name, behind)
    outcome = scenario.restore("--on-existing", "replace")
    assert (outcome.status, scenario.proxy.writes) == (16, [])
    assert outcome.message == (
        f"'{scenario.name}' is an alias of collection '{behind}': a restore onto it would overwrite '{behind}'; "
        "nothing was changed"
    )
    assert scenario.server.count(behind) == 3
    scenario.server.forget(behind)


def test_rule_3_a_second_run_only_reads(scenario: RestoreScenario) -> None:
    """A collection that is there is never written to; the run ends with 0, as skipped."""
    scenario.add()
    assert scenario.restore().result == "restored"
    second = scenario.run(scenario.name)
    assert (second.status, second.outcome["result"], second.outcome["points"]) == (0, "skipped_exists", 43)
    assert scenario.proxy.writes == []
    assert len(scenario.proxy.seen) <= 6


# --- 4. mark --------------------------------------------------------------------------------------------------


def test_rule_4_the_mark_comes_first_and_says_what_is_going_on(scenario: RestoreScenario) -> None:
    """Rule 4: the marker is made before anything else changes; its metadata is what the next run needs."""
    file = scenario.add()
    assert scenario.restore().result == "restored"
    assert scenario.proxy.writes[0] == f"PUT {path(scenario.mark)}"
    body = json.loads(scenario.proxy.find(f"^PUT {path(scenario.mark)}$")[0].body)
    metadata = body.pop("metadata")
    token = metadata.pop("token")
    assert body == {
        "vectors": {},
        "shard_number": 1,
        "wal_config": {"wal_capacity_mb": 1, "wal_segments_ahead": 0},
        "optimizers_config": {"default_segment_number": 1},
    }
    assert metadata.pop(f"beat-{token}") == 0
    assert len(metadata.pop("since")) == 25
    assert len(metadata.pop("sha256")) == 64
    assert metadata == {
        "collection": scenario.name,
        "holder": "a test",
        "snapshot": file.name,
        "size": file.stat().st_size,
        "was": "absent",
        "aliases": [],
        "phase": "marked",
        "sent": None,
    }


def test_rule_4_a_living_holder_raises_its_beat(scenario: RestoreScenario) -> None:
    """Rules 4 and 9: a counter under the holder's own key, every 2 s; so the living are told from the dead."""
    scenario.add()
    scenario.proxy.inject(UPLOADING, Fault(delay=5), times=1)
    assert scenario.restore().result == "restored"
    token = json.loads(scenario.proxy.find(f"^PUT {path(scenario.mark)}$")[0].body)["metadata"]["token"]
    beats = [json.loads(seen.body)["metadata"] for seen in scenario.proxy.seen if seen.is_beat]
    assert beats[:2] == [{f"beat-{token}": 1}, {f"beat-{token}": 2}]


def test_rule_4_a_mark_whose_answer_was_lost_is_ours_by_its_token(scenario: RestoreScenario) -> None:
    """Rule 4: 409 showing our own token is success."""
    scenario.add()
    scenario.proxy.inject(f"^PUT {path(scenario.mark)}$", Fault(lost=True), times=1)
    assert scenario.restore().result == "restored"
    assert len(scenario.proxy.find(f"^PUT {path(scenario.mark)}$")) == 2
    assert scenario.state == scenario.promise()


def test_rule_4_another_run_that_was_quicker_has_the_lock(scenario: RestoreScenario) -> None:
    """Rule 4: any other 409 means somebody else; nothing of ours is sent while that marker stands."""
    scenario.add()
    put_mark = f"^PUT {path(scenario.mark)}$"

    def be_quicker(_seen: RecordedRequest) -> None:
        scenario.plant(Phase.MARKED, TargetBefore.ABSENT)

    scenario.proxy.inject(put_mark, Fault(before=be_quicker), times=1)
    assert scenario.restore().result == "restored"
    first = scenario.proxy.writes[0], scenario.proxy.writes[1]
    assert first == (f"PUT {path(scenario.mark)}", f"PUT {path(name_marker(scenario.name, 2))}")
    assert scenario.state == scenario.promise()


def test_rule_4_only_the_look_after_the_mark_decides(scenario: RestoreScenario) -> None:
    """Rule 4: a run that trusted its first look overwrote a live collection and an application's point."""
    scenario.add()
    scenario.proxy.inject(
        f"^PUT {path(scenario.mark)}$", Fault(before=lambda _: put_written(scenario.server, scenario.name)), times=1
    )
    outcome = scenario.restore()
    assert (outcome.result, outcome.points) == ("skipped_exists", 3)
    assert scenario.proxy.writes == [f"PUT {path(scenario.mark)}", f"DELETE {path(scenario.mark)}"]
    assert (scenario.server.count(scenario.name), scenario.markers) == (3, [])


def test_rule_4_an_alias_that_came_meanwhile_is_seen_by_the_second_look(scenario: RestoreScenario) -> None:
    """Rule 4: the second look takes in the aliases too; else an upload would overwrite what stands behind."""
    scenario.add()
    behind = f"{scenario.name}-behind"
    put_written(scenario.server, behind)
    scenario.proxy.inject(
        f"^PUT {path(scenario.mark)}$", Fault(before=lambda _: scenario.server.alias(scenario.name, behind)), times=1
    )
    outcome = scenario.restore()
    assert (outcome.status, scenario.server.count(behind), scenario.markers) == (16, 3, [])
    assert scenario.proxy.find(SENDING) == []
    scenario.server.forget(behind)


def test_rule_4_who_sees_a_higher_attempt_has_lost(scenario: RestoreScenario) -> None:
    """Rule 4: a marker made beside a higher attempt is dropped again, and the other one waited for."""
    scenario.add()

    def be_ahead(_seen: RecordedRequest) -> None:
        scenario.plant(Phase.MARKED, TargetBefore.ABSENT, attempt=2)

    scenario.proxy.inject(f"^PUT {path(scenario.mark)}$", Fault(before=be_ahead), times=1)
    assert scenario.restore().result == "restored"
    assert scenario.proxy.writes[:3] == [
        f"PUT {path(scenario.mark)}",
        f"DELETE {path(scenario.mark)}",
        f"PUT {path(name_marker(scenario.name, 3))}",
    ]
    assert scenario.state == scenario.promise()


def test_rule_4_an_old_server_is_not_asked_for_a_mark_beside_a_snapshot(
    embedded: EmbeddedQdrant, own_scenario: RestoreScenario
) -> None:
    """Rule 4: on 1.16 a PUT beside a snapshot creation stalls for 1.9 s; it is made when there is none."""
    own_scenario.add()
    make_empty(own_scenario.server, own_scenario.name)
    embedded.misbehave(
        {"fault": "version", "version": "1.16.3"}, {"fault": "pause", "moment": "creating", "seconds": 60}
    )
    with snapshot_in_the_making(embedded, own_scenario):
        restoring = threading.Thread(target=own_scenario.restore, args=("--allow-version-gap",))
        restoring.start()
        wait_for(own_scenario, r"GET /telemetry\?details_level=2", at_least=5)
        assert own_scenario.proxy.writes == []
        embedded.misbehave({"fault": "version", "version": "1.16.3"})
        restoring.join()
    assert own_scenario.state == own_scenario.promise()


def test_rule_4_a_mark_needs_room_for_itself_and_its_target(
    embedded: EmbeddedQdrant, own_scenario: RestoreScenario
) -> None:
    """Rule 4: `max_collections` - the marker took the last place, and the collection had none."""
    own_scenario.add()
    own_scenario.server.create("one", vectors=VECTORS)
    embedded.misbehave({"fault": "limit", "collections": 2})
    outcome = own_scenario.restore()
    assert (outcome.status, own_scenario.proxy.writes) == (16, [])
    assert outcome.message == (
        "Qdrant holds 1 of at most 2 collections, this restore needs 2 free (one for its marker); nothing was changed"
    )
    embedded.misbehave({"fault": "limit", "collections": 3})
    assert own_scenario.restore().result == "restored"


# --- 5. transfer ----------------------------------------------------------------------------------------------


def test_rule_5_nothing_is_sent_beside_a_running_snapshot(
    embedded: EmbeddedQdrant, own_scenario: RestoreScenario
) -> None:
    """Rule 5: 8 of 50 recovers beside a snapshot creation broke the collection."""
    own_scenario.add()
    make_empty(own_scenario.server, own_scenario.name)
    embedded.misbehave({"fault": "pause", "moment": "creating", "seconds": 60})
    with snapshot_in_the_making(embedded, own_scenario):
        restoring = threading.Thread(target=own_scenario.restore)
        restoring.start()
        wait_for(own_scenario, r"GET /telemetry\?details_level=2", at_least=5)
        assert own_scenario.proxy.writes == [f"PUT {path(own_scenario.mark)}"]
        embedded.misbehave()
        restoring.join()
    assert own_scenario.state == own_scenario.promise()


def test_rule_5_the_mark_says_what_is_sent_before_the_first_byte(scenario: RestoreScenario) -> None:
    """Rule 5: PATCH `phase=sent` with kind, size and file name; else a killed run's work would not be found."""
    file = scenario.add()
    output: list[dict[str, Any]] = []
    scenario.proxy.inject(SENDING, Fault(before=lambda _: output.append(scenario.server.metadata(scenario.mark))))
    assert scenario.restore().result == "restored"
    assert [(one["phase"], one["sent"]["kind"], one["sent"]["size"], one["sent"]["file"]) for one in output] == [
        ("sent", "server-file", file.stat().st_size, ""),
        ("sent", "upload", file.stat().st_size, name_upload(scenario.name)),
    ]


def test_rule_5_the_server_is_given_the_resolved_file_percent_encoded(scenario: RestoreScenario) -> None:
    """Rule 5: never latest, which moves; and raw `%20`, `#`, `?` in a `file://` name other files."""
    file = scenario.add()
    assert scenario.restore("--server-store", "/data/my snapshots#1").result == "restored"
    (asked,) = scenario.proxy.find(RECOVERING)
    sent = json.loads(asked.body)
    assert sent["location"] == f"file:///data/my%20snapshots%231/{file.name}"
    assert sent["priority"] == "snapshot"
    assert len(sent["checksum"]) == 64


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (400, "Bad request: Snapshot file does not exist"),
        (403, "Forbidden: Snapshot file must be inside snapshots directory"),
        (500, "Service internal error: permission denied"),
        (404, "Not found: nothing of that name"),
    ],
)
def test_rule_5_a_server_that_cannot_have_the_file_gets_an_upload(
    scenario: RestoreScenario, status: int, sentence: str
) -> None:
    """Rule 5: a definite error, gauge 0 and the target as it was: upload instead, once."""
    scenario.add()
    body = json.dumps({"status": {"error": sentence}, "time": 0.0}).encode()
    scenario.proxy.inject(RECOVERING, Fault(status=status, body=body))
    outcome = scenario.restore()
    assert (outcome.result, outcome.transfer) == ("restored", "upload")
    assert (len(scenario.proxy.find(RECOVERING)), len(scenario.proxy.find(UPLOADING))) == (1, 1)
    assert scenario.state == scenario.promise()


def test_rule_5_the_servers_own_file_is_taken_where_it_sees_it(shared_scenario: RestoreScenario) -> None:
    """Rule 5: no byte is uploaded; the server reads the store itself, and nothing is left to delete."""
    shared_scenario.add()
    outcome = shared_scenario.restore()
    assert (outcome.result, outcome.transfer, shared_scenario.proxy.find(UPLOADING)) == (
        "restored",
        "server-file",
        [],
    )
    assert shared_scenario.state == shared_scenario.promise()


def test_rule_5_a_wrong_checksum_is_not_tried_another_way(scenario: RestoreScenario) -> None:
    """Rule 5: whichever way they go, the bytes are not what was promised; nothing is left, status 13."""
    damage(scenario.add())
    body = b'{"status":{"error":"Wrong input: Snapshot checksum mismatch: expected a, got b"},"time":0.0}'
    scenario.proxy.inject(RECOVERING, Fault(status=400, body=body))
    outcome = scenario.restore()
    assert (outcome.status, scenario.proxy.find(UPLOADING), scenario.markers) == (13, [], [])
    assert scenario.name not in scenario.server.collections()


def test_rule_5_what_came_into_being_after_a_refusal_is_not_sent_over(scenario: RestoreScenario) -> None:
    """Rule 5: the target must be as it was before the second way is tried; an application made it meanwhile."""
    scenario.add()
    scenario.proxy.inject(RECOVERING, Fault(after=lambda _: put_written(scenario.server, scenario.name)))
    outcome = scenario.restore()
    assert (outcome.result, outcome.points, scenario.proxy.find(UPLOADING)) == ("skipped_exists", 3, [])
    assert (scenario.server.count(scenario.name), scenario.markers) == (3, [])


def test_rule_5_an_empty_target_that_was_written_to_just_before_is_not_sent_over(scenario: RestoreScenario) -> None:
    """Rule 5: the count is read again just before; somebody's first points came while we waited."""
    scenario.add()
    make_empty(scenario.server, scenario.name)
    waiting = Fault(before=lambda _: scenario.server.upsert(scenario.name, range(1, 4)))
    scenario.proxy.inject(r"GET /telemetry\?details_level=2", waiting, times=1)
    outcome = scenario.restore()
    assert (outcome.result, outcome.points) == ("skipped_exists", 3)
    assert scenario.proxy.find(SENDING) == []
    assert (scenario.server.count(scenario.name), scenario.markers) == (3, [])


def test_rule_5_a_collection_that_was_created_just_before_is_not_sent_over(scenario: RestoreScenario) -> None:
    """Rule 5: it was absent when it was marked; it is looked at again before the first byte."""
    scenario.add()
    waiting = Fault(before=lambda _: put_written(scenario.server, scenario.name))
    scenario.proxy.inject(r"GET /telemetry\?details_level=2", waiting, times=1)
    outcome = scenario.restore()
    assert (outcome.result, outcome.points, scenario.proxy.find(SENDING)) == ("skipped_exists", 3, [])
    assert (scenario.server.count(scenario.name), scenario.markers) == (3, [])


def test_rule_5_a_persons_own_snapshot_on_the_server_is_never_overwritten(scenario: RestoreScenario) -> None:
    """Rule 5: a same-named upload overwrites a file; ours has a name that nobody else gives."""
    scenario.add()
    make_same(scenario.server, scenario.name)
    theirs = scenario.server.ask("POST", f"{scenario.path}/snapshots").result
    assert scenario.restore("--on-existing", "replace").result == "restored"
    (uploaded,) = scenario.proxy.find(f"^DELETE {scenario.path}/snapshots/")
    assert uploaded.path == f"{scenario.path}/snapshots/{name_upload(scenario.name)}"
    found = scenario.server.ask("GET", f"{scenario.path}/snapshots").result
    assert [(one["name"], one["checksum"]) for one in found] == [(theirs["name"], theirs["checksum"])]
    scenario.server.ask("DELETE", f"{scenario.path}/snapshots/{theirs['name']}").result  # noqa: B018 - it asserts


def test_rule_5_a_collection_of_the_same_configuration_is_replaced_in_its_place(scenario: RestoreScenario) -> None:
    """Rule 5: recovered onto; at no moment is there no collection, and its aliases never point to nothing."""
    scenario.add()
    make_same(scenario.server, scenario.name)
    assert scenario.restore("--on-existing", "replace").result == "restored"
    assert f"DELETE {scenario.path}" not in scenario.proxy.writes
    assert scenario.state == scenario.promise(aliased=True)


def test_rule_5_a_collection_of_another_configuration_is_removed_with_its_aliases_in_the_mark(
    scenario: RestoreScenario,
) -> None:
    """Rule 5: recovering keeps the old configuration, so it is deleted first; the marker remembers the aliases."""
    scenario.add()
    make_other(scenario.server, scenario.name)
    output: list[Any] = []
    removing = Fault(before=lambda _: output.append(scenario.server.metadata(scenario.mark)))
    scenario.proxy.inject(f"^DELETE {scenario.path}$", removing)
    assert scenario.restore("--on-existing", "replace").result == "restored"
    assert [(one["phase"], one["was"], one["aliases"]) for one in output] == [
        ("sent", "present", [f"{scenario.name}-alias"])
    ]
    assert scenario.server.info(scenario.name)["config"]["hnsw_config"]["m"] == 16
    assert scenario.state == scenario.promise(aliased=True)


def test_rule_5_nothing_is_removed_for_an_archive_that_is_damaged(scenario: RestoreScenario) -> None:
    """Rule 5: the whole archive is checked before a collection of another configuration is deleted."""
    damage(scenario.add())
    make_other(scenario.server, scenario.name)
    held = scenario.server.points(scenario.name)
    outcome = scenario.restore("--on-existing", "replace")
    assert (outcome.status, scenario.server.points(scenario.name), scenario.markers) == (13, held, [])
    assert f"DELETE {scenario.path}" not in scenario.proxy.writes


# --- 7. tidy (6 has a file of its own: test_restore_verified.py) -------------------------------------------


def test_rule_7_the_uploaded_file_goes_while_its_collection_is_there(scenario: RestoreScenario) -> None:
    """Rule 7: afterwards it cannot be reached; it is deleted before the marker."""
    scenario.add()
    assert scenario.restore().result == "restored"
    assert scenario.proxy.writes[-2:] == [
        f"DELETE {scenario.path}/snapshots/{name_upload(scenario.name)}",
        f"DELETE {path(scenario.mark)}",
    ]


def test_rule_7_a_refused_upload_leaves_no_file_although_its_collection_never_was(scenario: RestoreScenario) -> None:
    """Rule 7: the way out under the marker - an empty collection of that name, delete the file, drop it."""
    scenario.add()
    leave_the_file_only = Fault(
        after=lambda _: scenario.server.drop(scenario.name), rewrite=lambda _: FAILED, answered=500
    )
    scenario.proxy.inject(UPLOADING, leave_the_file_only)
    outcome = scenario.restore()
    assert (outcome.status, outcome.message.endswith("; nothing is left behind")) == (17, True)
    assert scenario.proxy.writes[-4:] == [
        f"PUT {scenario.path}",
        f"DELETE {scenario.path}/snapshots/{name_upload(scenario.name)}",
        f"DELETE {scenario.path}",
        f"DELETE {path(scenario.mark)}",
    ]
    assert (scenario.name in scenario.server.collections(), scenario.markers) == (False, [])
    scenario.server.create(scenario.name, vectors={})
    assert scenario.server.snapshots_of(scenario.name) == []


def test_rule_7_a_live_alias_is_never_moved(scenario: RestoreScenario) -> None:
    """Rule 7: create_alias moves an alias silently; one that points elsewhere stays there, and a warning says so."""
    alias, live = f"{scenario.name}-alias", f"{scenario.name}-live"
    scenario.add(aliases=(alias,))
    put_written(scenario.server, live)
    scenario.server.alias(alias, live)
    outcome = scenario.restore()
    assert (outcome.result, outcome.warnings) == (
        "restored",
        (f"alias '{alias}' points to '{live}' and was left there",),
    )
    assert scenario.server.aliases()[alias] == live
    scenario.server.forget(live)


def test_rule_7_missing_aliases_and_payload_indexes_are_put_back(scenario: RestoreScenario) -> None:
    """Rule 7: what the manifest says was there, and is not there after the recovery."""
    schema = describe("plain", scenario.name).payload_schema
    scenario.add(aliases=(f"{scenario.name}-alias",), payload_schema={**schema, "more": {"data_type": "keyword"}})
    outcome = scenario.restore()
    assert (outcome.result, outcome.warnings) == ("restored", ())
    assert scenario.server.indexes(scenario.name) == sorted([*schema, "more"])
    assert scenario.server.aliases()[f"{scenario.name}-alias"] == scenario.name


# --- 8. unmark ------------------------------------------------------------------------------------------------


def test_rule_8_a_mark_stays_when_nobody_knows_what_became_of_it(scenario: RestoreScenario) -> None:
    """Rule 8: only a definite answer unmarks; else the marker stays and the message names it."""
    scenario.add()

    def hide_what_runs(_seen: RecordedRequest) -> None:
        scenario.proxy.inject(r"GET /telemetry", Fault(status=500))

    scenario.proxy.inject(UPLOADING, Fault(after=hide_what_runs, lost=True))
    outcome = scenario.restore("--stall-timeout", "60")
    assert (outcome.status, scenario.markers) == (17, [scenario.mark])
    assert f"its marker '{scenario.mark}' stays, and the next run finishes it" in outcome.message
    scenario.proxy.reset()
    assert scenario.restore().result == "finished"
    assert scenario.state == scenario.promise()


# --- 10. before each destructive call ---------------------------------------------------------------------------


def test_rule_10_who_lost_its_mark_while_it_slept_destroys_nothing(scenario: RestoreScenario) -> None:
    """Rule 10: the token is read again before each destructive call; the marker of that name is another run's now."""
    scenario.add()
    make_other(scenario.server, scenario.name)
    held = scenario.server.points(scenario.name)

    def lose_it(_seen: RecordedRequest) -> None:
        scenario.server.drop(scenario.mark)
        scenario.plant(Phase.MARKED, TargetBefore.PRESENT)

    scenario.proxy.inject(f"^PATCH {path(scenario.mark)}$", Fault(after=lose_it), times=1)
    outcome = scenario.restore("--on-existing", "replace")
    assert (outcome.status, outcome.message) == (
        11,
        "another run took over this restore; it is left to that run",
    )
    assert scenario.server.points(scenario.name) == held
    assert scenario.server.metadata(scenario.mark)["token"] == DEAD_TOKEN


def test_rule_10_who_finds_a_higher_attempt_destroys_nothing(scenario: RestoreScenario) -> None:
    """Rule 10: our own marker is still there, and somebody has taken over all the same."""
    scenario.add()
    make_other(scenario.server, scenario.name)
    held = scenario.server.points(scenario.name)

    def be_ahead(_seen: RecordedRequest) -> None:
        scenario.plant(Phase.MARKED, TargetBefore.PRESENT, attempt=2)

    scenario.proxy.inject(f"^PATCH {path(scenario.mark)}$", Fault(after=be_ahead), times=1)
    outcome = scenario.restore("--on-existing", "replace")
    assert (outcome.status, scenario.server.points(scenario.name)) == (11, held)
    assert f"DELETE {scenario.path}" not in scenario.proxy.writes


# --- 11. ends ---------------------------------------------------------------------------------------------------


def test_rule_11_a_definite_failure_removes_what_this_restore_made(own_scenario: RestoreScenario) -> None:
    """Rule 11: was absent and has no points now: the collection goes, the file goes, the marker goes."""
    own_scenario.add()

    def leave_it_half_made(_seen: RecordedRequest) -> None:
        own_scenario.server.drop(own_scenario.name)
        make_empty(own_scenario.server, own_scenario.name)

    own_scenario.proxy.inject(UPLOADING, Fault(after=leave_it_half_made, rewrite=lambda _: FAILED, answered=500))
    outcome = own_scenario.restore()
    assert (outcome.status, outcome.message.endswith("; what was made of it is removed again")) == (17, True)
    assert own_scenario.server.collections() == []
    assert own_scenario.server.files() == {}


# --- what several of them use -------------------------------------------------------------------------------------


class snapshot_in_the_making:  # noqa: N801 - reads as a sentence behind `with`
    """While this is open, a snapshot of the collection is being created, as long as the server pauses."""

    def __init__(self, embedded: EmbeddedQdrant, scenario: RestoreScenario) -> None:
        self._embedded, self._ground = embedded, scenario
        self._thread = threading.Thread(
            target=scenario.server.ask, args=("POST", f"{scenario.path}/snapshots"), daemon=True
        )

    def __enter__(self) -> None:
        self._thread.start()
        self._embedded.await_moment("creating")

    def __exit__(self, *_: object) -> None:
        self._embedded.misbehave()
        self._thread.join()


def wait_for(scenario: RestoreScenario, pattern: str, *, at_least: int) -> None:
    """Wait until the proxy has seen so many requests of a kind."""
    end = time.monotonic() + 20
    while len(scenario.proxy.find(pattern)) < at_least:
        assert time.monotonic() < end, [seen.line for seen in scenario.proxy.seen]
        time.sleep(0.01)
