"""Restoring a set: what is there already, what is damaged or locked away, and runs killed before their end."""

# Fixtures are asked for by name, so their number confuses nobody.
# ruff: noqa: PLR0917
from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from qdrant_embedded.process import EmbeddedQdrant
from restore.commands.restore.report import RestoreResult
from restore.snapshots.manifest import read_manifest
from tests.support.program import ProgramResult, run_program
from tests.support.recording_proxy import Fault, RecordedRequest, RecordingProxy
from tests.support.run_restore import restore_here
from tests.support.run_snapshot import start_snapshot, take_here
from tests.support.server_under_test import Server

VECTORS = {"size": 4, "distance": "Dot"}
NAMES = ("cities", "towns", "villages")
FIRST = "a" * 32


@pytest.fixture
def filled_server(embedded: EmbeddedQdrant) -> Server:
    """Return a server of this test's own with three collections."""
    server = Server(embedded.url, snapshots=embedded.snapshots)
    for number, name in enumerate(NAMES, start=1):
        server.create(name, vectors=VECTORS)
        server.upsert(name, range(1, 10 * number + 1))
    return server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the path of a store that does not exist yet."""
    return tmp_path / "store"


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """Yield an event that holds a request until the test is over."""
    event = threading.Event()
    yield event
    event.set()


def list_states(folder: Path) -> list[tuple[str, str, list[str]]]:
    """Return the beginning of each set's id, its state and what failed in it, oldest first."""
    output = json.loads(run_program("list", "--sets", "--json", "--store", str(folder), cwd=folder.parent).stdout)
    return [(one["run_id"][:4], one["state"], one["failed"]) for one in output["sets"]]


def run(server: Server, folder: Path, *arguments: str, document: str = "") -> ProgramResult:
    """Run the installed command on a store, with a settings file beside it."""
    (folder.parent / "restore.yaml").write_text(document)
    environment = {"QDRANT_URL": server.url, "RESTORE_STORE": str(folder)}
    return run_program(*arguments, cwd=folder.parent, environment=environment)


def test_a_run_killed_before_its_end_leaves_no_set(
    filled_server: Server, folder: Path, held: threading.Event
) -> None:
    """The document is written last: what a killed run made is there, latest one by one, and in no set."""
    take_here(url=filled_server.url, store=folder, run_id=FIRST)
    filled_server.upsert("cities", range(101, 111))
    come = threading.Event()

    def hold(_seen: RecordedRequest) -> None:
        come.set()
        held.wait(30)

    with RecordingProxy(filled_server.url) as proxy:
        proxy.inject(r"POST /collections/villages/snapshots", Fault(before=hold))
        child = start_snapshot("--concurrency", "1", url=proxy.url, store=folder)
        assert come.wait(20)
        child.kill()
        child.communicate()
        held.set()
    runs = {read_manifest(path.read_bytes(), where="").run_id for path in folder.glob("*.snapshot.json")}
    after_kill = list_states(folder)
    for name in NAMES:
        filled_server.drop(name)
    report = restore_here("--set", "latest", url=filled_server.url, store=folder)
    counts = {name: filled_server.count(name) for name in NAMES}
    again = take_here(url=filled_server.url, store=folder, run_id="b" * 32)
    assert (len(runs), after_kill) == (2, [("aaaa", "whole", [])])
    assert (report.status, counts) == (0, {"cities": 10, "towns": 20, "villages": 30})
    assert (again.status, list_states(folder)) == (0, [("aaaa", "whole", []), ("bbbb", "whole", [])])


@pytest.mark.parametrize(
    ("arguments", "status", "towns", "count"),
    [
        (("--on-existing", "skip"), 0, RestoreResult.PRESENT, 25),
        # A set that was asked for is not passed over in silence.
        ((), 3, RestoreResult.FAILED, 25),
        (("--on-existing", "refuse"), 3, RestoreResult.FAILED, 25),
        # A set names nothing one by one.
        (("--on-existing", "replace"), 3, RestoreResult.FAILED, 25),
    ],
)
def test_what_is_there_follows_on_existing(
    filled_server: Server, folder: Path, arguments: tuple[str, ...], status: int, towns: RestoreResult, count: int
) -> None:
    """And the rest of the set comes back."""
    take_here(url=filled_server.url, store=folder, run_id=FIRST)
    filled_server.drop("cities")
    filled_server.drop("villages")
    filled_server.upsert("towns", range(101, 106))
    report = restore_here("--set", "latest", *arguments, url=filled_server.url, store=folder)
    results = [one.result for one in report.outcomes]
    assert (report.status, results) == (status, [RestoreResult.RESTORED, towns, RestoreResult.RESTORED])
    assert {name: filled_server.count(name) for name in NAMES} == {"cities": 10, "towns": count, "villages": 30}


def test_what_is_named_is_replaced_from_the_set(filled_server: Server, folder: Path) -> None:
    """Also when a newer snapshot is there; it alone."""
    take_here(url=filled_server.url, store=folder, run_id=FIRST)
    filled_server.upsert("towns", range(101, 106))
    take_here("towns", url=filled_server.url, store=folder)
    report = restore_here("--set", "latest", "towns", "--on-existing", "replace", url=filled_server.url, store=folder)
    assert (report.status, filled_server.count("towns")) == (0, 20)


def test_one_damaged_file_does_not_stop_the_others(filled_server: Server, folder: Path) -> None:
    """Status 3: the others are restored, and nothing of that one stays on the server."""
    made = take_here(url=filled_server.url, store=folder, run_id=FIRST)
    for name in NAMES:
        filled_server.drop(name)
    damaged = folder / made.outcomes[1].snapshot
    content = damaged.read_bytes()
    damaged.write_bytes(content[:3000] + bytes([content[3000] ^ 1]) + content[3001:])
    report = restore_here("--set", "latest", url=filled_server.url, store=folder)
    assert (report.status, [one.status for one in report.outcomes]) == (3, [0, 13, 0])
    assert (filled_server.collections(), report.summary.succeeded, report.summary.failed) == (
        ["cities", "villages"],
        2,
        1,
    )


def test_a_renamed_target_is_for_one_collection(filled_server: Server, folder: Path) -> None:
    """`--to` with a set asks for a name; with one it is that collection of the set."""
    take_here(url=filled_server.url, store=folder, run_id=FIRST)
    refused = run(filled_server, folder, "restore", "--set", "latest", "--to", "copy")
    taken = run(filled_server, folder, "restore", "--set", "latest", "towns", "--to", "copy")
    assert (refused.status, "name one collection" in refused.stderr) == (2, True)
    assert (taken.status, filled_server.count("copy")) == (0, 20)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Return an identity file, with the recipients beside it."""
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "recipients.txt").write_text(f"{identity.to_public()}\n")
    (tmp_path / "key.txt").write_text(f"{identity}\n")
    return tmp_path / "key.txt"


OWN = """
include: '*'
collections:
  cities:
    compress: zstd
  towns:
    encrypt: age
    recipients_file: recipients.txt
    note: the secret one
"""


def test_each_collection_is_packed_as_its_own_settings_say(filled_server: Server, folder: Path, key: Path) -> None:
    """In one run and one set: compressed, encrypted, plain; and without the key what needs none comes back (3)."""
    made = run(filled_server, folder, "snapshot", document=OWN)
    manifests = sorted(path.name.removesuffix(".json") for path in folder.glob("*.json") if ".snapshot" in path.name)
    (note,) = [read_manifest(path.read_bytes(), where="").note for path in folder.glob("towns*.json")]
    for name in NAMES:
        filled_server.drop(name)
    locked = run(filled_server, folder, "restore", "--set", "latest")
    without = filled_server.collections()
    again = ("restore", "--set", "latest", "--on-existing", "skip", "--identity-file", str(key))
    opened = run(filled_server, folder, *again)
    packings = [file.rpartition(".snapshot")[2] for file in manifests]
    assert (made.status, packings, note) == (0, [".zst", ".age", ""], "the secret one")
    assert (locked.status, without) == (3, ["cities", "villages"])
    assert (opened.status, {name: filled_server.count(name) for name in NAMES}) == (
        0,
        {"cities": 10, "towns": 20, "villages": 30},
    )


def test_a_set_that_is_all_locked_touches_nothing(filled_server: Server, folder: Path, key: Path) -> None:
    """A missing key is status 19, before anything is sent."""
    made = run(filled_server, folder, "snapshot", "--encrypt", "age", "--recipients-file", "recipients.txt")
    for name in NAMES:
        filled_server.drop(name)
    locked = run(filled_server, folder, "restore", "--set", "latest")
    assert (made.status, key.exists()) == (0, True)
    assert (locked.status, filled_server.collections()) == (19, [])


def test_encryption_of_one_collection_without_recipients_is_told_at_once(filled_server: Server, folder: Path) -> None:
    """Status 2, naming where it was asked for."""
    run_result = run(filled_server, folder, "snapshot", document="collections:\n  towns:\n    encrypt: age\n")
    assert (run_result.status, folder.exists()) == (2, False)
    assert "collections.towns: for whom? name the recipients file" in run_result.stderr
