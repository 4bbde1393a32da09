"""Bad input: a target that is an alias, of another shape, broken, empty, or full of somebody's points."""

# ruff: noqa: E501 - a sentence is a line
from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.bad_input import READY, Case, CommandOutput, refuse, run, tell
from tests.support.recording_proxy import Fault
from tests.support.restore_scenario import RestoreScenario
from tests.support.targets import VECTORS, make_other, make_same

FILE = "<name>_20261120_120000.snapshot"
AS_IT_IS = "left as it is"
DIRTY = b'{"status":{"error":"Service internal error: Dirty shard - shard is not fully initialized"},"time":0.0}'
OURS = '{"size":4,"distance":"Cosine"}'
DISAGREE = "the application that created it and the snapshot disagree: remove one of them, or name the collection and replace it: qdrant-restore restore <name> --on-existing replace"
REPLACE = ("restore", "<name>", "--on-existing", "replace")


@pytest.fixture(autouse=True)
def _nothing_behind(scenario: RestoreScenario) -> Iterator[None]:
    """Remove the collection behind an alias again."""
    yield
    scenario.server.drop(f"{scenario.name}-behind")


def make(**config: object) -> Callable[[RestoreScenario], None]:
    """Return a function that makes the target without points."""

    def spoil(scenario: RestoreScenario) -> None:
        scenario.server.create(scenario.name, **config)

    return spoil


def fill(size: int = 4, distance: str = "Cosine") -> Callable[[RestoreScenario], None]:
    """Return a function that makes the target with three points of an application."""

    def spoil(scenario: RestoreScenario) -> None:
        scenario.server.create(scenario.name, vectors={"size": size, "distance": distance})
        scenario.server.upsert(scenario.name, range(1, 4), size=size)

    return spoil


def make_alias(scenario: RestoreScenario) -> None:
    """Let the target's name be an alias of a collection with points."""
    scenario.server.create(f"{scenario.name}-behind", vectors=VECTORS)
    scenario.server.upsert(f"{scenario.name}-behind", range(1, 4))
    scenario.server.alias(scenario.name, f"{scenario.name}-behind")


def let_be_broken(scenario: RestoreScenario) -> None:
    """Let the target be listed and answer nothing, as after a server's kill while data moved in."""
    scenario.server.create(scenario.name, vectors=VECTORS)
    scenario.proxy.inject(f"/collections/{scenario.name}(/points/count)?$", Fault(status=500, body=DIRTY))


def let_have_lost_snapshot(scenario: RestoreScenario) -> None:
    """Let the target have points, and the store no snapshot of it."""
    fill()(scenario)
    for file in scenario.store.path.glob(f"{scenario.name}*"):
        file.unlink()


def damage_beside(make_target: Callable[..., None]) -> Callable[[RestoreScenario], None]:
    """Return a function that makes the target and turns a bit of the snapshot's data."""

    def spoil(scenario: RestoreScenario) -> None:
        make_target(scenario.server, scenario.name)
        file = scenario.store.path / f"{scenario.name}_20261120_120000.snapshot"
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)

    return spoil


def age(scenario: RestoreScenario) -> None:
    """Let the target have points, and the snapshot be of an older server."""
    make_other(scenario.server, scenario.name)
    scenario.add(server_version="1.14.0")


CASES = [
    Case(
        name="an alias",
        spoil=make_alias,
        expected=refuse(16, "'<name>' is an alias of collection '<name>-behind': a restore onto it would overwrite '<name>-behind'; nothing was changed", "restore the collection itself (<name>-behind), or remove the alias first"),
    ),
    Case(
        name="an alias, to be replaced",
        spoil=make_alias,
        arguments=REPLACE,
        expected=refuse(16, "'<name>' is an alias of collection '<name>-behind': a restore onto it would overwrite '<name>-behind'; nothing was changed", "restore the collection itself (<name>-behind), or remove the alias first"),
    ),
    Case(name="empty, with vectors of another size", spoil=make(vectors={"size": 5, "distance": "Cosine"}), expected=refuse(16, f'is there, empty, and not like the snapshot: its vectors are {{"size":5,"distance":"Cosine"}}, the snapshot\'s {OURS}; {AS_IT_IS}', DISAGREE)),
    Case(name="empty, with another distance", spoil=make(vectors={"size": 4, "distance": "Dot"}), expected=refuse(16, f'is there, empty, and not like the snapshot: its vectors are {{"size":4,"distance":"Dot"}}, the snapshot\'s {OURS}; {AS_IT_IS}', DISAGREE)),
    Case(name="empty, with named vectors", spoil=make(vectors={"a": {"size": 4, "distance": "Cosine"}}), expected=refuse(16, f'is there, empty, and not like the snapshot: its vectors are {{"a":{OURS}}}, the snapshot\'s {OURS}; {AS_IT_IS}', DISAGREE)),
    Case(name="empty, with more shards", spoil=make(vectors=VECTORS, shard_number=2), expected=refuse(16, f"is there, empty, and not like the snapshot: its number of shards is 2, the snapshot's 1; {AS_IT_IS}", DISAGREE)),
    Case(name="empty, and that is refused", spoil=make(vectors=VECTORS), arguments=("restore", "<name>", "--on-empty", "refuse"), expected=refuse(16, f"is there with no points, and on_empty is refuse; {AS_IT_IS}", "allow it with --on-empty restore, or remove the empty collection")),
    Case(name="empty, and that is skipped", spoil=make(vectors=VECTORS), arguments=("restore", "<name>", "--on-empty", "skip"), expected=CommandOutput(0, (READY,), ("<name>: here with no points, and left so",))),
    Case(
        name="there, with points and other vectors",
        spoil=fill(5, "Dot"),
        expected=CommandOutput(0, (READY,), ("<name>: 3 points here; the latest snapshot (20 Nov 12:00) has 43; to take it: qdrant-restore restore <name> --on-existing replace",)),
    ),
    Case(name="there, and that is refused", spoil=fill(), arguments=("restore", "<name>", "--on-existing", "refuse"), expected=refuse(16, f"is there with 3 points, and on_existing is refuse; {AS_IT_IS}", "leave it with --on-existing skip, or name it and use --on-existing replace")),
    Case(
        name="there, to be replaced, and not named",
        spoil=fill(),
        arguments=("restore",),
        environment={"RESTORE_ON_EXISTING": "replace"},
        expected=refuse(16, f"is there with 3 points and was not named by itself; {AS_IT_IS}", "replace acts on named collections only: qdrant-restore restore <name> --on-existing replace"),
    ),
    Case(name="there, to be replaced, and nothing to do it with", spoil=let_have_lost_snapshot, arguments=REPLACE, expected=refuse(16, f"holds 3 points and there is no snapshot to replace it with; {AS_IT_IS}", "look what is there: qdrant-restore list <name>")),
    Case(
        name="broken",
        spoil=let_be_broken,
        expected=refuse(16, f"is there and does not answer (Service internal error: Dirty shard - shard is not fully initialized); {AS_IT_IS}", "to put the snapshot in its place: qdrant-restore restore <name> --on-existing replace"),
    ),
    Case(
        name="of other points, to be replaced by a snapshot of another version",
        spoil=age,
        arguments=REPLACE,
        expected=refuse(14, f"the snapshot was made by Qdrant 1.14.0, this server is <version>; {AS_IT_IS}", "another version's snapshot is unsupported upstream and would replace data: restore it under another name first (--to), or say --allow-version-gap"),
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_bad_target_gets_a_sentence_and_nothing_is_touched(case: Case, scenario: RestoreScenario) -> None:
    """The whole of stderr and stdout, the status, and store and server as they were."""
    tried = run(case, scenario)
    scenario.proxy.reset()

    assert tried.output == case.expected
    assert tried.after == tried.before


@pytest.mark.parametrize("make_target", [make_same, make_other], ids=["same configuration", "another configuration"])
def test_a_damaged_snapshot_replaces_nothing(make_target: Callable[..., None], scenario: RestoreScenario) -> None:
    """Every byte is read before what is there goes: the points of others, and their alias, stay."""
    scenario.add()
    damage_beside(make_target)(scenario)
    points = scenario.server.points(scenario.name)
    output = tell(scenario, *REPLACE)

    assert (output.status, output.stdout[0].partition(": 270,336")[0]) == (
        13,
        f"<name>: snapshot '{FILE}' is not what its manifest says",
    )
    assert scenario.server.points(scenario.name) == points
    assert scenario.server.aliases()[f"{scenario.name}-alias"] == scenario.name
    assert scenario.markers == []


def test_a_proxys_500_does_not_make_a_collection_broken(scenario: RestoreScenario) -> None:
    """What a gateway says of a collection is no ground for replacing it, though it was asked for."""
    scenario.add()
    fill()(scenario)
    page = Fault(status=500, headers={"content-type": "text/html"}, body=b"<html>oops</html>")
    scenario.proxy.inject(f"GET /collections/{scenario.name}$", page)
    output = tell(scenario, *REPLACE)

    assert output.status == 17
    assert scenario.server.count(scenario.name) == 3


def test_a_proxys_404_does_not_make_a_collection_missing(scenario: RestoreScenario) -> None:
    """Nor is it taken for a place that is free."""
    scenario.add()
    fill()(scenario)
    page = Fault(status=404, headers={"content-type": "text/html"}, body=b"<html>not here</html>")
    scenario.proxy.inject(f"GET /collections/{scenario.name}$", page)
    output = tell(scenario, *REPLACE)

    assert output.status == 17
    assert scenario.server.count(scenario.name) == 3
