"""Every command, as people start it, on a store of every kind, with snapshots as they are and packed ones."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest

from qdrant_embedded.process import EmbeddedQdrant
from restore.snapshots.name import parse_name, split_encoding
from tests.support.program import ProgramResult, run_program
from tests.support.server_under_test import Server
from tests.support.store_fixtures import azurite, fake_gcs, minio
from tests.support.store_harness import make_bucket_harness

__all__ = ["azurite", "fake_gcs", "minio"]
pytestmark = pytest.mark.xdist_group("bucket commands")

PACKED = {
    "plain": (),
    "zstd": ("--compress", "zstd"),
    "age": ("--encrypt", "age"),
    "zstd and age": ("--compress", "zstd", "--encrypt", "age"),
}
SUFFIXES = {"plain": "", "zstd": ".zst", "age": ".age", "zstd and age": ".zst.age"}
# Every kind of store, every packing; each kind of packing is put into each kind of store by `test_stores.py`.
KINDS = [
    ("directory", "zstd and age"),
    *(("minio", packed) for packed in PACKED),
    ("fake_gcs", "plain"),
    *(("azurite", packed) for packed in ("plain", "zstd and age")),
]
ENCRYPTED = [scenario for scenario in KINDS if "age" in scenario[1]]


def name_kind(scenario: tuple[str, str]) -> str:
    """Return the name of a kind in the list of tests."""
    return "-".join(scenario).replace(" ", "-")


@dataclasses.dataclass(frozen=True)
class CommandScenario:
    """A store with two snapshots of `cities` and one of `towns`, the Qdrant that they were made of, and the key."""

    store: str
    packed: str
    server: Server
    root: Path
    environment: dict[str, str]

    def run(self, *arguments: str, **environment: str) -> ProgramResult:
        """Run the program to its end, with the key."""
        given = {"RESTORE_STORE": self.store, "RESTORE_IDENTITY_FILE": str(self.root / "identity")}
        more = {**self.environment, "QDRANT_URL": self.server.url, **given, **environment}
        return run_program(*arguments, cwd=self.root, environment=more, timeout=90.0)

    def tell(self, *arguments: str, **environment: str) -> dict[str, Any]:
        """Return the JSON report of a run that must succeed."""
        result = self.run(*arguments, "--json", **environment)
        assert result.status == 0, result
        return dict(json.loads(result.stdout))

    def files(self, collection: str = "cities") -> list[str]:
        """Return a collection's snapshots, oldest first."""
        shown = (one["file"] for one in self.tell("list", collection)["files"])
        return [str(name) for name in sorted(filter(None, map(parse_name, shown)))]

    def is_read_by_url(self, transfer: str) -> bool:
        """Return True if the server reads the store itself: plain bytes, where URLs can be signed."""
        return transfer == "auto" and self.packed == "plain" and self.store.startswith(("s3://", "az://"))


def fill(server: Server) -> None:
    """Make the collections of a scenario."""
    for name, count in (("cities", 60), ("towns", 40)):
        server.create(name, vectors={"size": 4, "distance": "Dot"})
        server.upsert(name, range(1, count + 1))
    server.alias("towns-of-today", "towns")


@pytest.fixture(scope="module", params=KINDS, ids=name_kind)
def scenario(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandScenario]:
    """Yield a scenario; all tests of one kind of store share it."""
    kind, packed = request.param
    root = tmp_path_factory.mktemp("yard")
    identity = pyrage.x25519.Identity.generate()
    (root / "identity").write_text(f"{identity}\n")
    (root / "wrong").write_text(f"{pyrage.x25519.Identity.generate()}\n")
    (root / "recipients").write_text(f"{identity.to_public()}\n")
    if kind == "directory":
        store, environment = str(root / "store"), {}
    else:
        bucket = request.getfixturevalue(kind)
        store, environment = make_bucket_harness(bucket).name, bucket.environment
    with EmbeddedQdrant(root / "qdrant") as qdrant:
        server = Server(qdrant.url, snapshots=qdrant.snapshots)
        fill(server)
        made = CommandScenario(store, packed, server, root, environment)
        arguments = ("snapshot", *PACKED[packed], "--recipients-file", "recipients")
        made.tell(*arguments, "cities")
        made.tell(*arguments)
        yield made


def test_snapshot_and_list_show_what_is_there_and_which_is_latest(scenario: CommandScenario) -> None:
    """Names tell the packing; the newest is latest, in a bucket too, in JSON and for people."""
    shown = {one["file"]: one for one in scenario.tell("list")["files"] if one["kind"] == "snapshot"}
    older, newer = scenario.files()
    (towns,) = scenario.files("towns")
    output = scenario.run("list").stdout.splitlines()
    assert {file: split_encoding(file)[1] for file in shown} == dict.fromkeys(
        [older, newer, towns], SUFFIXES[scenario.packed]
    )
    assert {file: (one["latest"], one["state"], one["points"]) for file, one in shown.items()} == {
        older: (False, "checked", 60),
        newer: (True, "checked", 60),
        towns: (True, "checked", 40),
    }
    assert [line.split()[0] for line in output if "  latest  " in line] == [newer, towns]


def test_sets_are_listed_and_restored_whole(scenario: CommandScenario) -> None:
    """`restore --set latest` brings everything of one run back, aliases too."""
    sets = scenario.tell("list", "--sets")["sets"]
    assert sorted((one["snapshots"], one["state"]) for one in sets) == [(1, "whole"), (2, "whole")]
    for name in ("cities", "towns"):
        scenario.server.drop(name)
    report = scenario.tell("restore", "--set", "latest")
    assert [(one["collection"], one["result"], one["points"]) for one in report["outcomes"]] == [
        ("cities", "restored", 60),
        ("towns", "restored", 40),
    ]
    assert scenario.server.aliases() == {"towns-of-today": "towns"}


@pytest.mark.parametrize("transfer", ["auto", "upload"])
def test_restore_brings_back_what_is_missing_and_the_second_run_nothing(
    scenario: CommandScenario, transfer: str
) -> None:
    """By whatever way: a bucket's plain bytes by URL where it can, everything else as an upload."""
    scenario.server.drop("cities")
    first = scenario.tell("restore", "cities", "--transfer", transfer)["outcomes"]
    second = scenario.tell("restore", "cities", "--transfer", transfer)["outcomes"]
    way = "server-url" if scenario.is_read_by_url(transfer) else "upload"
    assert [(one["result"], one["points"], one["transfer"]) for one in first] == [("restored", 60, way)]
    assert [(one["result"], scenario.server.count("cities")) for one in second] == [("skipped_exists", 60)]


@pytest.mark.parametrize("selector", ["previous", "oldest"])
def test_restore_takes_the_one_that_was_asked_for(scenario: CommandScenario, selector: str) -> None:
    """By word or by its file's name, under another name."""
    oldest = scenario.files()[0]
    wanted = oldest if selector == "oldest" else selector
    report = scenario.tell("restore", "cities", "--snapshot", wanted, "--to", f"cities-{selector}")
    assert [(one["snapshot"], one["points"]) for one in report["outcomes"]] == [(oldest, 60)]


@pytest.mark.parametrize("depth", ["list", "hash", "archive"])
def test_verify_finds_everything_right_at_every_depth_and_list_remembers(
    scenario: CommandScenario, depth: str
) -> None:
    """V: the date and the depth of the last success stand in the store and in `list`."""
    report = scenario.tell("verify", "--depth", depth)
    remembered = [one["last_depth"] for one in scenario.tell("list")["files"] if one["kind"] == "snapshot"]
    order = ["list", "hash", "archive", "restore"]
    assert {one["state"] for one in report["files"] if one["kind"] == "snapshot"} == {"checked"}
    assert [order.index(one) >= order.index(depth) for one in remembered] == [True, True, True]


def test_a_sample_rotates_until_all_were_read(scenario: CommandScenario) -> None:
    """Three snapshots, a third each time: three runs read three, whatever was read before."""
    read = [
        one["file"]
        for _ in range(3)
        for one in scenario.tell("verify", "--sample", "1/3", "--depth", "archive")["files"]
        if one["kind"] == "snapshot"
    ]
    assert sorted(read) == sorted([*scenario.files(), *scenario.files("towns")])


@pytest.mark.parametrize("transfer", ["auto", "upload"])
def test_drill_proves_every_latest_and_leaves_nothing(scenario: CommandScenario, transfer: str) -> None:
    """In throw-away collections; when it was proven stands in the store and in `list`."""
    report = scenario.tell("drill", "--transfer", transfer)
    way = "server-url" if scenario.is_read_by_url(transfer) else "upload"
    assert [(one["collection"], one["result"], one["transfer"]) for one in report["outcomes"]] == [
        (name, "proven", way) for name in ("cities", "towns")
    ]
    proven = {one["file"]: bool(one.get("last_proven")) for one in scenario.tell("list")["files"]}
    assert [proven[file] for file in (*scenario.files(), *scenario.files("towns"))] == [False, True, True]
    assert [name for name in scenario.server.collections() if name.startswith(".")] == []


def test_drill_chooses_by_patterns_as_every_command_does(scenario: CommandScenario) -> None:
    """`--include`, `--exclude` and `--all`."""
    chosen = scenario.tell("drill", "--include", "[ct]*", "--exclude", "c*")
    every = scenario.tell("drill", "--all", "--exclude", "towns", RESTORE_COLLECTIONS="towns")
    assert [one["collection"] for one in chosen["outcomes"]] == ["towns"]
    assert [one["collection"] for one in every["outcomes"]] == ["cities"]


def test_a_pinned_snapshot_survives_pruning_and_an_unpinned_one_does_not(scenario: CommandScenario) -> None:
    """A dry run says the same as the run and changes nothing."""
    oldest = scenario.files()[0]
    scenario.tell("pin", oldest, "--reason", "the audit")
    pinned = scenario.tell("prune", "--keep-last", "1", "--dry-run")
    scenario.tell("unpin", oldest)
    free = scenario.tell("prune", "--keep-last", "1", "--dry-run")
    gone = [[one["file"] for outcome in report["outcomes"] for one in outcome["pruned"]] for report in (pinned, free)]
    assert (gone, len(scenario.files())) == ([[], [oldest]], 2)


def test_mirror_copies_there_and_back_without_a_key(scenario: CommandScenario) -> None:
    """Bytes travel as they lie; the copy restores, and a second run copies nothing."""
    none = {"RESTORE_IDENTITY_FILE": ""}
    there = scenario.tell("mirror", scenario.store, "copy", **none)
    again = scenario.tell("mirror", scenario.store, "copy", **none)
    back = scenario.tell("mirror", "copy", scenario.store, **none)
    counts = [[len(one["copied"]) for one in report["outcomes"]] for report in (there, again, back)]
    assert counts == [[2, 1], [0, 0], [0, 0]]
    report = scenario.tell("restore", "--set", "latest", "--on-existing", "skip", RESTORE_STORE="copy")
    only = scenario.tell("restore", "towns", "--to", "towns-copied", RESTORE_STORE="copy")
    assert [one["result"] for one in (*report["outcomes"], *only["outcomes"])] == [
        "skipped_exists",
        "skipped_exists",
        "restored",
    ]


def test_doctor_finds_no_fault_and_changes_nothing(scenario: CommandScenario) -> None:
    """Also where it proves that it may write to the server."""
    before = scenario.files()
    plain, proving = scenario.run("doctor"), scenario.run("doctor", "--prove-write")
    assert ((plain.status, plain.stderr), (proving.status, proving.stderr)) == ((0, ""), (0, ""))
    assert scenario.files() == before


@pytest.mark.parametrize("scenario", ENCRYPTED, indirect=True, ids=name_kind, scope="module")
@pytest.mark.parametrize("key", ["wrong", ""], ids=["another key", "no key"])
@pytest.mark.parametrize(
    "command",
    [("restore", "cities", "--to", "untouched"), ("drill", "cities"), ("verify", "--depth", "archive", "cities")],
    ids=lambda words: words[0],
)
def test_without_its_key_a_snapshot_is_19_and_nothing_is_touched(
    scenario: CommandScenario, command: tuple[str, ...], key: str
) -> None:
    """The missing key is reported before the target is touched; snapshots without encryption are restored."""
    before = scenario.server.collections()
    identity = str(scenario.root / key) if key else ""
    result = scenario.run(*command, RESTORE_IDENTITY_FILE=identity)
    hashed = scenario.run("verify", "--depth", "hash", RESTORE_IDENTITY_FILE=identity)
    assert (result.status, hashed.status, scenario.server.collections()) == (19, 0, before)
    assert "is encrypted" in result.stdout + result.stderr


def test_prune_deletes_what_the_rule_does_not_keep(scenario: CommandScenario) -> None:
    """And the second run nothing: the last test on this yard."""
    older, newer = scenario.files()
    done = scenario.tell("prune", "--keep-last", "1")
    again = scenario.tell("prune", "--keep-last", "1")
    gone = [[one["file"] for outcome in report["outcomes"] for one in outcome["pruned"]] for report in (done, again)]
    assert (gone, scenario.files()) == ([[older], []], [newer])
    assert scenario.run("restore", "cities", "--to", "after").status == 0
