"""The command restore: which collections, which policies, and what is reported."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from restore.recovery.marker.model import Phase, TargetBefore
from restore.snapshots.manifest import Sample
from tests.support.recording_proxy import Fault, RecordingProxy, answer_as_1_19
from tests.support.restore_scenario import RestoreScenario
from tests.support.run_restore import restore_here
from tests.support.sample_stores import NOON, FilledStore, damage, promised_points, recorded
from tests.support.server_under_test import Server
from tests.support.targets import make_empty, make_other, make_same, put_written

EARLIER = NOON - timedelta(days=1)
REPLACE = ("--on-existing", "replace")


# --- which collections ------------------------------------------------------------------------------------------


def test_every_collection_with_a_latest_is_restored_when_nothing_is_named(own_scenario: RestoreScenario) -> None:
    """A fresh environment: no argument, no variable; without a pointer and a manifest a file is left alone."""
    own_scenario.add()
    own_scenario.store.add("docs", "shards")
    own_scenario.store.add("old", latest=False, manifest=False)
    run_result = own_scenario.run()
    assert (run_result.status, own_scenario.server.collections()) == (0, ["cities", "docs"])
    assert [(one["collection"], one["result"], one["points"]) for one in run_result.report["outcomes"]] == [
        ("cities", "restored", 43),
        ("docs", "restored", 60),
    ]


@pytest.mark.parametrize("variable", ["RESTORE_COLLECTIONS", "QDRANT_COLLECTION_NAME"])
def test_a_variable_names_what_is_wanted(own_scenario: RestoreScenario, variable: str) -> None:
    """Arguments, else the list, else the one name; what is not named is not touched."""
    own_scenario.add()
    own_scenario.store.add("docs")
    run_result = own_scenario.run(environment={variable: "docs"})
    assert (run_result.status, own_scenario.server.collections()) == (0, ["docs"])


def test_an_empty_store_and_nothing_named_is_a_warning(scenario: RestoreScenario) -> None:
    """A store with its stamp and nothing in it is not an error, and nothing changes."""
    run_result = scenario.run()
    assert (run_result.status, run_result.report["outcomes"], scenario.proxy.writes) == (0, [], [])
    (warning,) = run_result.report["warnings"]
    assert warning == (
        f"nothing to restore: no collection is named and store '{scenario.store.path}' has no snapshot "
        "(no '*_latest.snapshot'); make one with 'qdrant-restore snapshot'"
    )


def test_a_missing_store_is_an_error_and_is_not_made(scenario: RestoreScenario) -> None:
    """A missing mount must not look like an empty store, and a restore never creates one."""
    missing = scenario.store.path.parent / "unmounted"
    run_result = scenario.run("--store", str(missing), scenario.name)
    assert (run_result.status, missing.exists(), scenario.proxy.writes) == (10, False, [])
    assert run_result.stderr.splitlines()[-2] == f"error: store '{missing}' does not exist"


def test_an_empty_store_leaves_a_populated_collection_alone(scenario: RestoreScenario) -> None:
    """With nothing to restore from, nothing changes, also where replacing was asked for."""
    put_written(scenario.server, scenario.name)
    held = scenario.server.points(scenario.name)
    outcome = scenario.restore(*REPLACE)
    assert (outcome.status, scenario.proxy.writes, scenario.server.points(scenario.name)) == (16, [], held)
    assert outcome.message == "holds 3 points and there is no snapshot to replace it with; left as it is"


def test_a_wanted_collection_without_a_snapshot_says_where_it_looked(scenario: RestoreScenario) -> None:
    """A status of its own; the place and the name searched, and the ways out."""
    scenario.store.add("docs")
    outcome = scenario.restore()
    assert (outcome.status, outcome.result, scenario.proxy.writes) == (10, "failed", [])
    assert outcome.message == (
        f"no snapshot of collection '{scenario.name}' in store '{scenario.store.path}' "
        f"(looked for '{scenario.name}_*.snapshot'); it has snapshots of 'docs'"
    )
    assert outcome.hint == (
        f"make one with 'qdrant-restore snapshot {scenario.name}', put one there, "
        "or go on without it with --on-missing skip"
    )


def test_a_policy_may_skip_what_has_no_snapshot(scenario: RestoreScenario) -> None:
    """`--on-missing skip` is a named policy, so the status is 0, with an outcome of its own."""
    scenario.store.add("docs")
    outcome = scenario.restore("--on-missing", "skip")
    assert (outcome.status, outcome.result, outcome.message) == (
        0,
        "skipped_missing",
        "not here, and the store has no snapshot of it; skipped",
    )


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_server_that_does_not_list_is_never_taken_for_an_empty_one(scenario: RestoreScenario, status: int) -> None:
    """Refusals and failures are not "nothing there", and nothing is written."""
    scenario.add()
    body = b'{"status":{"error":"Forbidden: Global access is required"},"time":0.0}'
    scenario.proxy.inject(r"^GET /collections$", Fault(status=status, body=body))
    run_result = scenario.run(scenario.name)
    assert (run_result.status, scenario.proxy.writes) == (17 if status == 500 else 12, [])


def test_one_failure_does_not_stop_the_rest(own_scenario: RestoreScenario) -> None:
    """Status 3 for a partial success; each collection has an outcome, in the order asked for."""
    own_scenario.add()
    damage(own_scenario.store.add("docs"))
    own_scenario.store.add("towns", "shards")
    run_result = own_scenario.run("docs", "nowhere", "towns", "cities", "--transfer", "upload")
    assert run_result.status == 3
    assert [(one["collection"], one["result"], one["status"]) for one in run_result.report["outcomes"]] == [
        ("docs", "failed", 13),
        ("nowhere", "failed", 10),
        ("towns", "restored", 0),
        ("cities", "restored", 0),
    ]
    assert own_scenario.server.collections() == ["cities", "towns"]


def test_when_everything_fails_the_status_is_the_failures_own(scenario: RestoreScenario) -> None:
    """The process ends with the status of the failure, and 0 means that every collection is there."""
    assert scenario.run(scenario.name).status == 10


# --- what is there already --------------------------------------------------------------------------------------


def test_the_line_for_a_present_collection_says_what_a_person_wants_to_know(scenario: RestoreScenario) -> None:
    """How many are here, what the snapshot has, and the command that takes it."""
    scenario.add()
    put_written(scenario.server, scenario.name)
    assert scenario.restore().message == (
        "3 points here; the latest snapshot (20 Nov 12:00) has 43; to take it: "
        f"qdrant-restore restore {scenario.name} --on-existing replace"
    )


def test_on_existing_refuse_refuses(scenario: RestoreScenario) -> None:
    """Status 16, and only reads."""
    scenario.add()
    put_written(scenario.server, scenario.name)
    outcome = scenario.restore("--on-existing", "refuse")
    assert (outcome.status, scenario.proxy.writes) == (16, [])
    assert outcome.message == "is there with 3 points, and on_existing is refuse; left as it is"


@pytest.mark.parametrize(
    ("arguments", "environment", "yaml", "points"),
    [
        (("cities",), {}, "", 43),
        ((), {"RESTORE_COLLECTIONS": "cities"}, "", 43),
        ((), {"QDRANT_COLLECTION_NAME": "cities"}, "", 43),
        ((), {}, "collections: [cities]\n", 43),
        ((), {}, "", 3),
        (("--all",), {"RESTORE_COLLECTIONS": "cities"}, "", 3),
    ],
    ids=["argument", "list", "name", "yaml", "everything", "--all"],
)
def test_replace_acts_only_on_what_is_named(  # noqa: PLR0917 - pytest hands them over by name
    own_scenario: RestoreScenario, arguments: tuple[str, ...], environment: dict[str, str], yaml: str, points: int
) -> None:
    """Overwriting needs the collection named one by one; "everything" never replaces anything."""
    own_scenario.add()
    put_written(own_scenario.server, own_scenario.name)
    if yaml:
        (own_scenario.store.path.parent / "restore.yaml").write_text(yaml)
    run_result = own_scenario.run(*arguments, *REPLACE, environment=environment)
    assert (run_result.status, own_scenario.server.count("cities")) == (0 if points == 43 else 16, points)


def test_a_broken_collection_without_a_mark_is_refused_and_replace_repairs_it(
    embedded: EmbeddedQdrant, own_scenario: RestoreScenario
) -> None:
    """Exists but does not answer, and no marker of ours: a sentence; `replace` puts the snapshot in its place."""
    own_scenario.add()
    embedded.misbehave({"fault": "die", "moment": "while-moving"})
    with own_scenario.start(own_scenario.name) as running:
        embedded.wait()
        running.kill()
    embedded.start()
    own_scenario.server.drop(own_scenario.mark)
    outcome = own_scenario.restore()
    assert (outcome.status, own_scenario.proxy.writes) == (16, [])
    assert outcome.message.startswith("is there and does not answer (Service internal error: ")
    assert own_scenario.restore(*REPLACE).result == "restored"
    assert own_scenario.state == own_scenario.promise()


def test_on_empty_restore_keeps_the_applications_settings(scenario: RestoreScenario) -> None:
    """The collection that an application created at its boot is filled, and its own settings win."""
    scenario.add()
    make_empty(scenario.server, scenario.name)
    outcome = scenario.restore()
    assert (outcome.result, scenario.server.info(scenario.name)["config"]["hnsw_config"]["m"]) == ("restored", 24)
    assert scenario.state == scenario.promise()


@pytest.mark.parametrize(
    ("policy", "output"),
    [
        ("skip", (0, "skipped_empty", "here with no points, and left so")),
        ("refuse", (16, "failed", "is there with no points, and on_empty is refuse; left as it is")),
    ],
)
def test_on_empty_may_skip_or_refuse(scenario: RestoreScenario, policy: str, output: tuple[int, str, str]) -> None:
    """The other two choices only read."""
    scenario.add()
    make_empty(scenario.server, scenario.name)
    outcome = scenario.restore("--on-empty", policy)
    assert ((outcome.status, outcome.result, outcome.message), scenario.proxy.writes) == (output, [])


def test_an_empty_collection_with_other_vectors_is_refused(scenario: RestoreScenario) -> None:
    """Recovering onto it would fail half-way; both sides are named, and nothing is written."""
    scenario.add()
    scenario.server.create(scenario.name, vectors={"size": 8, "distance": "Dot"})
    outcome = scenario.restore()
    assert (outcome.status, scenario.proxy.writes) == (16, [])
    assert outcome.message.startswith("is there, empty, and not like the snapshot: its vectors are ")
    assert scenario.restore(*REPLACE).result == "restored"
    assert scenario.state == scenario.promise()


@pytest.mark.parametrize("make", [make_same, make_other])
def test_replace_puts_the_snapshot_in_the_place_and_keeps_aliases(
    scenario: RestoreScenario, make: Callable[[Server, str], None]
) -> None:
    """Same configuration or another: the snapshot's points, configuration and indexes, and the live aliases."""
    scenario.add()
    make(scenario.server, scenario.name)
    outcome = scenario.restore(*REPLACE)
    assert (outcome.result, outcome.points) == ("restored", 43)
    assert scenario.server.info(scenario.name)["config"]["hnsw_config"]["m"] == 16
    assert scenario.state == scenario.promise(aliased=True)


@pytest.mark.parametrize(
    "config",
    [
        {"optimizers_config": {"indexing_threshold": 20000}},
        {"wal_config": {"wal_capacity_mb": 2}},
        {"hnsw_config": {"ef_construct": 120}},
        {"quantization_config": {"scalar": {"type": "int8"}}},
        {"metadata": {"owner": "somebody else"}},
        {"on_disk_payload": False},
    ],
    ids=lambda config: next(iter(config)),
)
def test_replace_brings_the_snapshots_configuration_whatever_differed(
    scenario: RestoreScenario, config: dict[str, Any]
) -> None:
    """Rule 5: recovering keeps the configuration that is there, so each part that differs must be seen."""
    scenario.add()
    make_same(scenario.server, scenario.name, **config)
    assert scenario.restore(*REPLACE).result == "restored"
    assert scenario.server.info(scenario.name)["config"] == recorded("plain")["info"]["config"]
    assert scenario.state == scenario.promise(aliased=True)


# --- which snapshot -----------------------------------------------------------------------------------------------


def test_a_snapshot_may_be_named_by_its_file(scenario: RestoreScenario) -> None:
    """`--snapshot NAME`: a file in the store."""
    older = scenario.add("shards", at=EARLIER, latest=False)
    scenario.add()
    outcome = scenario.restore("--snapshot", older.name)
    assert (outcome.result, outcome.snapshot, outcome.points) == ("restored", older.name, 60)


def test_a_snapshot_may_be_named_by_its_path(scenario: RestoreScenario, tmp_path: Path) -> None:
    """`--snapshot PATH`: a file anywhere, uploaded, since the server sees only the store."""
    scenario.add()
    elsewhere = FilledStore(tmp_path / "elsewhere").add(scenario.name, "shards", at=EARLIER)
    outcome = scenario.restore("--snapshot", str(elsewhere))
    assert (outcome.result, outcome.points, outcome.transfer) == ("restored", 60, "upload")
    assert scenario.proxy.find("snapshots/recover") == []


def test_the_one_before_the_latest_may_be_asked_for(scenario: RestoreScenario) -> None:
    """`--snapshot previous`."""
    older = scenario.add("shards", at=EARLIER, latest=False)
    scenario.add()
    assert scenario.restore("--snapshot", "previous").snapshot == older.name


def test_to_restores_under_another_name_without_the_aliases(
    scenario: RestoreScenario, new_name: Callable[[str], str]
) -> None:
    """`--to NAME`: the collection itself stays as it is, and its aliases are not taken."""
    other = new_name("copy")
    scenario.add(aliases=(f"{scenario.name}-alias",))
    put_written(scenario.server, scenario.name)
    outcome = scenario.restore("--to", other)
    assert (outcome.collection, outcome.result) == (other, "restored")
    assert scenario.server.points(other) == promised_points("plain")
    assert (scenario.server.count(scenario.name), scenario.server.aliases().get(f"{scenario.name}-alias")) == (
        3,
        None,
    )


@pytest.mark.parametrize("kind", ["plain", "named", "indexed", "shards", "empty", "schemaless"])
def test_what_a_real_server_made_is_restored_with_every_point(scenario: RestoreScenario, kind: str) -> None:
    """Every kind of vector, several shards, indexes, no vectors, no points."""
    scenario.add(kind)
    outcome = scenario.restore()
    assert (outcome.result, outcome.points) == ("restored", recorded(kind)["count"])
    found = scenario.server.points(scenario.name)
    assert {one: found[one] for one in promised_points(kind)} == promised_points(kind)
    assert scenario.server.indexes(scenario.name) == sorted(recorded(kind)["info"].get("payload_schema") or {})


@pytest.mark.parametrize(
    "strange", ["two words", "100%", "a#b", "a.b_latest", ".hidden", "ünï-🌍", "-rf", "a~b", "new\nline", "x" * 200]
)
def test_any_name_that_qdrant_accepts_is_restored(
    scenario: RestoreScenario, new_name: Callable[[str], str], strange: str
) -> None:
    """Encoded for the store, the URL and the server's file; one collection, one marker, nothing else."""
    name = new_name(strange)
    scenario.store.add(name)
    (outcome,) = scenario.report("--collection", name).outcomes
    assert (outcome.result, outcome.collection) == ("restored", name)
    assert scenario.server.points(name) == promised_points("plain")


# --- versions and parts -------------------------------------------------------------------------------------------


def test_a_version_gap_is_tried_where_nothing_can_be_lost(scenario: RestoreScenario) -> None:
    """Another minor: tried, said, and compared in full whatever `--verify` says."""
    scenario.add(server_version="1.14.0", samples=(Sample(1, "0" * 32),))
    outcome = scenario.restore("--verify", "none")
    assert outcome.status == 13
    assert outcome.message.startswith("after the restore 1 of 1 sampled point changed (1)")
    scenario.server.forget(scenario.name)
    scenario.add(server_version="1.14.0")
    outcome = scenario.restore("--verify", "none")
    version = scenario.server.ask("GET", "/").body["version"]
    assert (outcome.result, outcome.warnings) == (
        "restored",
        (f"the snapshot was made by Qdrant 1.14.0, this server is {version}",),
    )


@pytest.mark.parametrize("arguments", [REPLACE, (*REPLACE, "--dry-run")], ids=["run", "dry run"])
def test_a_version_gap_is_refused_where_data_would_be_replaced(
    scenario: RestoreScenario, arguments: tuple[str, ...]
) -> None:
    """Both versions are named, nothing is written, and the dry run says the same."""
    scenario.add(server_version="1.14.0")
    make_same(scenario.server, scenario.name)
    outcome = scenario.restore(*arguments)
    assert (outcome.status, scenario.proxy.writes) == (14, [])
    assert outcome.message.startswith("the snapshot was made by Qdrant 1.14.0, this server is ")
    assert outcome.message.endswith("; left as it is")


def test_a_version_gap_may_be_allowed(scenario: RestoreScenario) -> None:
    """`--allow-version-gap` replaces all the same."""
    scenario.add(server_version="1.14.0")
    make_same(scenario.server, scenario.name)
    assert scenario.restore(*REPLACE, "--allow-version-gap").result == "restored"
    assert scenario.state == scenario.promise(aliased=True)


def test_a_setting_that_another_version_does_not_show_is_a_warning(scenario: RestoreScenario) -> None:
    """1.19 took `max_disk_usage_percent` away: a whole collection does not fail for it."""
    config = {**recorded("plain")["info"]["config"], "strict_mode_config": {"max_disk_usage_percent": 90}}
    scenario.add(server_version="1.14.0", config=config)
    outcome = scenario.restore()
    assert (outcome.result, outcome.warnings[0]) == (
        "restored",
        'the snapshot\'s strict_mode_config is {"max_disk_usage_percent":90}, and this server shows no such setting',
    )


def test_how_reads_fan_out_is_put_back(own_scenario: RestoreScenario) -> None:
    """A recovery drops both settings: the comparison does not fail for it, and the restored collection has them."""
    fan_out = {"read_fan_out_factor": 2, "read_fan_out_delay_ms": 50}
    make_same(own_scenario.server, own_scenario.name)
    own_scenario.server.ask("PATCH", own_scenario.path, {"params": fan_out})
    assert own_scenario.snapshot(own_scenario.name).status == 0
    own_scenario.server.forget(own_scenario.name)
    outcome = own_scenario.restore()
    params = own_scenario.server.ask("GET", own_scenario.path).result["config"]["params"]
    assert (outcome.result, outcome.warnings) == ("restored", ())
    assert {key: params.get(key) for key in fan_out} == fan_out


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("ring-node0", "lacks the data of shard"),
        ("keyed-node1", "is of a collection with custom shard keys"),
    ],
)
def test_a_part_of_a_collection_is_refused_before_any_write(
    scenario: RestoreScenario, file: str, sentence: str
) -> None:
    """The server answers 200 to one of these and restores nothing; both are named, 14, only reads."""
    scenario.store.add_part(scenario.name, file)
    outcome = scenario.restore()
    assert (outcome.status, scenario.proxy.writes, sentence in outcome.message) == (14, [], True)


# --- room on the server ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("disk", "warning"),
    [
        ({"disk_kib": 10_000_000, "used": 50}, ()),
        ({"disk_kib": 100, "used": 90}, ("the server's disk has about 10.2 kB free, and this takes up to ",)),
        ({"disk_kib": 10_000_000, "used": 90, "limit": 95}, ()),
        ({"disk_kib": 10_000_000, "used": 95, "limit": 95}, ("the server is over its quota: it takes snapshots",)),
    ],
)
@pytest.mark.parametrize("arguments", [(), ("--dry-run",)], ids=["run", "dry run"])
def test_room_that_the_server_lacks_is_told_beforehand(
    scenario: RestoreScenario, disk: dict[str, int], warning: tuple[str, ...], arguments: tuple[str, ...]
) -> None:
    """Since 1.19 a server can be asked. It is a warning: what is free is known to one percent of the disk."""
    scenario.add()
    answer_as_1_19(scenario.proxy, **disk)
    report = scenario.report("--collection", scenario.name, *arguments)
    assert (report.status, len(report.warnings)) == (0, len(warning))
    assert "".join(report.warnings).startswith("".join(warning))


def test_a_server_over_its_quota_has_no_room(scenario: RestoreScenario) -> None:
    """507 is status 15, wherever it comes."""
    scenario.add()
    body = b'{"status":{"error":"Disk usage quota exceeded: 96% of 95%"},"time":0.0}'
    headers = {"content-type": "application/json"}
    scenario.proxy.inject(r"^POST .*/snapshots/upload", Fault(status=507, headers=headers, body=body))
    outcome = scenario.restore("--transfer", "upload")
    assert (outcome.status, outcome.hint) == (
        15,
        "free some room there, or raise its quota (PUT /quotas); 'qdrant-restore doctor' shows both",
    )
    assert "the server takes no more data: Disk usage quota exceeded: 96% of 95%" in outcome.message


# --- fallback ----------------------------------------------------------------------------------------------------


def test_a_damaged_latest_fails_by_default(scenario: RestoreScenario) -> None:
    """Status 13, and nothing is left; the older snapshot is not taken silently."""
    scenario.add("shards", at=EARLIER, latest=False)
    damage(scenario.add())
    outcome = scenario.restore()
    assert (outcome.status, scenario.markers, scenario.name in scenario.server.collections()) == (13, [], False)


def test_the_previous_one_is_taken_when_asked_for(scenario: RestoreScenario) -> None:
    """Reported as `restored_older`, with both names."""
    older = scenario.add("shards", at=EARLIER, latest=False)
    newest = scenario.add()
    damage(newest)
    outcome = scenario.restore("--fallback", "previous")
    assert (outcome.result, outcome.status, outcome.points) == ("restored_older", 0, 60)
    assert older.name in outcome.message
    assert newest.name in outcome.message


def test_a_previous_one_that_is_damaged_too_is_not_taken(scenario: RestoreScenario) -> None:
    """Only a verified snapshot may take the place of latest."""
    damage(scenario.add("shards", at=EARLIER, latest=False))
    damage(scenario.add())
    outcome = scenario.restore("--fallback", "previous")
    assert (outcome.status, scenario.proxy.writes) == (13, [])


def test_a_file_of_another_size_than_its_manifest_is_refused_before_anything_is_sent(
    scenario: RestoreScenario,
) -> None:
    """The size is compared by itself, not only by the checksum; nothing is written."""
    file = scenario.add()
    file.write_bytes(file.read_bytes() + bytes(512))
    outcome = scenario.restore()
    assert (outcome.status, scenario.proxy.writes) == (13, [])
    assert outcome.message.startswith(f"snapshot '{file.name}' has 270,848 bytes, its manifest says 270,336")


# --- looking only ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prepare", "arguments", "message"),
    [
        (None, (), "would be restored from {file} of 20 Nov 12:00, 270 kB"),
        (make_empty, (), "would be restored from {file} of 20 Nov 12:00, 270 kB"),
        (make_same, REPLACE, "would replace 7 points with {file} of 20 Nov 12:00, 270 kB"),
        (make_other, REPLACE, "would replace 7 points with {file} of 20 Nov 12:00, 270 kB"),
    ],
    ids=["missing", "empty", "same", "other"],
)
def test_a_dry_run_says_what_would_be_done_and_only_reads(
    scenario: RestoreScenario, prepare: Callable[[Server, str], None] | None, arguments: tuple[str, ...], message: str
) -> None:
    """The plan names the file and its size, and nothing is written."""
    file = scenario.add()
    if prepare:
        prepare(scenario.server, scenario.name)
    run_result = scenario.run(scenario.name, *arguments, "--dry-run")
    outcome = run_result.outcome
    assert (run_result.status, outcome["result"], run_result.report["dry_run"]) == (0, "would_restore", True)
    assert outcome["message"] == message.format(file=file.name)
    assert scenario.proxy.writes == []


def test_a_dry_run_sees_an_interrupted_restore(scenario: RestoreScenario) -> None:
    """It does not wait for the other restore to end."""
    scenario.add()
    mark = scenario.plant(Phase.SENT, TargetBefore.ABSENT)
    outcome = scenario.restore("--dry-run")
    assert (outcome.result, scenario.proxy.writes, scenario.markers) == ("would_restore", [], [mark])


@pytest.mark.parametrize("kind", ["plain", "empty"])
@pytest.mark.parametrize("more", [{}, {"manifest": False}], ids=["manifest", "no manifest"])
def test_every_second_run_only_reads(scenario: RestoreScenario, kind: str, more: dict[str, Any]) -> None:
    """Whatever was restored, the next `up` changes nothing and ends with 0."""
    scenario.add(kind, **more)
    assert scenario.restore().result == "restored"
    outcome = scenario.restore()
    assert (outcome.status, scenario.proxy.writes) == (0, [])
    assert outcome.result == ("skipped_exists" if kind == "plain" else "skipped_empty")


# --- keys -----------------------------------------------------------------------------------------------------------


def make_token(claims: dict[str, Any]) -> str:
    """Return a text that is shaped like a JWT with these claims."""
    parts = (json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), "c2lnbmF0dXJl"])


def test_a_scoped_key_reports_present_and_marks_unchecked(tmp_path: Path, store: FilledStore) -> None:
    """Rule 2: a key for single collections cannot see markers; "present", never "whole", and nothing is written."""
    key = make_token({"access": [{"collection": "cities", "access": "r"}]})
    store.add("cities")
    with EmbeddedQdrant(tmp_path / "keyed", api_key=key) as embedded, RecordingProxy(embedded.url) as proxy:
        server = Server(embedded.url, key)
        put_written(server, "cities")
        (outcome,) = restore_here("cities", url=proxy.url, store=store.path, key=key).outcomes
        assert (outcome.result, outcome.status, proxy.writes) == ("skipped_exists_marks_unchecked", 0, [])
        assert outcome.message == "3 points here; present, markers could not be checked with this key"


def test_a_scoped_key_that_may_not_list_is_no_trouble(tmp_path: Path, store: FilledStore) -> None:
    """Rule 2: some servers refuse the listing altogether."""
    key = make_token({"access": [{"collection": "cities", "access": "r"}]})
    store.add("cities")
    forbidden = Fault(status=403, body=b'{"status":{"error":"Forbidden: Global access is required"},"time":0.0}')
    with EmbeddedQdrant(tmp_path / "keyed", api_key=key) as embedded, RecordingProxy(embedded.url) as proxy:
        put_written(Server(embedded.url, key), "cities")
        proxy.inject(r"^GET /(collections|aliases)$", forbidden)
        (outcome,) = restore_here("cities", url=proxy.url, store=store.path, key=key).outcomes
    assert (outcome.result, outcome.status) == ("skipped_exists_marks_unchecked", 0)


def test_a_key_that_may_only_read_is_told_before_anything_is_sent(tmp_path: Path, store: FilledStore) -> None:
    """12: the marker cannot be made with it; no byte of the snapshot was sent."""
    store.add("cities")
    with (
        EmbeddedQdrant(tmp_path / "keyed", api_key="full-access", read_only_api_key="look-only") as embedded,
        RecordingProxy(embedded.url) as proxy,
    ):
        (outcome,) = restore_here("cities", url=proxy.url, store=store.path, key="look-only").outcomes
        assert Server(embedded.url, "full-access").collections() == []
    assert (outcome.status, proxy.find("snapshots/(upload|recover)")) == (12, [])


# --- round trips ----------------------------------------------------------------------------------------------------


def test_what_is_restored_can_be_snapshotted_and_restored_again(
    scenario: RestoreScenario, new_name: Callable[[str], str]
) -> None:
    """Snapshot, restore, snapshot, restore: the second snapshot is complete and becomes latest."""
    scenario.add()
    assert scenario.restore().result == "restored"
    made = scenario.snapshot(scenario.name)
    assert made.status == 0, made.stderr
    copy = new_name("copy")
    outcome = scenario.restore("--to", copy)
    assert (outcome.result, outcome.points) == ("restored", 43)
    assert outcome.snapshot not in {"", f"{scenario.name}_20261120_120000.snapshot"}
    assert scenario.server.points(copy) == promised_points("plain")


def test_the_report_for_people_and_for_programs_say_the_same(scenario: RestoreScenario) -> None:
    """Stdout carries the result: one line a collection, or one object."""
    scenario.add()
    run_result = scenario.run(scenario.name)
    assert (run_result.status, run_result.outcome["message"].startswith("43 points restored from ")) == (0, True)
    assert {*run_result.report} == {
        "url", "server_version", "store", "outcomes", "seconds", "status", "dry_run", "summary", "warnings",
        "lock_wait_seconds",
    }  # fmt: skip
