"""Bad input: a store that is missing, unreadable or empty, a latest that must not be followed, Git LFS."""

# ruff: noqa: E501 - a sentence is a line
from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.bad_input import ANOTHER, READY, Case, CommandOutput, fail, read_lines, refuse, run, tell
from tests.support.program import make_environment
from tests.support.restore_scenario import RestoreScenario
from tests.support.sample_stores import FilledStore, promised_points
from tests.support.state_dump import dump_state

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d" * 32 + b"\nsize 270336\n"
FILE = "<name>_20261120_120000.snapshot"
LATEST = "<name>_latest.snapshot"
SIBLING = "only a snapshot beside it is followed; make a new one, or link it to one that is there"
PULL = "fetch the files that stand behind: git lfs pull"


def latest_of(scenario: RestoreScenario) -> Path:
    """Return the pointer's path."""
    return scenario.store.path / f"{scenario.name}_latest.snapshot"


def file_of(scenario: RestoreScenario) -> Path:
    """Return the snapshot's path."""
    return scenario.store.path / f"{scenario.name}_20261120_120000.snapshot"


def let_dangle(scenario: RestoreScenario) -> None:
    """Let latest point to a snapshot that was deleted."""
    scenario.store.point(scenario.name, f"{scenario.name}_20200101_000000.snapshot")


def point_absolutely(scenario: RestoreScenario) -> None:
    """Let latest be a whole path on another machine."""
    scenario.store.point(scenario.name, f"/srv/store/{file_of(scenario).name}")


def point_outside(scenario: RestoreScenario) -> None:
    """Let latest lead to a good snapshot beside the store."""
    outside = scenario.store.path.parent / file_of(scenario).name
    shutil.copyfile(file_of(scenario), outside)
    scenario.store.point(scenario.name, f"../{outside.name}")


def point_to_another(scenario: RestoreScenario) -> None:
    """Let latest lead to another collection's snapshot."""
    scenario.store.add("towns", "named")
    scenario.store.point(scenario.name, "towns_20261120_120000.snapshot")


def point_to_itself(scenario: RestoreScenario) -> None:
    """Let latest be a link to latest."""
    scenario.store.point(scenario.name, latest_of(scenario).name)


def point_to_directory(scenario: RestoreScenario) -> None:
    """Let latest lead to a directory."""
    file_of(scenario).unlink()
    file_of(scenario).mkdir()


def write_latest(text: bytes) -> Callable[[RestoreScenario], None]:
    """Return a function that writes latest as a text file."""

    def write(scenario: RestoreScenario) -> None:
        latest_of(scenario).unlink()
        latest_of(scenario).write_bytes(text.replace(b"<name>", scenario.name.encode()))

    return write


def write_pointer(scenario: RestoreScenario) -> None:
    """Check the snapshot out without Git LFS."""
    file_of(scenario).write_bytes(LFS)


def write_manifest_pointer(scenario: RestoreScenario) -> None:
    """Check only the manifest out without Git LFS."""
    file_of(scenario).with_name(f"{file_of(scenario).name}.json").write_bytes(LFS)


def empty_store(scenario: RestoreScenario) -> None:
    """Leave nothing but the stamp."""
    for file in scenario.store.path.glob(f"{scenario.name}*"):
        file.unlink()


def take_stamp(scenario: RestoreScenario) -> None:
    """Leave an empty directory, as Docker makes one for a bind mount that is missing."""
    empty_store(scenario)
    (scenario.store.path / "README.md").unlink()


def keep_others(scenario: RestoreScenario) -> None:
    """Leave snapshots of other collections only."""
    empty_store(scenario)
    scenario.store.add("towns", "named")
    scenario.store.add("my docs", "named")


CASES = [
    Case(
        name="the store is missing",
        environment={"RESTORE_STORE": "<folder>/gone"},
        expected=fail(10, "store '<folder>/gone' does not exist", "looked in '<folder>/gone'; give its directory with --store or RESTORE_STORE; 'qdrant-restore snapshot' makes one", log=()),
    ),
    Case(
        name="the store is missing, by a path from here",
        environment={"RESTORE_STORE": "./gone"},
        expected=fail(10, "store './gone' does not exist", "looked in '<folder>/gone'; give its directory with --store or RESTORE_STORE; 'qdrant-restore snapshot' makes one", log=()),
    ),
    Case(
        name="the store has no stamp and nothing in it",
        spoil=take_stamp,
        expected=fail(10, "store '<store>' has neither a stamp (README.md) nor a snapshot in it", "is it mounted? Docker creates an empty directory where a bind mount's source is missing; 'qdrant-restore snapshot' makes a store", log=()),
    ),
    Case(
        name="the store is a file",
        environment={"RESTORE_STORE": "<store>/README.md"},
        expected=fail(18, "store '<store>/README.md' cannot be read: Not a directory", "that is no path to a directory; give one with --store", log=()),
    ),
    Case(
        name="the store lies below a file",
        environment={"RESTORE_STORE": "<store>/README.md/store"},
        expected=fail(18, "store '<store>/README.md/store' cannot be read: Not a directory", "that is no path to a directory; give one with --store", log=()),
    ),
    Case(
        name="the wanted collection has no snapshot, others have",
        spoil=keep_others,
        expected=refuse(10, "no snapshot of collection '<name>' in store '<store>' (looked for '<name>_*.snapshot'); it has snapshots of 'my docs', 'towns'", "make one with 'qdrant-restore snapshot <name>', put one there, or go on without it with --on-missing skip"),
    ),
    Case(
        name="the wanted collection has no snapshot, nothing has",
        spoil=empty_store,
        expected=refuse(10, "no snapshot of collection '<name>' in store '<store>' (looked for '<name>_*.snapshot'); it has no snapshots", "make one with 'qdrant-restore snapshot <name>', put one there, or go on without it with --on-missing skip"),
    ),
    Case(
        name="the name of a file as a collection",
        arguments=("restore", FILE),
        expected=CommandOutput(
            10,
            (READY, f"<time> error collection.failed collection={FILE} status=10 reason=\"no snapshot of collection '{FILE}' in store '<store>' (looked for '{FILE}_*.snapshot'); it has snapshots of '<name>'\""),
            (f"{FILE}: no snapshot of collection '{FILE}' in store '<store>' (looked for '{FILE}_*.snapshot'); it has snapshots of '<name>'", f"  hint: that is the name of a file: qdrant-restore restore --snapshot {FILE}"),
        ),
    ),
    Case(
        name="nothing is wanted and nothing is there",
        arguments=("restore",),
        spoil=empty_store,
        expected=CommandOutput(0, (READY,), ("warning: nothing to restore: no collection is named and store '<store>' has no snapshot (no '*_latest.snapshot'); make one with 'qdrant-restore snapshot'",)),
    ),
    Case(
        name="the file asked for is not in the store",
        arguments=("restore", "<name>", "--snapshot", "<name>_20200101_000000.snapshot"),
        expected=refuse(10, "no snapshot '<name>_20200101_000000.snapshot' of collection '<name>' in store '<store>' (looked for '<name>_*.snapshot'); it has snapshots of '<name>'", "make one with 'qdrant-restore snapshot <name>', put one there, or go on without it with --on-missing skip"),
    ),
    Case(name="latest dangles", spoil=let_dangle, expected=refuse(13, f"'{LATEST}' in store '<store>' points to '<name>_20200101_000000.snapshot', which is not there", SIBLING)),
    Case(name="latest is absolute", spoil=point_absolutely, expected=refuse(13, f"'{LATEST}' in store '<store>' points to '/srv/store/{FILE}', an absolute path", SIBLING)),
    Case(name="latest points outside", spoil=point_outside, expected=refuse(13, f"'{LATEST}' in store '<store>' points to '../{FILE}', outside the store", SIBLING)),
    Case(name="latest as text points outside", spoil=write_latest(b"../<name>_20261120_120000.snapshot\n"), expected=refuse(13, f"'{LATEST}' in store '<store>' points to '../{FILE}', outside the store", SIBLING)),
    Case(name="latest as text is absolute", spoil=write_latest(b"/etc/x.snapshot\n"), expected=refuse(13, f"'{LATEST}' in store '<store>' points to '/etc/x.snapshot', an absolute path", SIBLING)),
    Case(name="latest points to another collection's snapshot", spoil=point_to_another, expected=refuse(13, f"'{LATEST}' in store '<store>' points to 'towns_20261120_120000.snapshot', a snapshot of collection 'towns'", SIBLING)),
    Case(name="latest points to itself", spoil=point_to_itself, expected=refuse(13, f"'{LATEST}' in store '<store>' points to '{LATEST}', another pointer", SIBLING)),
    Case(name="latest points to a directory", spoil=point_to_directory, expected=refuse(13, f"'{FILE}' in store '<store>' is not a plain file", "put the snapshot itself there; only the latest pointer may be a link")),
    Case(name="latest as text says something else", spoil=write_latest(b"hello\n"), expected=refuse(13, f"snapshot '{LATEST}' is a text file, not a snapshot of Qdrant", ANOTHER)),
    Case(name="the snapshot is a Git LFS pointer", spoil=write_pointer, expected=refuse(13, f"'{FILE}' is a Git LFS pointer, not the file itself", PULL)),
    Case(name="latest itself is a Git LFS pointer", spoil=write_latest(LFS), expected=refuse(13, f"'{LATEST}' is a Git LFS pointer, not the file itself", PULL)),
    Case(name="the manifest is a Git LFS pointer", spoil=write_manifest_pointer, expected=refuse(13, f"'{FILE}.json' is a Git LFS pointer, not the file itself", PULL)),
]  # fmt: skip


WITH_MODES = [sys.executable, "-m", "tests.support.unprivileged", sys.executable, "-m", "restore"]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_bad_store_gets_a_sentence_and_nothing_is_touched(case: Case, scenario: RestoreScenario) -> None:
    """The whole of stderr and stdout, the status, and store and server as they were."""
    tried = run(case, scenario)

    assert tried.output == case.expected
    assert tried.after == tried.before


@pytest.mark.skipif(sys.platform != "linux", reason="how root is made to obey modes is Linux")
@pytest.mark.parametrize(
    ("spoilt", "sentence"),
    [
        ("", "store '<store>' cannot be read: Permission denied"),
        ("<name>_20261120_120000.snapshot.json", "manifest '<name>_20261120_120000.snapshot.json' cannot be read: Permission denied"),
        ("<name>_20261120_120000.snapshot", "snapshot '<name>_20261120_120000.snapshot' cannot be read: Permission denied"),
    ],
)  # fmt: skip
def test_what_may_not_be_read_says_which_user_may_not(spoilt: str, sentence: str, scenario: RestoreScenario) -> None:
    """Status 18, the file that is meant, and who we are: the usual trouble of a store that another container wrote."""
    scenario.add()
    before = dump_state(scenario.server, scenario.store.path, scenario.name)
    closed = scenario.store.path / spoilt.replace("<name>", scenario.name)
    mode = closed.stat().st_mode
    closed.chmod(0)
    given = make_environment(QDRANT_URL=scenario.proxy.url, QDRANT_API_KEY=scenario.server.key)
    asked = [
        *WITH_MODES,
        "restore",
        scenario.name,
        "--store",
        str(scenario.store.path),
        "--log-level",
        "error",
        "--json",
    ]
    result = subprocess.run(asked, env=given, capture_output=True, text=True, check=False)
    closed.chmod(mode)

    assert result.returncode == 18
    assert [line for line in read_lines(result.stdout, scenario) if sentence not in line] == []
    assert "; let that user in, or run it as the owner" in result.stdout
    assert dump_state(scenario.server, scenario.store.path, scenario.name) == before


def test_an_absolute_link_that_stays_in_the_store_is_followed(scenario: RestoreScenario) -> None:
    """As `ln -s "$PWD/FILE" NAME_latest.snapshot` makes it."""
    file = scenario.add()
    scenario.store.point(scenario.name, str(file))
    output = tell(scenario, "restore", scenario.name)

    assert (output.status, output.stdout[0].split(" (")[0]) == (0, f"<name>: 43 points restored from {FILE}")


@pytest.mark.parametrize("text", ["<name>_20261120_120000.snapshot\n", "<name>_20261120_120000.snapshot\r\n"])
def test_latest_as_a_text_file_is_followed(text: str, scenario: RestoreScenario) -> None:
    """As git checks a link out on Windows; the store stays as it is."""
    scenario.add()
    write_latest(text.encode())(scenario)
    before = scenario.store.files()
    output = tell(scenario, "restore", scenario.name)

    assert (output.status, output.stdout[0]) == (
        0,
        "<name>: 43 points restored from <name>_20261120_120000.snapshot (270 kB) in <n> s, checked",
    )
    assert scenario.server.points(scenario.name) == promised_points("plain")
    assert scenario.store.files() == before


@pytest.mark.skipif(sys.platform != "linux", reason="how root is made to obey modes is Linux")
@pytest.mark.parametrize("suffix", ["", ".json"])
def test_what_may_not_be_read_is_not_called_damaged(suffix: str, store: FilledStore) -> None:
    """The mode of a snapshot or its manifest says nothing about its bytes."""
    file = store.add("cities")
    closed = Path(f"{file}{suffix}")
    closed.chmod(0)
    command = [*WITH_MODES, "verify", "--store", str(store.path)]
    text, found = (
        subprocess.run([*command, *more], env=make_environment(), capture_output=True, text=True, check=False)
        for more in ((), ("--json",))
    )
    closed.chmod(0o644)
    states = {one["file"]: one["state"] for one in json.loads(found.stdout)["files"]}

    assert (text.returncode, states[file.name]) == (18, "unreadable")
    assert ", none damaged, 1 unreadable; " in text.stdout
    assert "file.not_opened" in text.stderr
