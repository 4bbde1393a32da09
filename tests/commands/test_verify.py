"""`verify`: one bit wrong anywhere, and the status is not 0 and the file is named."""

from __future__ import annotations

import hashlib
import json
import random
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from restore.checks.file_report import FileState
from restore.checks.recorder import CheckRecorder
from restore.commands.verify.command import VerifySession, run
from restore.commands.verify.report import VerifyReport, describe_verify
from restore.errors import NotFoundError
from restore.stores.layout import Kind
from restore.stores.local.writer import WritableLocalStore
from restore.system.clock import Clock
from tests.support.archives import read_recorded
from tests.support.no_output import NoProgress
from tests.support.program import run_program
from tests.support.resolve_settings import resolve_settings
from tests.support.run_publish import FIRST
from tests.support.run_restore import RecordedLog
from tests.support.sample_stores import FilledStore, damage, describe


def verify(store: FilledStore, *arguments: str, clock: Clock | None = None) -> VerifyReport:
    """Run the command; what was found is recorded."""
    shelf = WritableLocalStore(str(store.path))
    recorder = CheckRecorder(shelf, clock or Clock(), "tests")
    tools = VerifySession(
        store=shelf, recorder=recorder, clock=clock or Clock(), log=RecordedLog(), progress=NoProgress()
    )
    return run(resolve_settings("verify", *arguments, store=store.path), tools)


def test_a_good_store_is_as_promised(store: FilledStore) -> None:
    """Every byte, every archive, every pointer."""
    files = [store.add("cities"), store.add("towns", "named"), store.add("towns", "named", at=FIRST, latest=False)]
    report = verify(store)
    checked = {one.file: one.sha256 for one in report.files if one.state is FileState.CHECKED}
    assert report.status == 0
    assert checked == {
        file.name: describe(kind, "x").sha256 for file, kind in zip(files, ["plain", "named", "named"], strict=True)
    }
    assert {one.file: one.target for one in report.files if one.target} == {
        "cities_latest.snapshot": files[0].name,
        "towns_latest.snapshot": files[1].name,
    }


def test_a_key_that_is_missing_is_no_damage(store: FilledStore) -> None:
    """Status 19; earlier passed checks stay recorded, and no damage is recorded."""
    sealed = store.add("cities").rename(store.path / "cities_20261120_120000.snapshot.age")
    (store.path / "cities_20261120_120000.snapshot.json").unlink()
    store.point("cities", sealed.name)
    before = store.files()
    report = verify(store)
    assert (report.status, store.files()) == (19, before)
    assert describe_verify(report)[-1].split(";")[0].endswith("none damaged, 1 without their key")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_bit_wrong_is_noticed_and_the_file_named(store: FilledStore, place: float, bit: int) -> None:
    """Wherever the bit is, in a header or in a vector."""
    file = store.add("cities", "schemaless")
    content = bytearray(file.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    file.write_bytes(content)
    report = verify(store)
    assert (report.status, [one.file for one in report.files if one.status]) == (13, [file.name])


def test_a_file_that_was_cut_swapped_or_taken_away_is_named(store: FilledStore) -> None:
    """Each file that remains says what is wrong."""
    cut, swapped, gone = store.add("cut"), store.add("swapped"), store.add("gone")
    cut.write_bytes(cut.read_bytes()[:-1])
    content = bytearray(read_recorded("plain"))
    random.Random(1).shuffle(content)  # noqa: S311 - the same order every time
    swapped.write_bytes(content)
    gone.unlink()
    bad = {one.file: one.problem for one in verify(store).files if one.status}
    assert bad == {
        cut.name: f"snapshot '{cut.name}' has 270,335 bytes, its manifest says 270,336",
        swapped.name: f"snapshot '{swapped.name}' is no tar archive, not a snapshot of Qdrant",
        f"{gone.name}.json": f"'{gone.name}.json' describes a snapshot that is not there",
        "gone_latest.snapshot": (
            f"'gone_latest.snapshot' in store '{store.path}' points to '{gone.name}', which is not there"
        ),
    }


@pytest.mark.parametrize("text", [b"", b"{", b'{"schema":1}'])
def test_a_manifest_that_cannot_be_read_is_a_failure(store: FilledStore, text: bytes) -> None:
    """An empty manifest, a malformed one, and half of one."""
    file = store.add("cities")
    (store.path / f"{file.name}.json").write_bytes(text)
    report = verify(store)
    (bad,) = [one for one in report.files if one.status]
    assert (report.status, bad.file, bad.problem.split(":")[0]) == (
        13,
        file.name,
        f"manifest '{file.name}.json' is malformed",
    )


def test_without_a_manifest_the_inside_is_looked_at_and_that_is_said(store: FilledStore) -> None:
    """Less can be checked then: whole, and nobody knows of the bits."""
    file = store.add("cities", manifest=False)
    (found,) = [one for one in verify(store).files if one.file == file.name]
    assert (found.state, found.status) == (FileState.UNCHECKED, 0)


def test_qdrants_own_checksum_file_is_compared_with(store: FilledStore) -> None:
    """A store filled from the server's own directory has one beside each snapshot."""
    file = store.path / "cities-7374469262786114-2026-11-20-22-12-48.snapshot"
    file.write_bytes(read_recorded("plain"))
    file.with_name(f"{file.name}.checksum").write_text(describe("plain", "cities").sha256)
    good = verify(store)
    damage(file)
    bad = verify(store)
    assert (good.status, [one.state for one in good.files]) == (0, [FileState.CHECKED])
    assert (bad.status, [one.file for one in bad.files]) == (13, [file.name])


def test_a_collection_a_name_and_a_path_select_files(store: FilledStore, tmp_path: Path) -> None:
    """And what nobody asked for is not read."""
    first, second = store.add("cities", at=FIRST, latest=False), store.add("cities")
    damage(store.add("towns"))
    outside = tmp_path / "mine.snapshot"
    outside.write_bytes(read_recorded("plain"))
    assert [one.file for one in verify(store, "cities").files] == [
        first.name,
        second.name,
        "cities_latest.snapshot",
    ]
    assert [one.file for one in verify(store, first.name).files] == [first.name]
    assert [one.file for one in verify(store, str(outside)).files] == ["mine.snapshot"]
    assert [one.file for one in verify(store, str(store.path / "cities_latest.snapshot")).files] == [second.name]


def test_a_path_outside_is_a_failure_when_it_is_damaged_or_missing(store: FilledStore, tmp_path: Path) -> None:
    """A foreign file in the store is no failure; one that a person points at is."""
    bad = tmp_path / "mine.snapshot"
    bad.write_bytes(b"hello")
    assert [one.status for one in verify(store, str(bad), str(tmp_path / "none.snapshot")).files] == [13, 10]


def test_what_is_asked_for_and_not_there_is_an_error(store: FilledStore) -> None:
    """Status 10, with what is there."""
    store.add("towns")
    with pytest.raises(NotFoundError, match="no snapshot of collection 'cities'"):
        verify(store, "cities")


def test_the_installed_command_names_the_file_and_does_not_end_with_0(store: FilledStore, tmp_path: Path) -> None:
    """Text for people, JSON for programs; nothing is changed but what is remembered of the check."""
    file = store.add("cities")
    good = run_program("verify", "--store", str(store.path), cwd=tmp_path)
    damage(file)
    before = {name: content for name, content in store.files().items() if not name.endswith(".check.json")}
    bad = run_program("verify", "--store", str(store.path), cwd=tmp_path)
    output = run_program("verify", "--json", "--store", str(store.path), cwd=tmp_path)
    last = good.stdout.splitlines()[-1]
    assert (good.status, last.split(";")[0]) == (0, f"2 files in store '{store.path}', none damaged")
    assert re.fullmatch(r" 270 kB in [0-9]+\.[0-9] s", last.split(";")[1])
    assert (bad.status, bad.stdout.splitlines()[0].split(" has checksum ")[0]) == (
        13,
        f"{file.name}: snapshot '{file.name}'",
    )
    assert (output.status, json.loads(output.stdout)["files"][0]["state"]) == (13, "damaged")
    kept = {name: content for name, content in store.files().items() if not name.endswith(".check.json")}
    assert kept == before


def remembered(file: Path) -> dict[str, Any]:
    """Return the record beside a snapshot: depths with their results, the failed depth, the checksum."""
    document = json.loads(file.with_name(f"{file.name}.check.json").read_text())
    passed = {depth: check["result"] for depth, check in document["passed"].items()}
    failed = document["failed"] and document["failed"]["depth"]
    return {"passed": passed, "failed": failed, "sha256": document["sha256"]}


def bad(report: VerifyReport) -> list[str]:
    """Return the files that are damaged."""
    return [one.file for one in report.files if one.status]


@pytest.mark.parametrize(
    ("depth", "found"),
    [
        ("list", {"cut"}),
        ("hash", {"cut", "turned"}),
        ("archive", {"cut", "turned", "other"}),
    ],
)
def test_each_depth_sees_more_than_the_one_before_it(store: FilledStore, depth: str, found: set[str]) -> None:
    """Names, sizes and pointers; then every byte; then what is inside."""
    cut, turned = store.add("cut"), store.add("turned")
    cut.write_bytes(cut.read_bytes()[:-1])
    damage(turned)
    # A whole file of the right checksum that is no snapshot: only a look inside tells.
    text = b"not a snapshot, and honestly promised"
    other = store.add("other", size=len(text), sha256=hashlib.sha256(text).hexdigest())
    other.write_bytes(text)
    report = verify(store, "--depth", depth)
    assert {file.partition("_")[0] for file in bad(report)} == found
    assert (report.status, report.depth) == (13, depth)


def test_a_look_at_the_list_reads_no_byte_and_a_hash_reads_all(store: FilledStore) -> None:
    """A list costs no more than names and manifests."""
    store.add("cities")
    listed, hashed = verify(store, "--depth", "list"), verify(store, "--depth", "hash")
    assert [one.sha256 for one in listed.files] == ["", ""]
    assert [one.sha256 for one in hashed.files] == [describe("plain", "cities").sha256, ""]


def test_a_success_is_remembered_with_its_depth_and_a_failure_takes_none_away(store: FilledStore) -> None:
    """The record lies beside the snapshot, for the next reader."""
    file = store.add("cities")
    sha256 = describe("plain", "cities").sha256
    verify(store, "--depth", "hash")
    hashed = remembered(file)
    damage(file)
    verify(store)
    assert hashed == {"passed": dict.fromkeys(["list", "hash"], "as promised"), "failed": None, "sha256": sha256}
    assert remembered(file) == {**hashed, "failed": "archive"}


def test_list_shows_the_last_check_and_forgets_it_when_the_file_is_another(
    store: FilledStore, tmp_path: Path
) -> None:
    """Date and depth are shown; a record holds only for the bytes that were checked."""
    store.add("cities")
    verify(store)
    shown = run_program("list", "--store", str(store.path), cwd=tmp_path)
    store.add("cities", "named")
    replaced = run_program("list", "--store", str(store.path), cwd=tmp_path)
    assert f"last check {datetime.now(UTC):%Y-%m-%d} (archive)" in shown.stdout
    assert "last check" not in replaced.stdout


def test_without_a_manifest_it_is_remembered_that_nothing_was_promised(store: FilledStore) -> None:
    """A check without a manifest says "whole", which is less than "as promised"."""
    file = store.add("cities", manifest=False)
    verify(store, "--depth", "hash")
    assert remembered(file) == {"passed": {"list": "whole", "hash": "whole"}, "failed": None, "sha256": ""}


def test_samples_cover_the_store_in_time(store: FilledStore) -> None:
    """Five files and a share of 2/5: three runs check all of them, although one is damaged."""
    files = [store.add(f"town{number}") for number in range(5)]
    damage(files[0])
    reports = [verify(store, "--sample", "2/5") for _ in range(3)]
    looked = [[one.file for one in report.files if one.kind is Kind.SNAPSHOT] for report in reports]
    assert [len(names) for names in looked] == [2, 2, 2]
    assert {name for names in looked for name in names} == {file.name for file in files}
    assert [(report.sampled, report.snapshots) for report in reports] == [(2, 5)] * 3


def test_a_sample_looks_at_every_pointer_and_orphan_all_the_same(store: FilledStore) -> None:
    """Checks that cost nothing are never left out of a sample."""
    store.add("here")
    store.add("gone").unlink()
    report = verify(store, "--sample", "1%")
    assert bad(report) == ["gone_20261120_120000.snapshot.json", "gone_latest.snapshot"]


def test_a_latest_that_is_the_file_itself_is_sampled_and_remembered(store: FilledStore) -> None:
    """A store that a person filled by hand: its latest is no pointer."""
    file = store.path / "cities_latest.snapshot"
    file.write_bytes(read_recorded("plain"))
    first, second = verify(store, "--sample", "50%"), verify(store)
    assert (first.sampled, first.snapshots, second.status) == (1, 1, 0)
    assert remembered(file)["passed"] == dict.fromkeys(["list", "hash", "archive"], "whole")


def test_a_store_that_takes_no_record_is_verified_and_that_is_said(store: FilledStore, tmp_path: Path) -> None:
    """A read-only mount, or a file of somebody else under the record's name."""
    file = store.add("cities")
    (store.path / f"{file.name}.check.json").mkdir()
    result = run_program("verify", "--store", str(store.path), cwd=tmp_path)
    lines = result.stdout.splitlines()
    assert result.status == 0
    assert lines[0].startswith(f"warning: what was found could not be recorded: '{file.name}.check.json' cannot be")
    assert f"{file.name}: as promised" in lines[1]


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"schema":9}', b'{"schema":1,"passed":{"hash":{"at":"2026-11-20T10:00:00"}}}']
)
def test_a_record_that_cannot_be_read_is_no_record(store: FilledStore, text: bytes) -> None:
    """Written by another, by half, or without a time zone: the file counts as never looked at."""
    file = store.add("cities")
    file.with_name(f"{file.name}.check.json").write_bytes(text)
    report = verify(store, "--sample", "1/1")
    assert (report.status, report.sampled, remembered(file)["passed"]["archive"]) == (0, 1, "as promised")


def test_patterns_choose_what_is_verified(store: FilledStore) -> None:
    """Excludes win; what is not meant is not read."""
    store.add("cities")
    damage(store.add("cities_test"))
    damage(store.add("towns"))
    report = verify(store, "--include", "cities*", "--exclude", "*_test")
    assert ({one.collection for one in report.files}, report.status) == ({"cities"}, 0)
