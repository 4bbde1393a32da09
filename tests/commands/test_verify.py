"""`verify`: one bit wrong anywhere, and the status is not 0 and the file is named."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from restore.commands.verify import Tools, run
from restore.decisions.store_report import VerifyReport
from restore.edges.clock import Clock
from restore.edges.shelf import Shelf
from restore.errors import NotFoundError
from restore.steps.record import Recorder
from restore.words.assessment import State
from tests.archives import read_recorded
from tests.commands.program import run_program
from tests.tools.command import NoProgress, Story
from tests.tools.publishing import FIRST
from tests.tools.snapshots import FilledStore, damage, describe
from tests.tools.taking import settle


def verify(store: FilledStore, *arguments: str, clock: Clock | None = None) -> VerifyReport:
    """Run the command; what was found is recorded."""
    shelf = Shelf(str(store.path))
    recorder = Recorder(shelf, clock or Clock(), "tests")
    tools = Tools(store=shelf, recorder=recorder, log=Story(), progress=NoProgress())
    return run(settle("verify", *arguments, store=store.path), tools)


def test_a_good_store_is_as_promised(store: FilledStore) -> None:
    """Every byte, every archive, every pointer."""
    files = [store.add("cities"), store.add("towns", "named"), store.add("towns", "named", at=FIRST, latest=False)]
    report = verify(store)
    checked = {one.file: one.sha256 for one in report.files if one.state is State.CHECKED}
    assert report.status == 0
    assert checked == {
        file.name: describe(kind, "x").sha256 for file, kind in zip(files, ["plain", "named", "named"], strict=True)
    }
    assert {one.file: one.target for one in report.files if one.target} == {
        "cities_latest.snapshot": files[0].name,
        "towns_latest.snapshot": files[1].name,
    }


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_bit_wrong_is_noticed_and_the_file_named(store: FilledStore, place: float, bit: int) -> None:
    """V1: wherever it is, in a header or in a vector."""
    file = store.add("cities", "schemaless")
    content = bytearray(file.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    file.write_bytes(content)
    report = verify(store)
    assert (report.status, [one.file for one in report.files if one.status]) == (13, [file.name])


def test_a_file_that_was_cut_swapped_or_taken_away_is_named(store: FilledStore) -> None:
    """V1: what is left of each says what is wrong."""
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
    """V2: empty, malformed, half of it."""
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
    assert (found.state, found.status) == (State.UNCHECKED, 0)


def test_qdrants_own_checksum_file_is_compared_with(store: FilledStore) -> None:
    """A store filled from the server's own directory has one beside each snapshot."""
    file = store.path / "cities-7374469262786114-2026-11-20-22-12-48.snapshot"
    file.write_bytes(read_recorded("plain"))
    file.with_name(f"{file.name}.checksum").write_text(describe("plain", "cities").sha256)
    good = verify(store)
    damage(file)
    bad = verify(store)
    assert (good.status, [one.state for one in good.files]) == (0, [State.CHECKED])
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
    """Text for people, JSON for programs; nothing is changed."""
    file = store.add("cities")
    good = run_program("verify", "--store", str(store.path), cwd=tmp_path)
    damage(file)
    before = store.files()
    bad = run_program("verify", "--store", str(store.path), cwd=tmp_path)
    told = run_program("verify", "--json", "--store", str(store.path), cwd=tmp_path)
    assert (good.status, good.stdout.splitlines()[-1]) == (0, f"2 files in store '{store.path}', none damaged")
    assert (bad.status, bad.stdout.splitlines()[0].split(" has checksum ")[0]) == (
        13,
        f"{file.name}: snapshot '{file.name}'",
    )
    assert (told.status, json.loads(told.stdout)["files"][0]["state"]) == (13, "damaged")
    assert store.files() == before
