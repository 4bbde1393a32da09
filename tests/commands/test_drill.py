"""`drill`: restored into a throw-away collection, compared, searched, dropped; only the record of it stays."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from restore.commands.drill.report import DrillResult
from restore.qdrant.collection_names import name_marker, name_temporary, name_upload
from restore.snapshots.manifest import Sample
from restore.stores.layout import PROVEN_FILE
from tests.support.program import run_program
from tests.support.recording_proxy import Fault
from tests.support.restore_scenario import RestoreScenario
from tests.support.run_drill import drill_here, only
from tests.support.run_publish import FIRST
from tests.support.run_restore import RunningProgram, TimedResult
from tests.support.run_serve import read_events
from tests.support.sample_stores import FilledStore, recorded
from tests.support.server_under_test import Server
from tests.support.targets import make_other
from tests.support.tls_relay import open_tls

TOKEN = "a" * 32
CONFIG = recorded("plain")["info"]["config"]
QUERY = r"^POST .*/points/query"


def remembered(file: Path) -> dict[str, Any]:
    """Return the record of checks beside a snapshot."""
    return dict(json.loads(file.with_name(f"{file.name}.check.json").read_text()))


def find_left(server: Server, scratch: str) -> list[str]:
    """Return the leftovers of a drill on the server: its collection, its marker, its uploaded file."""
    names = [name for name in server.collections() if name == scratch or name in server.markers(scratch)]
    server.create(scratch, vectors={})
    files = [file for file in server.snapshots_of(scratch) if file == name_upload(scratch)]
    server.drop(scratch)
    return [*names, *files]


def run_drill(*arguments: str, scenario: RestoreScenario, environment: dict[str, str] | None = None) -> TimedResult:
    """Run the installed command to its end."""
    given = {"QDRANT_API_KEY": scenario.server.key, **(environment or {})}
    url, store = scenario.proxy.url, scenario.store.path
    with RunningProgram(*arguments, url=url, store=store, environment=given, command="drill") as running:
        return running.wait()


@pytest.mark.parametrize(
    ("kind", "points", "searches"),
    [
        ("plain", 43, 5),
        ("named", 30, 9),
        ("shards", 60, 5),
        ("indexed", 3000, 5),
        ("empty", 0, 0),
        ("schemaless", 1, 0),
    ],
)
def test_a_whole_snapshot_is_proven_and_nothing_is_left(
    scenario: RestoreScenario, kind: str, points: int, searches: int
) -> None:
    """Count, schema, samples and searches with a point's own vectors, named ones too."""
    file = scenario.add(kind)
    report = drill_here(scenario.name, url=scenario.server.url, store=scenario.store.path, key=scenario.server.key)
    outcome = only(report)
    assert (report.status, outcome.result, outcome.points, outcome.searches) == (
        0,
        DrillResult.PROVEN,
        points,
        searches,
    )
    assert (outcome.snapshot, outcome.left, outcome.transfer) == (file.name, "", "upload")
    assert find_left(scenario.server, outcome.scratch) == []


def test_the_source_is_only_read(scenario: RestoreScenario) -> None:
    """A drill changes only its temporary collection, marker and upload; the collection in use stays as it is."""
    make_other(scenario.server, scenario.name)
    scenario.add()
    before = (scenario.state, scenario.store.files())
    outcome = only(
        drill_here(
            scenario.name, url=scenario.proxy.url, store=scenario.store.path, key=scenario.server.key, token=TOKEN
        )
    )
    scratch = name_temporary(scenario.name, TOKEN)
    own = f"^[A-Z]+ /collections/({re.escape(scratch)}|{re.escape(name_marker(scratch, 1))})([/?]|$)"
    assert (outcome.status, outcome.scratch) == (0, scratch)
    assert [line for line in scenario.proxy.writes if not re.match(own, line)] == []
    assert [seen.line for seen in scenario.proxy.seen if scenario.path in seen.path] == []
    records = {f"{outcome.snapshot}.check.json", PROVEN_FILE}
    after = {name: content for name, content in scenario.store.files().items() if name not in records}
    assert (scenario.state, after) == before


def test_a_scratch_name_that_is_taken_is_refused_and_left_as_it_is(scenario: RestoreScenario) -> None:
    """A drill never drops a collection that it did not make."""
    scenario.add()
    scratch = name_temporary(scenario.name, TOKEN)
    scenario.server.create(scratch, vectors={"size": 4, "distance": "Dot"})
    scenario.server.upsert(scratch, range(1, 4))
    before = scenario.server.points(scratch)
    outcome = only(
        drill_here(
            scenario.name, url=scenario.server.url, store=scenario.store.path, key=scenario.server.key, token=TOKEN
        )
    )
    after = scenario.server.points(scratch)
    scenario.server.drop(scratch)
    assert (outcome.status, outcome.result) == (16, DrillResult.FAILED)
    assert outcome.message == "is there already, and a drill restores into a new one only"
    assert after == before
    assert scenario.server.markers(scratch) == []


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"points": 44}, "43 of 44 points"),
        ({"samples": (Sample(1, "0" * 32),)}, "1 of 1 sampled point changed (1)"),
        ({"samples": (Sample(999_999, "0" * 32),)}, "1 of 1 sampled point missing (999999)"),
        ({"config": {**CONFIG, "hnsw_config": {**CONFIG["hnsw_config"], "m": 99}}}, "its hnsw_config.m is 16, the"),
    ],
    ids=["count", "a sample", "a missing sample", "schema"],
)
def test_what_is_not_as_promised_is_status_13(
    scenario: RestoreScenario, changes: dict[str, Any], difference: str
) -> None:
    """And the temporary collection goes all the same; what was proven before stays written, with the failure."""
    file = scenario.add()
    drill_here(scenario.name, url=scenario.server.url, store=scenario.store.path, key=scenario.server.key)
    proven = remembered(file)["passed"]
    scenario.add(**changes)
    report = drill_here(scenario.name, url=scenario.server.url, store=scenario.store.path, key=scenario.server.key)
    outcome = only(report)
    assert (report.status, outcome.status, outcome.result) == (13, 13, DrillResult.DIFFERS)
    assert difference in outcome.message
    assert find_left(scenario.server, outcome.scratch) == []
    assert (remembered(file)["passed"], remembered(file)["failed"]["depth"]) == (proven, "restore")


def test_a_damaged_file_is_status_13(scenario: RestoreScenario) -> None:
    """The server compares the checksum; nothing comes to be there."""
    file = scenario.add()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    outcome = only(
        drill_here(scenario.name, url=scenario.server.url, store=scenario.store.path, key=scenario.server.key)
    )
    assert (outcome.status, outcome.result) == (13, DrillResult.FAILED)
    assert outcome.hint == f"'qdrant-restore verify {scenario.name}' tells whether the file here is damaged"
    assert find_left(scenario.server, outcome.scratch) == []
    assert remembered(file)["failed"]["depth"] == "restore"


def test_an_approximate_count_is_a_warning(scenario: RestoreScenario) -> None:
    """A snapshot made while points changed promises its samples and its schema, and about so many points."""
    scenario.add(points=50, points_exact=False)
    outcome = only(
        drill_here(scenario.name, url=scenario.server.url, store=scenario.store.path, key=scenario.server.key)
    )
    assert (outcome.status, outcome.result) == (0, DrillResult.PROVEN)
    assert outcome.warnings == ("43 of 50 points, and the count was taken while points were being written",)
    assert "count (approximate), schema, 32 sampled points" in outcome.message


def test_without_a_manifest_it_is_restored_and_not_proven(scenario: RestoreScenario, tmp_path: Path) -> None:
    """It can be loaded and searched; nothing says what it should hold, and `list` does not say proven."""
    file = scenario.add(manifest=False)
    outcome = only(
        drill_here(scenario.name, url=scenario.server.url, store=scenario.store.path, key=scenario.server.key)
    )
    shown = run_program("list", "--store", str(scenario.store.path), cwd=tmp_path).stdout
    assert (outcome.status, outcome.result, outcome.points, outcome.searches) == (0, DrillResult.UNPROMISED, 43, 5)
    assert remembered(file)["passed"]["restore"]["result"] == "whole"
    assert "last check" in shown
    assert "last proven" not in shown


def test_a_proof_stands_in_the_store_and_in_list(scenario: RestoreScenario, tmp_path: Path) -> None:
    """The record of a drill says when it was made, how, and by which version."""
    file = scenario.add()
    run_result = run_drill(scenario.name, scenario=scenario)
    shown = run_program("list", "--json", "--store", str(scenario.store.path), cwd=tmp_path)
    (listed,) = [one for one in json.loads(shown.stdout)["files"] if one["file"] == file.name]
    check = remembered(file)["passed"]["restore"]
    assert (run_result.status, check["result"], check["by"].split()[0]) == (0, "as promised", "qdrant-restore")
    assert (listed["last_check"], listed["last_depth"], listed["last_proven"]) == (
        check["at"],
        "restore",
        check["at"],
    )
    assert {
        "result": "proven",
        "points": 43,
        "scratch": run_result.outcome["scratch"],
    }.items() <= run_result.outcome.items()


def test_points_that_are_not_found_by_their_own_vectors_are_a_difference(scenario: RestoreScenario) -> None:
    """A collection whose points are all there and cannot be searched is no backup of one that can."""
    scenario.add()
    scenario.proxy.inject(QUERY, Fault(rewrite=lambda _: b'{"result":{"points":[{"id":7777,"score":-0.5}]}}'))
    outcome = only(
        drill_here(scenario.name, url=scenario.proxy.url, store=scenario.store.path, key=scenario.server.key)
    )
    assert (outcome.status, outcome.result) == (13, DrillResult.DIFFERS)
    assert re.findall("is not found by its own vector", outcome.message) == ["is not found by its own vector"] * 5
    assert find_left(scenario.server, outcome.scratch) == []


def test_a_search_that_the_server_refuses_is_a_difference(scenario: RestoreScenario) -> None:
    """In its own words."""
    scenario.add()
    scenario.proxy.inject(QUERY, Fault(status=500, body=b'{"status":{"error":"index is gone"}}'))
    outcome = only(
        drill_here(scenario.name, url=scenario.proxy.url, store=scenario.store.path, key=scenario.server.key)
    )
    assert outcome.status == 13
    assert "cannot be searched" in outcome.message
    assert "index is gone" in outcome.message


def test_what_only_an_exact_search_finds_is_a_warning(scenario: RestoreScenario) -> None:
    """An index may be approximate; the points are there."""
    scenario.add()
    scenario.proxy.inject(QUERY, Fault(rewrite=lambda _: b'{"result":{"points":[]}}'), times=1)
    outcome = only(
        drill_here(scenario.name, url=scenario.proxy.url, store=scenario.store.path, key=scenario.server.key)
    )
    assert (outcome.status, outcome.searches) == (0, 5)
    assert [warning.partition(" is ")[2] for warning in outcome.warnings] == [
        "found by its own vector only by an exact search"
    ]


def test_the_server_reads_the_file_itself_where_it_sees_it(shared_scenario: RestoreScenario) -> None:
    """As a restore does; nothing is uploaded then."""
    shared_scenario.add()
    outcome = only(
        drill_here(
            shared_scenario.name,
            *shared_scenario.arguments,
            url=shared_scenario.proxy.url,
            store=shared_scenario.store.path,
        )
    )
    assert (outcome.status, outcome.transfer) == (0, "server-file")
    assert shared_scenario.proxy.find("snapshots/upload") == []
    assert find_left(shared_scenario.server, outcome.scratch) == []


def test_another_one_than_the_latest_is_proven_when_asked_for(scenario: RestoreScenario) -> None:
    """By its file's name."""
    scenario.add("named")
    older = scenario.add("plain", at=FIRST, latest=False)
    outcome = only(
        drill_here(
            scenario.name,
            "--snapshot",
            older.name,
            url=scenario.server.url,
            store=scenario.store.path,
            key=scenario.server.key,
        )
    )
    assert (outcome.status, outcome.snapshot, outcome.points) == (0, older.name, 43)


def test_one_that_differs_decides_the_status_of_many(
    scenario: RestoreScenario, new_name: Callable[[str], str]
) -> None:
    """13, not partial: a backup that is none must not pass for half a success."""
    scenario.add()
    other, missing = new_name("other"), new_name("missing")
    scenario.store.add(other, points=99)
    report = drill_here(
        scenario.name, other, missing, url=scenario.server.url, store=scenario.store.path, key=scenario.server.key
    )
    assert (report.status, [one.status for one in report.outcomes]) == (13, [0, 13, 10])


def test_without_a_name_every_collection_with_a_latest_is_drilled(scenario: RestoreScenario) -> None:
    """And an empty store is a warning."""
    nothing = drill_here(url=scenario.server.url, store=scenario.store.path, key=scenario.server.key)
    scenario.add()
    scenario.store.add(f"{scenario.name}-more", "named")
    report = drill_here(url=scenario.server.url, store=scenario.store.path, key=scenario.server.key)
    assert [(one.collection, one.status) for one in report.outcomes] == [
        (scenario.name, 0),
        (f"{scenario.name}-more", 0),
    ]
    assert (nothing.status, nothing.outcomes) == (0, ())
    assert nothing.warnings[0].startswith("nothing to drill: no collection is named and store")


def test_another_server_is_drilled_on_with_a_key_of_its_own(scenario: RestoreScenario, tmp_path: Path) -> None:
    """The first one is not even asked, and its key goes nowhere."""
    file = scenario.add()
    key = tmp_path / "key"
    key.write_text("other-key\n")
    with EmbeddedQdrant(tmp_path / "other", api_key="other-key") as other:
        # The first server's key would open the second one, and must not.
        without = run_drill(
            scenario.name, "--on", other.url, scenario=scenario, environment={"QDRANT_API_KEY": "other-key"}
        )
        run_result = run_drill(scenario.name, "--on", other.url, "--drill-api-key-file", str(key), scenario=scenario)
        left = Server(other.url, "other-key").collections()
    assert (without.status, run_result.status, run_result.report["url"]) == (12, 0, other.url)
    assert (scenario.proxy.seen, left) == ([], [])
    assert remembered(file)["passed"]["restore"]["result"] == "as promised"


def test_who_trusts_the_first_server_blindly_does_not_trust_the_other_one(
    scenario: RestoreScenario, tmp_path: Path
) -> None:
    """Each server has its own switch, and a key is sent to no server whose certificate is not known."""
    scenario.add()
    with EmbeddedQdrant(tmp_path / "other") as other, open_tls(other.url) as port:
        on = ("--on", f"https://127.0.0.1:{port}", "--log-format", "json")
        refused = run_drill(scenario.name, *on, scenario=scenario, environment={"RESTORE_INSECURE": "1"})
        drilled = run_drill(scenario.name, *on, scenario=scenario, environment={"RESTORE_DRILL_INSECURE": "1"})

    assert (refused.status, drilled.status) == (17, 0)
    assert "its certificate was not accepted" in refused.stderr
    assert [event["because"] for event in read_events(drilled.stderr) if event["event"] == "tls.insecure"] == [
        "RESTORE_DRILL_INSECURE"
    ]


def test_the_embedded_engine_proves_less_and_says_so(scenario: RestoreScenario) -> None:
    """No server is asked; the record is one of another depth, so that nothing counts it as proven."""
    file = scenario.add()
    run_result = run_drill(scenario.name, "--on", "embedded", scenario=scenario)
    assert (run_result.status, run_result.report["depth"]) == (0, "embedded")
    assert run_result.report["warnings"][0].startswith("restored into the embedded engine, not into a server")
    assert (list(remembered(file)["passed"]), scenario.proxy.seen) == (["embedded"], [])


def test_a_place_that_is_none_is_refused_before_anything(store: FilledStore, tmp_path: Path) -> None:
    """Status 2, with what would be one."""
    run_result = run_program("drill", "--on", "localhost", "--store", str(store.path), cwd=tmp_path)
    assert (run_result.status, run_result.stderr.splitlines()[0]) == (
        2,
        "error: --on: 'localhost' is none of server, embedded and a URL",
    )


def test_scratch_collections_are_nobodys_to_restore_or_snapshot(store: FilledStore, tmp_path: Path) -> None:
    """So that what a drill removes can only be a drill's."""
    name = name_temporary("cities", TOKEN)
    run_result = run_program("restore", "cities", "--to", name, "--store", str(store.path), cwd=tmp_path)
    assert run_result.status == 2
    assert "begins with '.drill-', which is a drill's scratch collection" in run_result.stderr
