"""Every row of "what happens if it is killed here" has its evidence: a test that is there."""

from __future__ import annotations

import re

import pytest

from tests.support.pages import list_rows
from tests.support.program import ROOT

PAGE = ROOT / "docs" / "guarantees.md"
KILLED = [row[0] for row in list_rows(PAGE, "Killed while it")]
FOUND = [f"{row[0]}, {row[1]}" for row in list_rows(PAGE, "The target was")]
SERVER = [row[0] for row in list_rows(PAGE, "While")]

_STEPS = "faults/test_restore_killed.py::test_a_restore_killed_at_any_step_is_made_whole_by_the_next_run"
_UPLOAD = "test_restore_killed.py::test_a_restore_killed_in_the_middle_of_its_upload_is_made_whole_by_the_next_run"
_REQUESTS = "faults/test_snapshot_faults.py::test_after_a_kill_the_next_run_succeeds_and_cleans_up"
_LINES = "faults/test_publish_killed.py::test_a_kill_at_any_line_leaves_latest_whole_and_the_next_run_cleans_up"
_PRUNE = "test_a_kill_at_any_line_leaves_the_rest_whole_and_a_second_run_ends_with_the_same_set"
_MIRROR = "contract/test_stores_mirrored.py::test_killed_at_any_moment_it_goes_on_with_what_is_missing"
_DRILL = "faults/test_drill.py::test_a_drill_killed_at_any_step_is_cleared_away_by_the_next_one"
_SERVER = "test_a_server_killed_at_any_moment_of_a_recover_is_whole_after_the_next_run"
_STALE = "faults/test_restore_stale.py"

EVIDENCE = {
    "waits, examines, plans": _STEPS,
    "has made its marker": f"{_STALE}::test_under_a_stale_marked_nothing_was_sent_and_it_is_planned_anew",
    "sends (upload)": f"faults/{_UPLOAD}",
    "waits for the server": "faults/test_restore_stale.py::test_what_arrived_whole_after_its_sender_died_is_accepted",
    "compares": _STEPS,
    "has compared and tidies": "faults/test_restore_stale.py::test_a_verified_mark_is_only_ever_deleted",
    "removes its marker": _STEPS,
    "locks, reads the collection": "contract/test_local_writer.py::test_the_lock_of_a_killed_holder_is_free_at_once",
    "lets the server create": "commands/test_prune_server.py::test_what_nobody_can_attribute_is_reported_and_stays",
    "downloads, compares, looks inside": (
        "commands/test_prune_server.py::test_the_next_run_removes_what_a_killed_one_left_by_itself"
    ),
    "has deleted the server's copy": _REQUESTS,
    "has written the manifest": _LINES,
    "has given the snapshot its name": _LINES,
    "has moved latest": "faults/test_snapshot_faults.py::test_a_run_of_several_that_is_killed_leaves_no_set",
    "has written the set document": f"faults/test_prune_killed.py::{_PRUNE}",
    "has taken the lease": "stores/test_bucket_errors.py::test_a_dead_holders_lease_is_taken_over_after_its_time",
    "sends parts": _MIRROR,
    "has finished the bytes": "stores/test_bucket_errors.py::test_without_its_manifest_nobody_sees_a_snapshot",
    "renews its lease no more (asleep, cut off)": (
        "stores/test_bucket_errors.py::test_a_lease_that_could_not_be_renewed_publishes_nothing"
    ),
    "reads for a restore": (
        "stores/test_bucket_errors.py::test_a_snapshot_that_is_replaced_while_it_is_read_is_not_mixed"
    ),
    "`prune` decides": f"faults/test_prune_killed.py::{_PRUNE}",
    "`prune` deletes a snapshot": f"faults/test_prune_killed.py::{_PRUNE}",
    "`prune` has deleted a set's last snapshot": f"faults/test_prune_killed.py::{_PRUNE}",
    "`prune --server` works": (
        "commands/test_prune_server.py::"
        "test_the_journal_of_another_url_of_the_server_is_kept_until_it_is_asked_by_that"
    ),
    "`mirror` sends": _MIRROR,
    "`mirror` has sent the bytes": (
        "contract/test_stores_mirrored.py::test_bytes_that_a_killed_run_left_whole_are_adopted_and_others_are_not"
    ),
    "`mirror` has copied the snapshots": (
        "contract/test_stores_mirrored.py::test_pins_and_sets_go_along_and_the_second_run_writes_nothing"
    ),
    "`drill` restores, compares, searches": _DRILL,
    "`drill` has compared": _DRILL,
    "`serve` runs a job": "faults/test_serve.py::test_a_killed_serve_does_the_run_again_at_its_next_start",
    "`serve` waits": "pure/daemon/test_slots.py::test_however_many_runs_were_missed_one_is_made_up_for",
    "`verify` reads": "commands/test_verify.py::test_samples_cover_the_store_in_time",
    "`pin`, `unpin` write": "contract/test_stores.py::test_documents_are_written_whole_read_listed_and_deleted",
    "missing, whole": "faults/test_restore_stale.py::test_what_arrived_whole_after_its_sender_died_is_accepted",
    "missing, missing": f"faults/{_UPLOAD}",
    "missing, without a point, or answering `Dirty shard` as a half-made one does": (
        "faults/test_restore_stale.py::test_a_half_made_collection_without_points_is_deleted_and_restored"
    ),
    "missing, not answering in any other way": (
        "faults/test_restore_stale.py::test_a_collection_that_is_broken_otherwise_is_never_deleted_by_a_takeover"
    ),
    "missing, holding points, but not what was sent": (
        "faults/test_restore_stale.py::test_what_somebody_wrote_into_an_interrupted_restore_is_never_removed"
    ),
    "empty, any of these": (
        "faults/test_restore_stale.py::test_an_empty_collection_that_was_there_before_is_sent_to_again_and_never_deleted"
    ),
    "present (`replace`), anything": (
        "faults/test_restore_stale.py::test_a_replaced_collection_is_sent_again_whatever_it_looks_like"
    ),
    "it unpacks": f"faults/test_restore_server_killed.py::{_SERVER}",
    "it has just created the collection": f"faults/test_restore_server_killed.py::{_SERVER}",
    "data moves in": f"{_STALE}::test_a_dirty_collection_under_a_stale_mark_is_deleted_and_restored",
    "it creates a snapshot": (
        "faults/test_snapshot_faults.py::test_a_server_killed_while_it_creates_leaves_the_store_as_it_was"
    ),
}


def test_every_row_has_its_evidence() -> None:
    """And no evidence is of a row that is gone."""
    assert {*KILLED, *FOUND, *SERVER} == set(EVIDENCE)


@pytest.mark.parametrize("row", EVIDENCE)
def test_the_evidence_is_there(row: str) -> None:
    """Under the name that is said here."""
    file, name = EVIDENCE[row].split("::")

    assert re.search(rf"^def {name}\(", (ROOT / "tests" / file).read_text(encoding="utf-8"), re.MULTILINE)
