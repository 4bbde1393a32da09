"""Bad input: a snapshot that is cut, damaged, swapped, of another kind, or none at all."""

# ruff: noqa: E501 - a sentence is a line
from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from tests.support.archives import describe_collection, describe_shard, make_link, make_tar, read_recorded
from tests.support.bad_input import ANOTHER, SENT, Case, CommandOutput, refuse, run, tell
from tests.support.restore_scenario import RestoreScenario

FILE = "<name>_20261120_120000.snapshot"
PLAIN = read_recorded("plain")
DAMAGED, BROKEN = (PLAIN[:at] + bytes([PLAIN[at] ^ 1]) + PLAIN[at + 1 :] for at in (len(PLAIN) // 2, 10))
REPLACED = "the file was cut or replaced; take another one with --snapshot, or make a new one"
BACK_HOME = "restore it on the cluster it came from"
ONE_NODE = f"{BACK_HOME}, or make a snapshot where one node holds every shard"
FULL = make_tar(
    {"x.snapshot": PLAIN, "config.json": json.dumps({"collections_mapping": {"x": "x.snapshot"}}).encode()}
)
SHARD = make_tar({name.removeprefix("0/"): content for name, content in describe_shard(0).items()})
TAR = make_tar({"hello.txt": b"hello"})
TEXT = b"this is not a snapshot\n" * 100
UNPACK = "unpack it first"


def file_of(scenario: RestoreScenario) -> Path:
    """Return the snapshot's path."""
    return scenario.store.path / f"{scenario.name}_20261120_120000.snapshot"


def write(content: bytes) -> Callable[[RestoreScenario], None]:
    """Return a function that puts these bytes in the snapshot's place."""

    def spoil(scenario: RestoreScenario) -> None:
        file_of(scenario).write_bytes(content)

    return spoil


def has(size: int) -> CommandOutput:
    """Return the output for a file that is not as long as its manifest says."""
    return refuse(13, f"snapshot '{FILE}' has {size:,} bytes, its manifest says 270,336", REPLACED)


def swap(scenario: RestoreScenario) -> None:
    """Swap the names of two collections' snapshots; the manifests stay."""
    other = scenario.store.add("towns", "named")
    ours, theirs = file_of(scenario).read_bytes(), other.read_bytes()
    file_of(scenario).write_bytes(theirs)
    other.write_bytes(ours)


def swap_with_manifest(scenario: RestoreScenario) -> None:
    """Put another collection's snapshot there, together with its manifest."""
    other = scenario.store.add("towns", "named")
    for suffix in ("", ".json"):
        Path(f"{file_of(scenario)}{suffix}").write_bytes(Path(f"{other}{suffix}").read_bytes())


WITH_MANIFEST = [
    Case(name="cut in half", spoil=write(PLAIN[: len(PLAIN) // 2]), expected=has(135_168)),
    Case(name="cut at its end marker", spoil=write(PLAIN[:-1024]), expected=has(269_312)),
    Case(
        name="one bit of its data turned",
        spoil=write(DAMAGED),
        expected=refuse(13, f"snapshot '{FILE}' is not what its manifest says: 270,336 bytes with checksum {sha256(DAMAGED).hexdigest()[:12]}…, expected 8eab83bdd549…; nothing is left behind", "it was changed or damaged after it was made: 'qdrant-restore verify' finds a good one", log=SENT),
    ),
    Case(name="one bit of a header turned", spoil=write(BROKEN), expected=refuse(13, f"snapshot '{FILE}' is damaged at byte 0: no header there", ANOTHER)),
    Case(name="zeros, as after a power cut", spoil=write(bytes(len(PLAIN))), expected=refuse(13, f"snapshot '{FILE}' is no tar archive, not a snapshot of Qdrant", ANOTHER)),
    Case(name="swapped with another collection's", spoil=swap, expected=has(195_072)),
    Case(name="swapped with another collection's, manifest and all", spoil=swap_with_manifest, expected=refuse(13, f"manifest '{FILE}.json' is of collection 'towns', not of '<name>'", "files were swapped or renamed; give each its own name back")),
    Case(name="a full snapshot", spoil=write(FULL), expected=has(len(FULL))),
    Case(name="a shard snapshot", spoil=write(SHARD), expected=has(len(SHARD))),
    Case(name="a tar of something else", spoil=write(TAR), expected=has(len(TAR))),
    Case(name="a text file", spoil=write(TEXT), expected=has(len(TEXT))),
    Case(name="empty", spoil=write(b""), expected=has(0)),
]  # fmt: skip

WITHOUT_MANIFEST = [
    Case(name="cut in half", spoil=write(PLAIN[: len(PLAIN) // 2]), expected=refuse(13, f"snapshot '{FILE}' is cut: it has 135,168 bytes, and '0/segments/d3f059cd-583f-4a8d-9e80-91e4ec7e603a.tar' in it ends at 249,344", ANOTHER)),
    Case(name="cut at its end marker", spoil=write(PLAIN[:-1024]), expected=refuse(13, f"snapshot '{FILE}' is cut at its end: it has 269,312 bytes, with its end marker 270,336", ANOTHER)),
    Case(name="one bit of a header turned", spoil=write(BROKEN), expected=refuse(13, f"snapshot '{FILE}' is damaged at byte 0: no header there", ANOTHER)),
    Case(name="a full snapshot", spoil=write(FULL), expected=refuse(14, f"'{FILE}' is a full snapshot, not a snapshot of one collection", "make one of the collection: qdrant-restore snapshot COLLECTION")),
    Case(name="a shard snapshot", spoil=write(SHARD), expected=refuse(14, f"'{FILE}' is a shard snapshot, not a snapshot of one collection", "make one of the collection: qdrant-restore snapshot COLLECTION")),
    Case(name="a tar of something else", spoil=write(TAR), expected=refuse(13, f"'{FILE}' is a tar archive, but no snapshot of Qdrant", "take another one with --snapshot")),
    Case(name="a text file", spoil=write(TEXT), expected=refuse(13, f"snapshot '{FILE}' is a text file, not a snapshot of Qdrant", ANOTHER)),
    Case(name="empty", spoil=write(b""), expected=refuse(13, f"snapshot '{FILE}' is an empty file", ANOTHER)),
    Case(name="packed by somebody", spoil=write(gzip.compress(PLAIN)), expected=refuse(13, f"snapshot '{FILE}' is compressed (gzip), Qdrant takes plain tar archives", UNPACK)),
    Case(name="of one node of three", spoil=write(read_recorded("ring-node0")), expected=refuse(14, f"snapshot '{FILE}' lacks the data of shard 0, 1 of 3: it was taken on one node of several; Qdrant <version> cannot restore it alone", ONE_NODE)),
    Case(name="of a collection with custom shard keys", spoil=write(read_recorded("keyed-node0")), expected=refuse(14, f"snapshot '{FILE}' is of a collection with custom shard keys, which a restore does not bring back; Qdrant <version> cannot restore it alone", BACK_HOME)),
    Case(name="with a link in it", spoil=write(make_tar({**describe_shard(0), "0/wal/x": make_link("0/wal/x", "/etc/passwd"), **describe_collection()})), expected=refuse(13, f"snapshot '{FILE}' holds '0/wal/x', a member that no server accepts", "Qdrant never writes links, devices or paths that lead outside; get the original file")),
    Case(name="with a member that leads outside", spoil=write(make_tar({**describe_shard(0), "../../etc/cron.d/x": b"x", **describe_collection()})), expected=refuse(13, f"snapshot '{FILE}' holds '../../etc/cron.d/x', a member that no server accepts", "Qdrant never writes links, devices or paths that lead outside; get the original file")),
    Case(name="with a configuration that is none", spoil=write(make_tar({**describe_shard(0), **describe_collection(), "config.json": b'{"params":7}'})), expected=refuse(13, f"'{FILE}' is a tar archive, but no snapshot of Qdrant", "take another one with --snapshot")),
    Case(name="with a document that is no JSON", spoil=write(make_tar({**describe_shard(0), **describe_collection(), "config.json": b"{"})), expected=refuse(13, f"snapshot '{FILE}' is damaged: Input data was truncated", ANOTHER)),
    Case(name="with a document that nests without end", spoil=write(make_tar({**describe_shard(0), **describe_collection(), "config.json": b'{"a":' * 100_000})), expected=refuse(13, f"snapshot '{FILE}' is damaged: maximum recursion depth exceeded while deserializing an object", ANOTHER)),
]  # fmt: skip


@pytest.mark.parametrize("case", WITH_MANIFEST, ids=str)
def test_a_bad_file_with_its_manifest_is_refused(case: Case, scenario: RestoreScenario) -> None:
    """Every way of being wrong is found, whatever the manifest promises; store and server are as they were."""
    tried = run(case, scenario)

    assert tried.output == case.expected
    assert tried.after == tried.before


@pytest.mark.parametrize("case", WITHOUT_MANIFEST, ids=str)
def test_a_bad_file_without_a_manifest_is_refused(case: Case, scenario: RestoreScenario) -> None:
    """What the archive itself shows is enough, and says what the file is instead; store and server are as they were."""
    tried = run(case, scenario, manifest=False)

    assert tried.output == case.expected
    assert tried.after == tried.before


@pytest.mark.parametrize("case", [*WITH_MANIFEST, *WITHOUT_MANIFEST[:8]], ids=str)
def test_verify_finds_it_as_well(case: Case, scenario: RestoreScenario) -> None:
    """Without a server, before anybody needs the snapshot: not 0, and the file is named."""
    scenario.add()
    case.spoil(scenario)
    output = tell(scenario, "verify", "<name>", environment={"QDRANT_URL": "http://127.0.0.1:9"})

    assert output.status in {13, 14}
    assert FILE in "".join(output.stdout)


def test_without_a_manifest_the_report_says_what_was_not_checked(scenario: RestoreScenario) -> None:
    """Another collection's file under our name, or a bit of its data, cannot be told then: nobody is left believing it."""
    scenario.add("named", manifest=False)
    output = tell(scenario, "restore", "<name>")

    restored = f"<name>: 30 points restored from {FILE} (195 kB) in <n> s"
    assert (output.status, output.stdout[0]) == (
        0,
        f"{restored}; it has no manifest, so only its form and readability were checked",
    )


def test_a_name_that_a_terminal_would_obey_is_refused(scenario: RestoreScenario) -> None:
    """`--snapshot` with an escape in it: one line, escaped, status 2, and nothing is asked."""
    output = tell(scenario, "restore", "<name>", "--snapshot", "a\nb%20🌍\x1b[31m.snapshot")

    assert (output.status, output.stdout, scenario.proxy.seen) == (2, (), [])
    assert "\\x1b" in "".join(output.stderr)
    assert "\x1b" not in "".join(output.stderr)


def test_a_name_of_two_lines_is_shown_in_one(scenario: RestoreScenario) -> None:
    """`--snapshot` with a newline, an emoji and a percent sign in it: escaped, status 10."""
    output = tell(scenario, "restore", "<name>", "--snapshot", "a\nb%20🌍.snapshot")

    asked = r"no snapshot 'a\nb%20🌍.snapshot' of collection '<name>' in store '<store>'"
    assert (output.status, output.stdout[0]) == (
        10,
        f"<name>: {asked} (looked for '<name>_*.snapshot'); it has no snapshots",
    )


@pytest.mark.parametrize("strange", ["a\nb.snapshot", "🌍 %41.snapshot", "100%.snapshot", "a~b#?.snapshot"])
def test_a_strange_file_name_is_restored_all_the_same(strange: str, scenario: RestoreScenario) -> None:
    """Whatever a file system takes for a name; beside it in the store lie others."""
    good = scenario.add()
    good.rename(good.with_name(strange))
    scenario.store.path.joinpath("x\n\x1b.snapshot").write_bytes(b"")
    output = tell(scenario, "restore", "<name>", "--snapshot", strange)

    assert (output.status, scenario.server.count(scenario.name)) == (0, 43)
