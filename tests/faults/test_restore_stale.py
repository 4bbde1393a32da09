"""Rule 9: markers whose holder is dead. Each phase, each thing the target was, and what stands there now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from restore.qdrant.collection_names import name_marker, name_upload
from restore.recovery.marker.model import Phase, TargetBefore
from tests.support.recording_proxy import Fault, RecordedRequest
from tests.support.restore_scenario import RestoreScenario
from tests.support.sample_stores import NOON, RECORDED, promised_points
from tests.support.server_under_test import Server, path
from tests.support.targets import leave_missing, make_empty, make_other, put_empty, put_whole, put_written

SENDING = r"snapshots/(recover|upload)"
UPLOADING = r"POST .*snapshots/upload"
SKIPPED, RESTORED, FINISHED, WRITTEN = "skipped_exists", "restored", "finished", "written_meanwhile"


@pytest.mark.parametrize("now", [leave_missing, put_empty])
def test_under_a_stale_marked_nothing_was_sent_and_it_is_planned_anew(
    scenario: RestoreScenario, now: Callable[[Server, str], None]
) -> None:
    """Rule 9, `marked`: both markers are dropped and the target is restored as if nobody had been there."""
    scenario.add()
    now(scenario.server, scenario.name)
    scenario.plant(Phase.MARKED, TargetBefore.ABSENT)
    outcome = scenario.restore()
    assert (outcome.result, outcome.status) == (RESTORED, 0)
    assert scenario.state == scenario.promise()


def test_under_a_stale_marked_a_filled_collection_is_left_alone(scenario: RestoreScenario) -> None:
    """Rule 9, `marked`, was present: dropped and planned anew, and the plan is to skip."""
    scenario.add()
    put_written(scenario.server, scenario.name)
    scenario.plant(Phase.MARKED, TargetBefore.PRESENT)
    outcome = scenario.restore()
    assert (outcome.result, outcome.points, scenario.proxy.find(SENDING)) == (SKIPPED, 3, [])
    assert scenario.markers == []


@pytest.mark.parametrize("was", [TargetBefore.ABSENT, TargetBefore.EMPTY])
def test_what_arrived_whole_after_its_sender_died_is_accepted(scenario: RestoreScenario, was: TargetBefore) -> None:
    """Rule 9, `sent`: verify; whole → 6, 7, 8, nothing is sent again and the uploaded file goes."""
    scenario.add()
    put_whole(scenario.server, scenario.name)
    scenario.plant(Phase.SENT, was)
    assert scenario.server.snapshots_of(scenario.name) == [name_upload(scenario.name)]
    outcome = scenario.restore()
    assert (outcome.result, outcome.status, scenario.proxy.find(SENDING)) == (FINISHED, 0, [])
    assert scenario.state == scenario.promise()


def test_a_half_made_collection_without_points_is_deleted_and_restored(scenario: RestoreScenario) -> None:
    """Rule 9, `sent`, was absent: exactly no points is half-made (11 of 11 kills)."""
    scenario.add()
    put_empty(scenario.server, scenario.name)
    scenario.plant(Phase.SENT, TargetBefore.ABSENT)
    outcome = scenario.restore()
    assert (outcome.result, outcome.status) == (RESTORED, 0)
    assert [seen.line for seen in scenario.proxy.find("^DELETE")].count(f"DELETE {scenario.path}") == 1
    assert scenario.state == scenario.promise()


def test_an_empty_collection_that_was_there_before_is_sent_to_again_and_never_deleted(
    scenario: RestoreScenario,
) -> None:
    """Rule 9, `sent`, was empty: recover onto it; its own settings win."""
    scenario.add()
    make_empty(scenario.server, scenario.name)
    scenario.plant(Phase.SENT, TargetBefore.EMPTY)
    outcome = scenario.restore()
    assert (outcome.result, outcome.status) == (RESTORED, 0)
    assert f"DELETE {scenario.path}" not in [seen.line for seen in scenario.proxy.seen]
    assert scenario.server.info(scenario.name)["config"]["hnsw_config"]["m"] == 24
    assert scenario.state == scenario.promise()


@pytest.mark.parametrize("was", [TargetBefore.ABSENT, TargetBefore.EMPTY])
def test_what_somebody_wrote_into_an_interrupted_restore_is_never_removed(
    scenario: RestoreScenario, was: TargetBefore
) -> None:
    """Rule 9, `sent`: has points but is not whole → written_meanwhile (13), nothing removed, the marker stays."""
    scenario.add()
    put_written(scenario.server, scenario.name)
    mark = scenario.plant(Phase.SENT, was)
    outcome = scenario.restore()
    assert (outcome.result, outcome.status, outcome.points) == (WRITTEN, 13, 3)
    assert scenario.server.count(scenario.name) == 3
    assert scenario.markers == [mark]
    assert outcome.message == (
        "a restore of it was interrupted, and it holds 3 points by now, which is not what was sent; left as it is"
    )
    assert outcome.hint == (
        f"to take the snapshot: qdrant-restore restore {scenario.name} --on-existing replace; to keep what is there: "
        f"delete the collection '{mark}', which marks the interrupted restore"
    )


def test_a_takeover_that_sends_another_snapshot_says_so_in_its_mark(scenario: RestoreScenario) -> None:
    """Rules 5 and 9: a newer latest is sent; killed after its arrival, the next run compares with that one."""
    scenario.add("shards", at=NOON - timedelta(days=1), latest=False)
    newest = scenario.add()
    older = f"{scenario.name}_20261119_120000.snapshot"
    scenario.plant(Phase.SENT, TargetBefore.ABSENT, snapshot=older, kind="shards")
    output: list[dict[str, Any]] = []
    with scenario.start(scenario.name, hurried=True) as running:

        def look_and_kill(_seen: RecordedRequest) -> None:
            output.append(scenario.server.metadata(name_marker(scenario.name, 2)))
            running.kill()

        scenario.proxy.inject(UPLOADING, Fault(after=look_and_kill, lost=True), times=1)
        assert running.wait().status == -9
    assert [(one["snapshot"], one["size"]) for one in output] == [(newest.name, newest.stat().st_size)]
    outcome = scenario.restore()
    assert (outcome.result, outcome.snapshot, scenario.proxy.find(SENDING)) == (FINISHED, newest.name, [])
    assert scenario.state == scenario.promise()


def test_without_a_manifest_a_few_points_of_somebody_do_not_pass_for_the_snapshot(scenario: RestoreScenario) -> None:
    """No answer, no manifest, three points where the archive has room for 43: an application wrote them (rule 9)."""
    scenario.add(manifest=False)
    put_written(scenario.server, scenario.name)
    mark = scenario.plant(Phase.SENT, TargetBefore.ABSENT, sha256="")
    outcome = scenario.restore()
    assert (outcome.result, outcome.status, outcome.points) == (WRITTEN, 13, 3)
    assert (scenario.server.count(scenario.name), scenario.markers) == (3, [mark])


def test_without_a_manifest_what_arrived_is_accepted_all_the_same(scenario: RestoreScenario) -> None:
    """Rule 9: the client died after its last byte; a store that a person filled has no manifests."""
    scenario.add(manifest=False)
    put_whole(scenario.server, scenario.name)
    scenario.plant(Phase.SENT, TargetBefore.ABSENT, sha256="")
    assert scenario.restore().result == FINISHED
    assert scenario.state == scenario.promise()


def test_written_meanwhile_ends_by_replacing(scenario: RestoreScenario) -> None:
    """Rule 9, the first way out that the hint names: the snapshot takes the place of what was written."""
    scenario.add()
    put_written(scenario.server, scenario.name)
    scenario.plant(Phase.SENT, TargetBefore.ABSENT)
    outcome = scenario.restore("--on-existing", "replace")
    assert (outcome.result, outcome.status) == (RESTORED, 0)
    assert scenario.state == scenario.promise()


def test_written_meanwhile_ends_by_deleting_the_mark(scenario: RestoreScenario) -> None:
    """Rule 9, the second way out that the hint names: what was written is present from then on."""
    scenario.add()
    put_written(scenario.server, scenario.name)
    scenario.server.drop(scenario.plant(Phase.SENT, TargetBefore.ABSENT))
    outcome = scenario.restore()
    assert (outcome.result, outcome.status, scenario.server.count(scenario.name), scenario.proxy.writes) == (
        SKIPPED,
        0,
        3,
        [],
    )


def test_a_replaced_collection_is_sent_again_whatever_it_looks_like(scenario: RestoreScenario) -> None:
    """Rule 9, `sent`, was present: the old data can pass the samples, so it is sent again even when it does."""
    scenario.add()
    put_whole(scenario.server, scenario.name)
    scenario.plant(Phase.SENT, TargetBefore.PRESENT)
    outcome = scenario.restore()
    assert (outcome.result, outcome.status, len(scenario.proxy.find("snapshots/upload"))) == (RESTORED, 0, 1)
    assert scenario.state == scenario.promise()


def test_aliases_of_a_collection_that_a_dead_run_removed_are_put_back(scenario: RestoreScenario) -> None:
    """Rules 5 and 9: the aliases were written into the marker before the deletion, and come from there."""
    scenario.add()
    scenario.plant(Phase.SENT, TargetBefore.PRESENT, aliases=(f"{scenario.name}-alias",))
    outcome = scenario.restore()
    assert (outcome.result, outcome.status) == (RESTORED, 0)
    assert scenario.state == scenario.promise(aliased=True)


@pytest.mark.parametrize("was", list(TargetBefore))
def test_a_verified_mark_is_only_ever_deleted(scenario: RestoreScenario, was: TargetBefore) -> None:
    """Rule 9, `verified`: 7 and 8 only, whatever the collection holds by now."""
    scenario.add()
    put_whole(scenario.server, scenario.name)
    scenario.server.upsert(scenario.name, range(1, 3))
    mark = scenario.plant(Phase.VERIFIED, was)
    held = scenario.server.points(scenario.name)
    outcome = scenario.restore()
    assert (outcome.result, outcome.status) == (FINISHED, 0)
    assert [line for line in scenario.proxy.writes if mark[:-2] not in line] == []
    assert [line for line in scenario.proxy.writes if line.startswith("DELETE")] == [
        f"DELETE {path(mark)}",
        f"DELETE {path(scenario.name, f'snapshots/{name_upload(scenario.name)}')}",
        f"DELETE {path(name_marker(scenario.name, 2))}",
    ]
    assert (scenario.server.points(scenario.name), scenario.markers, scenario.server.snapshots_of(scenario.name)) == (
        held,
        [],
        [],
    )


def test_a_collection_that_was_removed_after_it_was_verified_is_restored_again(scenario: RestoreScenario) -> None:
    """A verified marker alone is no collection; status 0 means that the collection is there."""
    scenario.add()
    scenario.plant(Phase.VERIFIED, TargetBefore.ABSENT)
    outcome = scenario.restore()
    assert (outcome.result, outcome.status) == (RESTORED, 0)
    assert scenario.state == scenario.promise()


def test_of_several_stale_marks_the_highest_attempt_counts(scenario: RestoreScenario) -> None:
    """Rules 4 and 9: a run that took over and died left a higher attempt; all of them go in the end."""
    scenario.add()
    put_whole(scenario.server, scenario.name)
    scenario.plant(Phase.MARKED, TargetBefore.ABSENT, attempt=1)
    scenario.plant(Phase.SENT, TargetBefore.ABSENT, attempt=2)
    outcome = scenario.restore()
    assert [seen.line for seen in scenario.proxy.find("^PUT")] == [f"PUT {path(name_marker(scenario.name, 3))}"]
    assert (outcome.result, outcome.status, scenario.markers) == (FINISHED, 0, [])


def test_a_mark_that_nobody_can_read_is_left_alone(scenario: RestoreScenario) -> None:
    """Rule 9: another version of this program may have made it; what was sent under it is not known."""
    scenario.add()
    mark = name_marker(scenario.name, 1)
    scenario.server.create(mark, vectors={}, metadata={"phase": "some later idea"})
    outcome = scenario.restore()
    assert (outcome.status, scenario.proxy.writes, scenario.markers) == (11, [], [mark])
    assert outcome.message == f"its marker '{mark}' cannot be read; left as it is"
    scenario.server.drop(mark)


def test_a_stale_mark_is_waited_for_with_the_machines_own_clock_too(scenario: RestoreScenario) -> None:
    """Rule 9: unchanged for 10 s over at least three reads, also when the holder's host is ours; as people run it."""
    scenario.add()
    put_whole(scenario.server, scenario.name)
    scenario.plant(Phase.SENT, TargetBefore.ABSENT)
    run_result = scenario.run(scenario.name)
    assert (run_result.status, run_result.outcome["result"]) == (0, FINISHED)
    assert 12 < run_result.took < 30
    assert scenario.markers == []


def test_ten_runs_that_cannot_finish_leave_one_mark(scenario: RestoreScenario) -> None:
    """The snapshot of an interrupted restore is damaged; every run fails, and none leaves a marker of its own."""
    file = scenario.add()
    mark = scenario.plant(Phase.SENT, TargetBefore.ABSENT)
    content = file.read_bytes()
    file.write_bytes(content[:512] + b"x" * (len(content) - 512))
    outcomes = [scenario.restore() for _ in range(10)]
    assert [outcome.status for outcome in outcomes] == [13] * 10
    assert scenario.markers == [mark]
    assert mark in outcomes[-1].message


def test_a_snapshot_that_is_gone_leaves_the_interrupted_restore_as_it_is(scenario: RestoreScenario) -> None:
    """Rule 9: nothing to send again → 10, and the stale marker stays for a run that has something."""
    scenario.store.add("another")
    mark = scenario.plant(Phase.SENT, TargetBefore.ABSENT)
    outcome = scenario.restore()
    assert (outcome.status, scenario.markers) == (10, [mark])


def test_a_dirty_collection_under_a_stale_mark_is_deleted_and_restored(
    embedded: EmbeddedQdrant, own_scenario: RestoreScenario
) -> None:
    """Rule 9, `sent`, was absent: a server killed while the data moved in left what does not answer."""
    own_scenario.add()
    break_half_way(embedded, own_scenario.server)
    own_scenario.plant(Phase.SENT, TargetBefore.ABSENT)
    outcome = own_scenario.restore()
    deleted = f"DELETE {own_scenario.path}" in [seen.line for seen in own_scenario.proxy.seen]
    assert (outcome.result, outcome.status, deleted) == (RESTORED, 0, True)
    assert own_scenario.state == own_scenario.promise()


def test_a_dirty_collection_that_was_empty_before_is_sent_to_again(
    embedded: EmbeddedQdrant, own_scenario: RestoreScenario
) -> None:
    """Rule 9, `sent`, was empty: recovered onto, not deleted, also when only an upload reaches the server."""
    own_scenario.add()
    make_empty(own_scenario.server, own_scenario.name)
    break_half_way(embedded, own_scenario.server)
    own_scenario.plant(Phase.SENT, TargetBefore.EMPTY)
    outcome = own_scenario.restore()
    deleted = f"DELETE {own_scenario.path}" in [seen.line for seen in own_scenario.proxy.seen]
    assert (outcome.result, outcome.status, outcome.transfer, deleted) == (RESTORED, 0, "upload", False)
    assert own_scenario.state == own_scenario.promise()


def test_a_dirty_collection_that_was_replaced_is_replaced_with_its_aliases(
    embedded: EmbeddedQdrant, own_scenario: RestoreScenario
) -> None:
    """Rule 9, `sent`, was present: send again."""
    own_scenario.add()
    make_other(own_scenario.server, own_scenario.name)
    break_half_way(embedded, own_scenario.server)
    own_scenario.plant(Phase.SENT, TargetBefore.PRESENT, aliases=("cities-alias",))
    outcome = own_scenario.restore()
    assert (outcome.result, outcome.status) == (RESTORED, 0)
    assert own_scenario.state == own_scenario.promise(aliased=True)


def test_a_collection_that_is_broken_otherwise_is_never_deleted_by_a_takeover(
    embedded: EmbeddedQdrant, own_scenario: RestoreScenario
) -> None:
    """Rule 9: only "Dirty shard" is what a killed recover leaves; any other 500 may be a whole collection's."""
    own_scenario.add()
    put_whole(own_scenario.server, own_scenario.name)
    mark = own_scenario.plant(Phase.SENT, TargetBefore.ABSENT)
    words = {"status": {"error": "Service internal error: Too many open files (os error 24)"}, "time": 0.0}
    embedded.misbehave({"fault": "fail", "path": "GET /collections/cities$", "status": 500, "body": words})
    outcome = own_scenario.restore()
    embedded.misbehave()
    assert (outcome.status, own_scenario.markers) == (17, [mark])
    assert own_scenario.server.points(own_scenario.name) == promised_points("plain")
    assert mark in outcome.message


def break_half_way(embedded: EmbeddedQdrant, server: Server) -> None:
    """Let the server die while the data of `cities` moves in, and start it again."""
    folder = embedded.snapshots
    folder.mkdir(parents=True, exist_ok=True)
    copy = Path(folder, "seen.snapshot")
    copy.write_bytes((RECORDED / "plain-1.18.3.snapshot").read_bytes())
    embedded.misbehave({"fault": "die", "moment": "while-moving"})
    with pytest.raises(OSError, match=r".*"):
        server.ask("PUT", path("cities", "snapshots/recover"), {"location": f"file://{copy}", "priority": "snapshot"})
    embedded.wait()
    embedded.start()
    copy.unlink()
    assert server.ask("GET", path("cities")).status == 500
