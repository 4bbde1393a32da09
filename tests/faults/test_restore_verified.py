"""Rule 6: what is compared after a transfer, and what happens when it is not what was promised."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from restore.snapshots.manifest import Sample
from tests.support.recording_proxy import Fault
from tests.support.restore_scenario import RestoreScenario
from tests.support.sample_stores import describe, promised_points, recorded
from tests.support.targets import make_empty, put_written

Info = dict[str, Any]
FALSE_DIGEST = "0" * 32


def showing(change: Callable[[Info], None]) -> Fault:
    """Let the server describe the collection otherwise."""

    def rewrite(content: bytes) -> bytes:
        body = json.loads(content)
        change(body["result"])
        return json.dumps(body).encode()

    return Fault(rewrite=rewrite)


def show(scenario: RestoreScenario, change: Callable[[Info], None]) -> None:
    """Let the server describe the collection otherwise from the upload on."""
    scenario.proxy.inject(f"^GET {re.escape(scenario.path)}$", showing(change))


def with_config(**params: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return the recorded configuration with other parts."""
    return {**recorded("plain")["info"]["config"], **params}


@pytest.mark.parametrize(
    ("promise", "sentence"),
    [
        ({"points": 44}, "43 of 44 points"),
        (
            {"samples": (Sample(1, FALSE_DIGEST), *describe("plain", "x").samples[1:])},
            "1 of 32 sampled points changed (1)",
        ),
        (
            {"samples": (*describe("plain", "x").samples[:2], Sample(999, FALSE_DIGEST))},
            "1 of 3 sampled points missing (999)",
        ),
        (
            {"config": with_config(hnsw_config={"m": 8, "ef_construct": 100})},
            "its hnsw_config.m is 16, the snapshot's 8",
        ),
        (
            {"payload_schema": describe("plain", "x").payload_schema | {"pop": {"data_type": "keyword"}}},
            "its payload index 'pop' is integer, the snapshot's keyword",
        ),
    ],
    ids=["count", "a sample differs", "a sample is missing", "configuration", "index type"],
)
def test_rule_6_what_differs_from_the_manifest_fails_and_is_left(
    scenario: RestoreScenario, promise: dict[str, Any], sentence: str
) -> None:
    """Status 13; the collection is left and named, and so is its marker; nothing is removed."""
    scenario.add(**promise)
    outcome = scenario.restore()
    assert (outcome.status, outcome.result) == (13, "failed")
    assert outcome.message == f"after the restore {sentence}; it is left as it is, with its marker '{scenario.mark}'"
    assert (scenario.server.points(scenario.name), scenario.markers) == (promised_points("plain"), [scenario.mark])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda info: info.update(status="red"), "its status is red"),
        (lambda info: info.update(optimizer_status={"error": "no disk"}), "its optimizer failed (no disk)"),
    ],
    ids=["red", "optimizer"],
)
def test_rule_6_a_collection_in_trouble_fails(
    scenario: RestoreScenario, change: Callable[[Info], None], sentence: str
) -> None:
    """Rule 6: not red, optimizer `ok`."""
    scenario.add()
    show(scenario, change)
    outcome = scenario.restore()
    assert (outcome.status, outcome.message) == (
        13,
        f"after the restore {sentence}; it is left as it is, with its marker '{scenario.mark}'",
    )


@pytest.mark.parametrize("colour", ["yellow", "grey"])
def test_rule_6_yellow_and_grey_are_reported_and_not_waited_for(scenario: RestoreScenario, colour: str) -> None:
    """Rule 6: 713 MB were right at once and yellow for 220 s."""
    scenario.add()
    show(scenario, lambda info: info.update(status=colour))
    outcome = scenario.restore()
    assert (outcome.result, outcome.warnings) == (
        "restored",
        (f"it is {colour}: usable, and still being optimised by the server",),
    )


def test_rule_6_deferred_points_count(scenario: RestoreScenario) -> None:
    """Rule 6: points = exact count + `deferred_points`; the exact count leaves them out."""
    scenario.add(points=50)
    show(scenario, lambda info: info.update(update_queue={"length": 0, "deferred_points": 7}))
    assert (scenario.restore().result, scenario.restore().points) == ("restored", 50)


def test_rule_6_the_counts_in_a_payload_schema_are_not_compared(scenario: RestoreScenario) -> None:
    """Rule 6: `payload_schema` carries `points` counts that change; only what is indexed is compared."""
    scenario.add()

    def count_otherwise(info: Info) -> None:
        info["payload_schema"] = {field: {**index, "points": 1} for field, index in info["payload_schema"].items()}

    show(scenario, count_otherwise)
    assert scenario.restore().result == "restored"


def test_rule_6_a_rate_limit_is_waited_for_as_the_server_asks(scenario: RestoreScenario) -> None:
    """Rule 6: samples in small batches, honouring 429 `Retry-After`."""
    scenario.add()
    limited = Fault(status=429, headers={"retry-after": "2"}, body=b'{"status":{"error":"Rate limited"},"time":0.0}')
    scenario.proxy.inject(f"^POST {scenario.path}/points$", limited, times=1, skip=1)
    begin = time.monotonic()
    outcome = scenario.restore()
    assert (outcome.result, time.monotonic() - begin > 2) == ("restored", True)
    batches = [len(json.loads(seen.body)["ids"]) for seen in scenario.proxy.find(f"^POST {scenario.path}/points$")]
    assert batches == [16, 16, 16]


def test_rule_6_the_mark_says_verified_only_after_it_was(scenario: RestoreScenario) -> None:
    """The marker says "verified" after the last comparison, and always then."""
    scenario.add()
    assert scenario.restore().result == "restored"
    lines = [seen.line for seen in scenario.proxy.seen if not seen.is_beat]
    bodies = [seen.body for seen in scenario.proxy.seen if not seen.is_beat]
    verified = next(place for place, body in enumerate(bodies) if b'"verified"' in body)
    assert lines[verified - 1] == f"POST {scenario.path}/points"
    assert [line for line in lines[verified:] if f"POST {scenario.path}/points" == line] == []


def test_a_count_that_was_approximate_is_a_warning(scenario: RestoreScenario) -> None:
    """Snapshot rule 2: where points were being written, a difference in count is never a failure."""
    scenario.add(points=40, points_exact=False)
    outcome = scenario.restore()
    assert (outcome.result, outcome.warnings) == (
        "restored",
        ("43 of 40 points, and the count was taken while points were being written",),
    )


def test_verify_counts_reads_no_samples(scenario: RestoreScenario) -> None:
    """Policy `verify: counts`: points and configuration, nothing else."""
    scenario.add(samples=(Sample(1, FALSE_DIGEST),))
    assert scenario.restore("--verify", "counts").result == "restored"
    assert scenario.proxy.find(f"^POST {scenario.path}/points$") == []


def test_verify_none_compares_nothing(scenario: RestoreScenario) -> None:
    """Policy `verify: none`: it is there and answers."""
    scenario.add(points=44)
    assert scenario.restore("--verify", "none").result == "restored"


def test_without_a_manifest_an_empty_outcome_is_not_believed(scenario: RestoreScenario) -> None:
    """Without a manifest less can be compared: not empty unless the archive's collection was."""
    scenario.add(manifest=False)

    def answer_none(_content: bytes) -> bytes:
        return b'{"result":{"count":0},"status":"ok","time":0.0}'

    scenario.proxy.inject(f"^POST {scenario.path}/points/count", Fault(rewrite=answer_none))
    outcome = scenario.restore()
    assert outcome.status == 13
    assert outcome.message == (
        "after the restore it has no points, the snapshot has some; "
        f"it is left as it is, with its marker '{scenario.mark}'"
    )


def test_without_a_manifest_an_empty_archive_may_be_empty(scenario: RestoreScenario) -> None:
    """Unless the archive's collection was; and the second run only reads."""
    scenario.add("empty", manifest=False)
    assert scenario.restore().result == "restored"
    second = scenario.restore()
    assert (second.result, second.points, scenario.proxy.writes) == ("skipped_empty", 0, [])


def test_a_collection_with_settings_of_its_own_keeps_them_and_is_whole(scenario: RestoreScenario) -> None:
    """Policy `on_empty`: the application's own settings win; only vectors and shards are compared then."""
    scenario.add()
    make_empty(scenario.server, scenario.name)
    outcome = scenario.restore()
    assert (outcome.result, scenario.server.info(scenario.name)["config"]["hnsw_config"]["m"]) == ("restored", 24)


def test_a_run_after_a_failed_comparison_removes_nothing(scenario: RestoreScenario) -> None:
    """Rules 9 and 11: it verified wrong, so somebody has to look; the next run says so again and leaves it."""
    scenario.add(points=44)
    assert scenario.restore().status == 13
    again = scenario.restore()
    assert (again.status, again.result, again.points) == (13, "written_meanwhile", 43)
    assert scenario.server.points(scenario.name) == promised_points("plain")


def test_an_application_that_writes_while_it_is_restored_loses_nothing(scenario: RestoreScenario) -> None:
    """Points that came between the transfer and the comparison stay; the report says that they are there."""
    scenario.add()
    counting = Fault(before=lambda _: scenario.server.upsert(scenario.name, range(2000, 2003)))
    scenario.proxy.inject(f"^POST {scenario.path}/points/count", counting, times=1)
    outcome = scenario.restore()
    assert (outcome.status, outcome.message.startswith("after the restore 46 of 43 points")) == (13, True)
    assert set(scenario.server.points(scenario.name)) >= {2000, 2001, 2002}
    again = scenario.restore()
    assert (again.result, again.points) == ("written_meanwhile", 46)
    assert set(scenario.server.points(scenario.name)) >= {2000, 2001, 2002}


def test_an_application_that_writes_into_what_is_there_is_not_disturbed(scenario: RestoreScenario) -> None:
    """A collection with points is present, whatever the store has."""
    scenario.add()
    put_written(scenario.server, scenario.name)
    held = scenario.server.points(scenario.name)
    assert (scenario.restore().result, scenario.server.points(scenario.name)) == ("skipped_exists", held)
