"""Bad input of `snapshot`: collections that cannot be taken, stores that cannot be written to, servers that refuse."""

# ruff: noqa: E501 - a sentence is a line
from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from restore.recovery.marker.model import Phase, TargetBefore
from tests.support.bad_input import Case, fail, refuse, tell
from tests.support.program import make_environment
from tests.support.recording_proxy import Fault
from tests.support.restore_scenario import RestoreScenario
from tests.support.state_dump import dump_state
from tests.support.targets import VECTORS

SNAPSHOT = ("snapshot", "<name>")
CREATING = '<time> info transfer.waiting what="server is creating the snapshot" collection=<name> waited_seconds=<n>'
DIRTY = b'{"status":{"error":"Service internal error: Dirty shard - shard is not fully initialized"},"time":0.0}'
NO_ROOM = b'{"status":{"error":"Service internal error: No space left on device (os error 28)"},"time":0.1}'


@pytest.fixture(autouse=True)
def _nothing_behind(scenario: RestoreScenario) -> Iterator[None]:
    """Remove the collection behind an alias again."""
    yield
    scenario.server.drop(f"{scenario.name}-behind")


def drop(scenario: RestoreScenario) -> None:
    """Let the collection be missing."""
    scenario.server.drop(scenario.name)


def be_alias(scenario: RestoreScenario) -> None:
    """Let the name be an alias."""
    scenario.server.drop(scenario.name)
    scenario.server.create(f"{scenario.name}-behind", vectors=VECTORS)
    scenario.server.alias(scenario.name, f"{scenario.name}-behind")


def be_marked(scenario: RestoreScenario) -> None:
    """Let a restore of it be interrupted."""
    scenario.plant(Phase.SENT, TargetBefore.ABSENT)


def be_broken(scenario: RestoreScenario) -> None:
    """Let it be listed and answer nothing."""
    scenario.proxy.inject(f"/collections/{scenario.name}(/points/count)?$", Fault(status=500, body=DIRTY))


def fill_store(scenario: RestoreScenario) -> None:
    """Let the store be a directory of somebody's that is none."""
    shutil.rmtree(scenario.store.path)
    scenario.store.path.mkdir()
    (scenario.store.path / "thesis.odt").write_bytes(b"years of work")


def answer(pattern: str, status: int, body: bytes) -> Callable[[RestoreScenario], None]:
    """Return a function that lets something answer in the server's place."""

    def spoil(scenario: RestoreScenario) -> None:
        scenario.proxy.inject(pattern, Fault(status=status, body=body))

    return spoil


CASES = [
    Case(name="the collection is missing", arguments=SNAPSHOT, spoil=drop, expected=refuse(10, "does not exist on the server", "names are case-sensitive; without a name every collection is taken")),
    Case(name="the name is an alias", arguments=SNAPSHOT, spoil=be_alias, expected=refuse(16, "'<name>' is an alias of collection '<name>-behind'", "qdrant-restore snapshot <name>-behind")),
    Case(name="a restore of it was interrupted", arguments=SNAPSHOT, spoil=be_marked, expected=refuse(11, "a restore into collection '<name>' is running or was interrupted (marker '<mark>-1'); nothing was published", "wait for it, or finish it: qdrant-restore restore <name>")),
    Case(name="it does not answer", arguments=SNAPSHOT, spoil=be_broken, expected=refuse(17, "does not answer: Service internal error: Dirty shard - shard is not fully initialized", "bring it back from its latest: qdrant-restore restore <name> --on-existing replace")),
    Case(name="the directory above the store is missing", arguments=SNAPSHOT, environment={"RESTORE_STORE": "<folder>/gone/store"}, expected=fail(10, "store '<folder>/gone/store' cannot be made: the directory above it does not exist", "is it mounted? only the store itself is ever created; give another one with --store", log=())),
    Case(name="the store is a file", arguments=SNAPSHOT, environment={"RESTORE_STORE": "<store>/README.md"}, expected=fail(18, "store '<store>/README.md' cannot be read: Not a directory", "that is no path to a directory; give one with --store", log=())),
    Case(name="the store is somebody's directory", arguments=SNAPSHOT, spoil=fill_store, expected=fail(16, "'<store>' is no store: it holds 'thesis.odt' and no stamp (README.md)", "give an empty or a new directory with --store, or put an empty README.md into this one", log=())),
    Case(name="the server has no room for it", arguments=SNAPSHOT, spoil=answer("POST /collections/[^/]+/snapshots", 500, NO_ROOM), expected=refuse(15, "the server's disk is full: Service internal error: No space left on device (os error 28)", "free some room there: a restore takes about twice the snapshot's size, making a snapshot as much as the collection", log=(CREATING,))),
    Case(name="the key may not", arguments=SNAPSHOT, spoil=answer("POST /collections/[^/]+/snapshots", 403, b'{"status":{"error":"Forbidden: Global manage access is required"}}'), expected=refuse(12, "Qdrant at <url> refused our key (403): Forbidden: Global manage access is required", "this needs the full API key (QDRANT_API_KEY), a read-only or scoped one can only look", log=(CREATING,))),
]  # fmt: skip


def prepare(case: Case, scenario: RestoreScenario) -> None:
    """Make a collection with points and, in the store, a snapshot of another one."""
    scenario.server.create(scenario.name, vectors=VECTORS)
    scenario.server.upsert(scenario.name, range(1, 4))
    scenario.store.add("towns", "named")
    case.spoil(scenario)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_snapshot_that_cannot_be_made_gets_a_sentence_and_nothing_is_touched(
    case: Case, scenario: RestoreScenario
) -> None:
    """The whole of stderr and stdout, the status, and store and server as they were; the lock's file may be there."""
    prepare(case, scenario)
    (scenario.store.path / ".lock").touch(0o664)
    before = dump_state(scenario.server, scenario.store.path, scenario.name)
    output = tell(scenario, *case.arguments, environment=case.environment)

    assert output == case.expected
    assert dump_state(scenario.server, scenario.store.path, scenario.name) == before


def test_a_local_disk_that_is_full_is_told_and_leaves_nothing(scenario: RestoreScenario) -> None:
    """Status 15; what had come is gone again here and on the server."""
    scenario.server.create(scenario.name, vectors=VECTORS)
    before = dump_state(scenario.server, scenario.store.path, scenario.name)
    result = subprocess.run(
        [sys.executable, "-m", "restore", "snapshot", scenario.name],
        env=make_environment(
            QDRANT_URL=scenario.proxy.url, QDRANT_API_KEY=scenario.server.key, RESTORE_STORE=str(scenario.store.path)
        ),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        capture_output=True,
        text=True,
        check=False,
    )
    (scenario.store.path / ".lock").unlink()

    assert (result.returncode, " cannot be written after 4,096 bytes: File too large" in result.stdout) == (15, True)
    assert dump_state(scenario.server, scenario.store.path, scenario.name) == before
