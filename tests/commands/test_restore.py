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
from tests.support.recording_proxy import Fault, RecordingProxy
from tests.support.restore_environment import Ground
from tests.support.run_restore import restore_here
from tests.support.sample_stores import NOON, FilledStore, damage, promised_points, recorded
from tests.support.server_under_test import Server
from tests.support.targets import make_empty, make_other, make_same, put_written

EARLIER = NOON - timedelta(days=1)
REPLACE = ("--on-existing", "replace")


# --- which collections ------------------------------------------------------------------------------------------


def test_every_collection_with_a_latest_is_restored_when_nothing_is_named(own_ground: Ground) -> None:
    """A fresh environment: no argument, no variable; what has no latest pointer is left alone."""
    own_ground.add()
    own_ground.store.add("docs", "shards")
    own_ground.store.add("old", latest=False)
    ended = own_ground.run()
    assert (ended.status, own_ground.server.collections()) == (0, ["cities", "docs"])
    assert [(one["collection"], one["result"], one["points"]) for one in ended.report["outcomes"]] == [
        ("cities", "restored", 43),
        ("docs", "restored", 60),
    ]


@pytest.mark.parametrize("variable", ["RESTORE_COLLECTIONS", "QDRANT_COLLECTION_NAME"])
def test_a_variable_names_what_is_wanted(own_ground: Ground, variable: str) -> None:
    """Arguments, else the list, else the one name; what is not named is not touched."""
    own_ground.add()
    own_ground.store.add("docs")
    ended = own_ground.run(environment={variable: "docs"})
    assert (ended.status, own_ground.server.collections()) == (0, ["docs"])


def test_an_empty_store_and_nothing_named_is_a_warning(ground: Ground) -> None:
    """A store with its stamp and nothing in it is not an error, and nothing changes."""
    ended = ground.run()
    assert (ended.status, ended.report["outcomes"], ground.proxy.writes) == (0, [], [])
    (warning,) = ended.report["warnings"]
    assert warning == (
        f"nothing to restore: no collection is named and store '{ground.store.path}' has no snapshot "
        "(no '*_latest.snapshot'); make one with 'qdrant-restore snapshot'"
    )


def test_a_missing_store_is_an_error_and_is_not_made(ground: Ground) -> None:
    """A missing mount must not look like an empty store, and a restore never creates one."""
    missing = ground.store.path.parent / "unmounted"
    ended = ground.run("--store", str(missing), ground.name)
    assert (ended.status, missing.exists(), ground.proxy.writes) == (10, False, [])
    assert ended.stderr.splitlines()[-2] == f"error: store '{missing}' does not exist"


def test_an_empty_store_leaves_a_populated_collection_alone(ground: Ground) -> None:
    """With nothing to restore from, nothing changes, also where replacing was asked for."""
    put_written(ground.server, ground.name)
    held = ground.server.points(ground.name)
    outcome = ground.restore(*REPLACE)
    assert (outcome.status, ground.proxy.writes, ground.server.points(ground.name)) == (16, [], held)
    assert outcome.message == "holds 3 points and there is no snapshot to replace it with; left as it is"


def test_a_wanted_collection_without_a_snapshot_says_where_it_looked(ground: Ground) -> None:
    """A status of its own; the place and the name searched, and the ways out."""
    ground.store.add("docs")
    outcome = ground.restore()
    assert (outcome.status, outcome.result, ground.proxy.writes) == (10, "failed", [])
    assert outcome.message == (
        f"no snapshot of collection '{ground.name}' in store '{ground.store.path}' "
        f"(looked for '{ground.name}_*.snapshot'); it has snapshots of 'docs'"
    )
    assert outcome.hint == (
        f"make one with 'qdrant-restore snapshot {ground.name}', put one there, "
        "or go on without it with --on-missing skip"
    )


def test_a_policy_may_skip_what_has_no_snapshot(ground: Ground) -> None:
    """`--on-missing skip` is a named policy, so the status is 0, with an outcome of its own."""
    ground.store.add("docs")
    outcome = ground.restore("--on-missing", "skip")
    assert (outcome.status, outcome.result, outcome.message) == (
        0,
        "skipped_missing",
        "not here, and the store has no snapshot of it; skipped",
    )


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_server_that_does_not_list_is_never_taken_for_an_empty_one(ground: Ground, status: int) -> None:
    """Refusals and failures are not "nothing there", and nothing is written."""
    ground.add()
    body = b'{"status":{"error":"Forbidden: Global access is required"},"time":0.0}'
    ground.proxy.inject(r"^GET /collections$", Fault(status=status, body=body))
    ended = ground.run(ground.name)
    assert (ended.status, ground.proxy.writes) == (17 if status == 500 else 12, [])


def test_one_failure_does_not_stop_the_rest(own_ground: Ground) -> None:
    """Status 3 for a partial success; each collection has an outcome, in the order asked for."""
    own_ground.add()
    damage(own_ground.store.add("docs"))
    own_ground.store.add("towns", "shards")
    ended = own_ground.run("docs", "nowhere", "towns", "cities", "--transfer", "upload")
    assert ended.status == 3
    assert [(one["collection"], one["result"], one["status"]) for one in ended.report["outcomes"]] == [
        ("docs", "failed", 13),
        ("nowhere", "failed", 10),
        ("towns", "restored", 0),
        ("cities", "restored", 0),
    ]
    assert own_ground.server.collections() == ["cities", "towns"]


def test_when_everything_fails_the_status_is_the_failures_own(ground: Ground) -> None:
    """The process ends with the status of the failure, and 0 means that every collection is there."""
    assert ground.run(ground.name).status == 10


# --- what is there already --------------------------------------------------------------------------------------


def test_the_line_for_a_present_collection_says_what_a_person_wants_to_know(ground: Ground) -> None:
    """How many are here, what the snapshot has, and the command that takes it."""
    ground.add()
    put_written(ground.server, ground.name)
    assert ground.restore().message == (
        "3 points here; the latest snapshot (20 Nov 12:00) has 43; to take it: "
        f"qdrant-restore restore {ground.name} --on-existing replace"
    )


def test_on_existing_refuse_refuses(ground: Ground) -> None:
    """Status 16, and only reads."""
    ground.add()
    put_written(ground.server, ground.name)
    outcome = ground.restore("--on-existing", "refuse")
    assert (outcome.status, ground.proxy.writes) == (16, [])
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
    own_ground: Ground, arguments: tuple[str, ...], environment: dict[str, str], yaml: str, points: int
) -> None:
    """Overwriting needs the collection named one by one; "everything" never replaces anything."""
    own_ground.add()
    put_written(own_ground.server, own_ground.name)
    if yaml:
        (own_ground.store.path.parent / "restore.yaml").write_text(yaml)
    ended = own_ground.run(*arguments, *REPLACE, environment=environment)
    assert (ended.status, own_ground.server.count("cities")) == (0 if points == 43 else 16, points)


def test_a_broken_collection_without_a_mark_is_refused_and_replace_repairs_it(
    embedded: EmbeddedQdrant, own_ground: Ground
) -> None:
    """Exists but does not answer, and no mark of ours: a sentence; `replace` puts the snapshot in its place."""
    own_ground.add()
    embedded.misbehave({"fault": "die", "moment": "while-moving"})
    with own_ground.start(own_ground.name) as running:
        embedded.wait()
        running.kill()
    embedded.start()
    own_ground.server.drop(own_ground.mark)
    outcome = own_ground.restore()
    assert (outcome.status, own_ground.proxy.writes) == (16, [])
    assert outcome.message.startswith("is there and does not answer (Service internal error: ")
    assert own_ground.restore(*REPLACE).result == "restored"
    assert own_ground.state == own_ground.promise()


def test_on_empty_restore_keeps_the_applications_settings(ground: Ground) -> None:
    """The collection that an application created at its boot is filled, and its own settings win."""
    ground.add()
    make_empty(ground.server, ground.name)
    outcome = ground.restore()
    assert (outcome.result, ground.server.info(ground.name)["config"]["hnsw_config"]["m"]) == ("restored", 24)
    assert ground.state == ground.promise()


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ("skip", (0, "skipped_empty", "here with no points, and left so")),
        ("refuse", (16, "failed", "is there with no points, and on_empty is refuse; left as it is")),
    ],
)
def test_on_empty_may_skip_or_refuse(ground: Ground, policy: str, told: tuple[int, str, str]) -> None:
    """The other two choices only read."""
    ground.add()
    make_empty(ground.server, ground.name)
    outcome = ground.restore("--on-empty", policy)
    assert ((outcome.status, outcome.result, outcome.message), ground.proxy.writes) == (told, [])


def test_an_empty_collection_with_other_vectors_is_refused(ground: Ground) -> None:
    """Recovering onto it would fail half-way; both sides are named, and nothing is written."""
    ground.add()
    ground.server.create(ground.name, vectors={"size": 8, "distance": "Dot"})
    outcome = ground.restore()
    assert (outcome.status, ground.proxy.writes) == (16, [])
    assert outcome.message.startswith("is there, empty, and not like the snapshot: its vectors are ")
    assert ground.restore(*REPLACE).result == "restored"
    assert ground.state == ground.promise()


@pytest.mark.parametrize("make", [make_same, make_other])
def test_replace_puts_the_snapshot_in_the_place_and_keeps_aliases(
    ground: Ground, make: Callable[[Server, str], None]
) -> None:
    """Same configuration or another: the snapshot's points, configuration and indexes, and the live aliases."""
    ground.add()
    make(ground.server, ground.name)
    outcome = ground.restore(*REPLACE)
    assert (outcome.result, outcome.points) == ("restored", 43)
    assert ground.server.info(ground.name)["config"]["hnsw_config"]["m"] == 16
    assert ground.state == ground.promise(aliased=True)


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
def test_replace_brings_the_snapshots_configuration_whatever_differed(ground: Ground, config: dict[str, Any]) -> None:
    """Rule 5: recovering keeps the configuration that is there, so each part that differs must be seen."""
    ground.add()
    make_same(ground.server, ground.name, **config)
    assert ground.restore(*REPLACE).result == "restored"
    assert ground.server.info(ground.name)["config"] == recorded("plain")["info"]["config"]
    assert ground.state == ground.promise(aliased=True)


# --- which snapshot -----------------------------------------------------------------------------------------------


def test_a_snapshot_may_be_named_by_its_file(ground: Ground) -> None:
    """`--snapshot NAME`: a file in the store."""
    older = ground.add("shards", at=EARLIER, latest=False)
    ground.add()
    outcome = ground.restore("--snapshot", older.name)
    assert (outcome.result, outcome.snapshot, outcome.points) == ("restored", older.name, 60)


def test_a_snapshot_may_be_named_by_its_path(ground: Ground, tmp_path: Path) -> None:
    """`--snapshot PATH`: a file anywhere, uploaded, since the server sees only the store."""
    ground.add()
    elsewhere = FilledStore(tmp_path / "elsewhere").add(ground.name, "shards", at=EARLIER)
    outcome = ground.restore("--snapshot", str(elsewhere))
    assert (outcome.result, outcome.points, outcome.transfer) == ("restored", 60, "upload")
    assert ground.proxy.find("snapshots/recover") == []


def test_the_one_before_the_latest_may_be_asked_for(ground: Ground) -> None:
    """`--snapshot previous`."""
    older = ground.add("shards", at=EARLIER, latest=False)
    ground.add()
    assert ground.restore("--snapshot", "previous").snapshot == older.name


def test_to_restores_under_another_name_without_the_aliases(ground: Ground, new_name: Callable[[str], str]) -> None:
    """`--to NAME`: the collection itself stays as it is, and its aliases are not taken."""
    other = new_name("copy")
    ground.add(aliases=(f"{ground.name}-alias",))
    put_written(ground.server, ground.name)
    outcome = ground.restore("--to", other)
    assert (outcome.collection, outcome.result) == (other, "restored")
    assert ground.server.points(other) == promised_points("plain")
    assert (ground.server.count(ground.name), ground.server.aliases().get(f"{ground.name}-alias")) == (3, None)


@pytest.mark.parametrize("kind", ["plain", "named", "indexed", "shards", "empty", "schemaless"])
def test_what_a_real_server_made_is_restored_with_every_point(ground: Ground, kind: str) -> None:
    """Every kind of vector, several shards, indexes, no vectors, no points."""
    ground.add(kind)
    outcome = ground.restore()
    assert (outcome.result, outcome.points) == ("restored", recorded(kind)["count"])
    found = ground.server.points(ground.name)
    assert {one: found[one] for one in promised_points(kind)} == promised_points(kind)
    assert ground.server.indexes(ground.name) == sorted(recorded(kind)["info"].get("payload_schema") or {})


@pytest.mark.parametrize(
    "strange", ["two words", "100%", "a#b", "a.b_latest", ".hidden", "ünï-🌍", "-rf", "a~b", "new\nline", "x" * 200]
)
def test_any_name_that_qdrant_accepts_is_restored(
    ground: Ground, new_name: Callable[[str], str], strange: str
) -> None:
    """Encoded for the store, the URL and the server's file; one collection, one marker, nothing else."""
    name = new_name(strange)
    ground.store.add(name)
    (outcome,) = ground.report("--collection", name).outcomes
    assert (outcome.result, outcome.collection) == ("restored", name)
    assert ground.server.points(name) == promised_points("plain")


# --- versions and parts -------------------------------------------------------------------------------------------


def test_a_version_gap_is_tried_where_nothing_can_be_lost(ground: Ground) -> None:
    """Another minor: tried, said, and compared in full whatever `--verify` says."""
    ground.add(server_version="1.17.0", samples=(Sample(1, "0" * 32),))
    outcome = ground.restore("--verify", "none")
    assert outcome.status == 13
    assert outcome.message.startswith("after the restore 1 of 1 sampled point changed (1)")
    ground.server.forget(ground.name)
    ground.add(server_version="1.17.0")
    outcome = ground.restore("--verify", "none")
    version = ground.server.ask("GET", "/").body["version"]
    assert (outcome.result, outcome.warnings) == (
        "restored",
        (f"the snapshot was made by Qdrant 1.17.0, this server is {version}",),
    )


@pytest.mark.parametrize("arguments", [REPLACE, (*REPLACE, "--dry-run")], ids=["run", "dry run"])
def test_a_version_gap_is_refused_where_data_would_be_replaced(ground: Ground, arguments: tuple[str, ...]) -> None:
    """Both versions are named, nothing is written, and the dry run says the same."""
    ground.add(server_version="1.17.0")
    make_same(ground.server, ground.name)
    outcome = ground.restore(*arguments)
    assert (outcome.status, ground.proxy.writes) == (14, [])
    assert outcome.message.startswith("the snapshot was made by Qdrant 1.17.0, this server is ")
    assert outcome.message.endswith("; left as it is")


def test_a_version_gap_may_be_allowed(ground: Ground) -> None:
    """`--allow-version-gap` replaces all the same."""
    ground.add(server_version="1.17.0")
    make_same(ground.server, ground.name)
    assert ground.restore(*REPLACE, "--allow-version-gap").result == "restored"
    assert ground.state == ground.promise(aliased=True)


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("ring-node0", "lacks the data of shard"),
        ("keyed-node1", "is of a collection with custom shard keys"),
    ],
)
def test_a_part_of_a_collection_is_refused_before_any_write(ground: Ground, file: str, sentence: str) -> None:
    """The server answers 200 to one of these and restores nothing; both are named, 14, only reads."""
    ground.store.add_part(ground.name, file)
    outcome = ground.restore()
    assert (outcome.status, ground.proxy.writes, sentence in outcome.message) == (14, [], True)


# --- fallback ----------------------------------------------------------------------------------------------------


def test_a_damaged_latest_fails_by_default(ground: Ground) -> None:
    """Status 13, and nothing is left; the older snapshot is not taken silently."""
    ground.add("shards", at=EARLIER, latest=False)
    damage(ground.add())
    outcome = ground.restore()
    assert (outcome.status, ground.markers, ground.name in ground.server.collections()) == (13, [], False)


def test_the_previous_one_is_taken_when_asked_for(ground: Ground) -> None:
    """Reported as `restored_older`, with both names."""
    older = ground.add("shards", at=EARLIER, latest=False)
    newest = ground.add()
    damage(newest)
    outcome = ground.restore("--fallback", "previous")
    assert (outcome.result, outcome.status, outcome.points) == ("restored_older", 0, 60)
    assert older.name in outcome.message
    assert newest.name in outcome.message


def test_a_previous_one_that_is_damaged_too_is_not_taken(ground: Ground) -> None:
    """Only a verified snapshot may take the place of latest."""
    damage(ground.add("shards", at=EARLIER, latest=False))
    damage(ground.add())
    outcome = ground.restore("--fallback", "previous")
    assert (outcome.status, ground.proxy.writes) == (13, [])


def test_a_file_of_another_size_than_its_manifest_is_refused_before_anything_is_sent(ground: Ground) -> None:
    """The size is compared by itself, not only by the checksum; nothing is written."""
    file = ground.add()
    file.write_bytes(file.read_bytes() + bytes(512))
    outcome = ground.restore()
    assert (outcome.status, ground.proxy.writes) == (13, [])
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
    ground: Ground, prepare: Callable[[Server, str], None] | None, arguments: tuple[str, ...], message: str
) -> None:
    """The plan names the file and its size, and nothing is written."""
    file = ground.add()
    if prepare:
        prepare(ground.server, ground.name)
    ended = ground.run(ground.name, *arguments, "--dry-run")
    outcome = ended.outcome
    assert (ended.status, outcome["result"], ended.report["dry_run"]) == (0, "would_restore", True)
    assert outcome["message"] == message.format(file=file.name)
    assert ground.proxy.writes == []


def test_a_dry_run_sees_an_interrupted_restore(ground: Ground) -> None:
    """It does not wait for the other restore to end."""
    ground.add()
    mark = ground.plant(Phase.SENT, TargetBefore.ABSENT)
    outcome = ground.restore("--dry-run")
    assert (outcome.result, ground.proxy.writes, ground.markers) == ("would_restore", [], [mark])


@pytest.mark.parametrize("kind", ["plain", "empty"])
@pytest.mark.parametrize("more", [{}, {"manifest": False}], ids=["manifest", "no manifest"])
def test_every_second_run_only_reads(ground: Ground, kind: str, more: dict[str, Any]) -> None:
    """Whatever was restored, the next `up` changes nothing and ends with 0."""
    ground.add(kind, **more)
    assert ground.restore().result == "restored"
    outcome = ground.restore()
    assert (outcome.status, ground.proxy.writes) == (0, [])
    assert outcome.result == ("skipped_exists" if kind == "plain" else "skipped_empty")


# --- keys -----------------------------------------------------------------------------------------------------------


def make_token(claims: dict[str, Any]) -> str:
    """Give a text that is shaped like a JWT with these claims."""
    parts = (json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), "c2lnbmF0dXJl"])


def test_a_scoped_key_reports_present_and_marks_unchecked(tmp_path: Path, store: FilledStore) -> None:
    """Rule 2: a key for single collections cannot see marks; "present", never "whole", and nothing is written."""
    key = make_token({"access": [{"collection": "cities", "access": "r"}]})
    store.add("cities")
    with EmbeddedQdrant(tmp_path / "keyed", api_key=key) as embedded, RecordingProxy(embedded.url) as proxy:
        server = Server(embedded.url, key)
        put_written(server, "cities")
        (outcome,) = restore_here("cities", url=proxy.url, store=store.path, key=key).outcomes
        assert (outcome.result, outcome.status, proxy.writes) == ("skipped_exists_marks_unchecked", 0, [])
        assert outcome.message == "3 points here; present, marks could not be checked with this key"


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
    """12: the mark cannot be made with it; no byte of the snapshot was sent."""
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
    ground: Ground, new_name: Callable[[str], str]
) -> None:
    """Snapshot, restore, snapshot, restore: the second snapshot is complete and becomes latest."""
    ground.add()
    assert ground.restore().result == "restored"
    made = ground.snapshot(ground.name)
    assert made.status == 0, made.stderr
    copy = new_name("copy")
    outcome = ground.restore("--to", copy)
    assert (outcome.result, outcome.points) == ("restored", 43)
    assert outcome.snapshot not in {"", f"{ground.name}_20261120_120000.snapshot"}
    assert ground.server.points(copy) == promised_points("plain")


def test_the_report_for_people_and_for_programs_say_the_same(ground: Ground) -> None:
    """Stdout carries the result: one line a collection, or one object."""
    ground.add()
    ended = ground.run(ground.name)
    assert (ended.status, ended.outcome["message"].startswith("43 points restored from ")) == (0, True)
    assert {*ended.report} == {
        "url", "server_version", "store", "outcomes", "seconds", "status", "dry_run", "summary", "warnings",
        "lock_wait_seconds",
    }  # fmt: skip
