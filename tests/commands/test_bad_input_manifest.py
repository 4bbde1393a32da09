"""Bad input: a manifest that is missing, malformed, newer, hostile, or contradicts its snapshot."""

# ruff: noqa: E501 - a sentence is a line
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from restore.qdrant.collection_names import name_marker
from tests.support.bad_input import SENT, Case, CommandOutput, refuse, run, tell
from tests.support.recording_proxy import Fault
from tests.support.restore_scenario import RestoreScenario
from tests.support.sample_stores import promised_points
from tests.support.state_dump import dump_state

FILE = "<name>_20261120_120000.snapshot"
DELETE_IT = "delete it to restore without what it promises, or make a new snapshot"
REPLACED = "the file was cut or replaced; take another one with --snapshot, or make a new one"
CHANGED = "one of the two was changed or swapped: take another one with --snapshot, or make a new one"
OURS = '{"size":4,"distance":"Cosine"}'


def manifest_of(scenario: RestoreScenario) -> Path:
    """Return the manifest's path."""
    return scenario.store.path / f"{scenario.name}_20261120_120000.snapshot.json"


def write(content: bytes) -> Callable[[RestoreScenario], None]:
    """Return a function that puts these bytes in the manifest's place."""

    def spoil(scenario: RestoreScenario) -> None:
        manifest_of(scenario).write_bytes(content)

    return spoil


def change(**fields: object) -> Callable[[RestoreScenario], None]:
    """Return a function that changes fields of the manifest."""

    def spoil(scenario: RestoreScenario) -> None:
        found = json.loads(manifest_of(scenario).read_text())
        manifest_of(scenario).write_text(json.dumps({**found, **fields}))

    return spoil


def leave_out(field: str) -> Callable[[RestoreScenario], None]:
    """Return a function that takes a field out of the manifest."""

    def spoil(scenario: RestoreScenario) -> None:
        found = json.loads(manifest_of(scenario).read_text())
        del found[field]
        manifest_of(scenario).write_text(json.dumps(found))

    return spoil


def malformed(problem: str) -> CommandOutput:
    """Return the output for a manifest that cannot be read."""
    return refuse(13, f"manifest '{FILE}.json' is malformed: {problem}", DELETE_IT)


def contradicts(difference: str) -> CommandOutput:
    """Return the output for a manifest that promises another collection than the file holds."""
    return refuse(13, f"the manifest of snapshot '{FILE}' contradicts it: {difference}", CHANGED)


def vectors(found: object) -> dict[str, Any]:
    """Return a configuration with these vectors."""
    return {"params": {"vectors": found, "shard_number": 1}}


CASES = [
    Case(name="empty", spoil=write(b""), expected=malformed("Input data was truncated")),
    Case(name="cut", spoil=write(b'{"schema": 1, "collec'), expected=malformed("Input data was truncated")),
    Case(name="binary", spoil=write(bytes(range(256))), expected=malformed("JSON is malformed: invalid character (byte 0)")),
    Case(name="a list", spoil=write(b"[]"), expected=malformed("Expected `object`, got `array`")),
    Case(name="nested without end", spoil=write(b'{"schema":1,"x":' + b'{"a":' * 100_000), expected=malformed("maximum recursion depth exceeded while deserializing an object")),
    Case(name="longer than any", spoil=write(b" " * (16 * 1024 * 1024 + 1)), expected=refuse(13, f"'{FILE}.json' is longer than 16,777,216 bytes", f"no manifest is: {DELETE_IT}")),
    Case(name="without its schema", spoil=leave_out("schema"), expected=malformed("Object missing required field `schema`")),
    Case(name="without its points", spoil=leave_out("points"), expected=malformed("Object missing required field `points`")),
    Case(name="of a newer schema", spoil=change(schema=2, points={"many": 43}), expected=refuse(14, f"manifest '{FILE}.json' has schema 2, this program reads 1", "use a newer qdrant-restore")),
    Case(name="with a checksum that is none", spoil=change(sha256="8E" * 32), expected=malformed(r"Expected `str` matching regex '\\A[0-9a-f]{64}\\Z' - at `$.sha256`")),
    Case(name="with a moment that is none", spoil=change(created="yesterday"), expected=malformed("Invalid RFC3339 encoded datetime - at `$.created`")),
    Case(name="with a moment nobody knows where", spoil=change(created="2026-11-20T12:00:00"), expected=malformed("`created` has no time zone")),
    Case(name="with less than no points", spoil=change(points=-1), expected=malformed("Expected `int` >= 0 - at `$.points`")),
    Case(name="with more points than there are numbers", spoil=change(points=10**40), expected=malformed("Expected `int` <= 9223372036854775807 - at `$.points`")),
    Case(name="with a sample that is no point", spoil=change(samples=[{"id": "../../etc/passwd", "digest": "0"}]), expected=malformed("`samples` has '../../etc/passwd', which is no point's id")),
    Case(name="with a payload schema that is none", spoil=change(payload_schema={"pop": 5}), expected=malformed("Expected `object`, got `int` - at `$.payload_schema[...]`")),
    Case(name="of another collection", spoil=change(collection="towns"), expected=refuse(13, f"manifest '{FILE}.json' is of collection 'towns', not of '<name>'", "files were swapped or renamed; give each its own name back")),
    Case(name="of a collection that is a path", spoil=change(collection="../<name>\n\x1b[31m"), expected=refuse(13, rf"manifest '{FILE}.json' is of collection '../<name>\n\x1b[31m', not of '<name>'", "files were swapped or renamed; give each its own name back")),
    Case(name="with another size", spoil=change(size=5), expected=refuse(13, f"snapshot '{FILE}' has 270,336 bytes, its manifest says 5", REPLACED)),
    Case(name="with another checksum", spoil=change(sha256="0" * 64), expected=refuse(13, f"snapshot '{FILE}' is not what its manifest says: 270,336 bytes with checksum 8eab83bdd549…, expected 000000000000…; nothing is left behind", "it was changed or damaged after it was made: 'qdrant-restore verify' finds a good one", log=SENT)),
    Case(name="with other vectors", spoil=change(config=vectors({"size": 5, "distance": "Dot"})), expected=contradicts(f'its vectors are {{"size":5,"distance":"Dot"}}, the snapshot\'s {OURS}')),
    Case(name="with more shards", spoil=change(config={"params": {"vectors": {"size": 4, "distance": "Cosine"}, "shard_number": 3}}), expected=contradicts("its number of shards is 3, the snapshot's 1")),
    Case(name="with sparse vectors", spoil=change(config={"params": {"vectors": {"size": 4, "distance": "Cosine"}, "sparse_vectors": {"text": {}}}}), expected=contradicts('its sparse vectors are {"text":{}}, the snapshot\'s null')),
    Case(name="with vectors that are none", spoil=change(config=vectors(7)), expected=contradicts(f"its vectors are 7, the snapshot's {OURS}")),
    Case(name="with a vector that is none", spoil=change(config=vectors({"a": 7})), expected=contradicts(f'its vectors are {{"a":7}}, the snapshot\'s {OURS}')),
    Case(name="with parameters that are none", spoil=change(config={"params": 7}), expected=contradicts(f"its vectors are null, the snapshot's {OURS}")),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_bad_manifest_is_told_and_nothing_is_touched(case: Case, scenario: RestoreScenario) -> None:
    """The whole of stderr and stdout, the status, and store and server as they were."""
    tried = run(case, scenario)

    assert tried.output == case.expected
    assert tried.after == tried.before


@pytest.mark.parametrize(
    ("fields", "difference"),
    [
        ({"points": 44}, "43 of 44 points"),
        ({"samples": [{"id": 7_000_000, "digest": "0" * 32}]}, "1 of 1 sampled point missing (7000000)"),
        ({"samples": [{"id": 1, "digest": "0" * 32}]}, "1 of 1 sampled point changed (1)"),
    ],
)
def test_a_promise_that_the_data_does_not_keep_is_told_and_left_to_look_at(
    fields: dict[str, Any], difference: str, scenario: RestoreScenario
) -> None:
    """Only the restored collection can show it: it stays, named, with its marker; the store is as it was."""
    scenario.add()
    change(**fields)(scenario)
    before = dump_state(scenario.server, scenario.store.path, scenario.name)
    output = tell(scenario, "restore", "<name>")
    after = dump_state(scenario.server, scenario.store.path, scenario.name)

    assert output == refuse(
        13,
        f"after the restore {difference}; it is left as it is, with its marker '<mark>-1'",
        f"is '{FILE}' the snapshot you meant? 'qdrant-restore verify' checks it; remove the collection, or run again "
        "with --on-existing replace",
        log=SENT,
    )
    assert after.store == before.store
    assert scenario.server.count(scenario.name) == 43
    assert scenario.markers == [name_marker(scenario.name, 1)]


def test_without_a_manifest_less_is_checked_and_said(scenario: RestoreScenario) -> None:
    """A person's own file is welcome."""
    scenario.add(manifest=False)
    output = tell(scenario, "restore", "<name>")

    restored = f"<name>: 43 points restored from {FILE} (270 kB) in <n> s"
    assert (output.status, output.stdout[0]) == (
        0,
        f"{restored}; it has no manifest, so only its form and readability were checked",
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"note": "x" * 10_000_000},
        {"note": "\x1b[31mred\x1b[0m\u202e\n", "server_version": "\x1b[31m1.18.3", "written_by": "\n\n"},
        {"server_version": "9" * 10_000},
        {"created": "9999-12-31T23:59:59Z"},
        {"tomorrow": {"unknown": [1, 2]}, "held_back": "somebody said so"},
        {"shards": 2**62, "seconds": 1e300},
    ],
)
def test_an_odd_manifest_that_promises_the_right_thing_is_believed(
    fields: dict[str, Any], scenario: RestoreScenario
) -> None:
    """Ten megabytes, a terminal's sequences, a far future, fields of a newer program: shown escaped or not at all."""
    scenario.add()
    change(**fields)(scenario)
    output = tell(scenario, "restore", "<name>")
    shown = tell(scenario, "list", "<name>")

    assert (output.status, shown.status) == (0, 0)
    assert scenario.server.points(scenario.name) == promised_points("plain")
    assert "\x1b" not in "".join(output.stdout + output.stderr + shown.stdout + shown.stderr)


def test_an_alias_that_the_server_refuses_is_a_warning(scenario: RestoreScenario) -> None:
    """The data is whole, and the next boot must not try again for ever."""
    scenario.add(aliases=(f"{scenario.name}-alias", scenario.name))
    scenario.proxy.inject(r"POST /collections/aliases", Fault(status=500))
    output = tell(scenario, "restore", "<name>")

    taken = "  warning: alias '<name>' was not put back: a collection has that name"
    refused = "Qdrant at <url> answered 500 to POST /collections/aliases: injected"
    warnings = [taken, f"  warning: alias '<name>-alias' could not be put back: {refused}"]
    assert (output.status, [line for line in output.stdout if "alias" in line], scenario.markers) == (0, warnings, [])
