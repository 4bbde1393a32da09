"""`prune`: what the rule does not keep goes, everything else stays as it is, and each survivor says why."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from restore.checks.record import CheckDocument, FailedCheck, name_check
from restore.commands.outcome import Summary
from restore.commands.prune.report import describe
from restore.errors import DecryptionError, IntegrityError, NotFoundError, RestoreError, StoreError
from restore.retention.rule import KeptSnapshot
from restore.snapshots.document import write_document
from restore.snapshots.manifest import write_manifest
from restore.snapshots.name import encode_collection
from restore.stores.snapshot_lock import is_being_read, shared_lock
from tests.support.program import run_program
from tests.support.run_prune import OURS, fill, names, pin_here, prune_here
from tests.support.run_publish import find_trouble
from tests.support.sample_stores import NOON, FilledStore
from tests.support.sample_stores import describe as promise

DAILY = ("--keep-daily", "2")


def test_what_the_rule_does_not_keep_goes_and_the_rest_stays(store: FilledStore) -> None:
    """With its manifest; latest and every survivor as they were."""
    files = fill(store, "cities", range(5))
    before = store.files()
    report = prune_here(*DAILY, store=store.path)
    gone = set(before) - set(store.files())
    assert (report.status, names(report)) == (0, files[:3])
    assert gone == {name for file in files[:3] for name in (file, f"{file}.json")}
    assert store.files() == {name: before[name] for name in set(before) - gone} | {".lock": b""}
    assert find_trouble(store.path) == []


def test_a_second_run_changes_nothing(store: FilledStore) -> None:
    """What the first one left is what the rule keeps."""
    fill(store, "cities", range(5))
    prune_here(*DAILY, store=store.path)
    before = store.files()
    report = prune_here(*DAILY, store=store.path)
    assert (names(report), store.files()) == ([], before)


@pytest.mark.parametrize(
    "rule",
    [
        ("--keep-last", "1"),
        DAILY,
        ("--keep-within", "36h", "--keep-monthly", "1"),
        ("--keep-weekly", "1", "--grace", "2d"),
    ],
)
def test_a_dry_run_says_exactly_what_the_real_one_deletes(store: FilledStore, rule: tuple[str, ...]) -> None:
    """The same files and the same reasons; nothing is written, not even the lock."""
    fill(store, "cities", range(6))
    fill(store, "towns", [0, 0.1, 9, 40])
    pin_here("cities_20261116_120000.snapshot", store=store.path)
    (store.path / ".lock").unlink()
    before = store.files()
    with shared_lock(str(store.path / "cities_20261115_120000.snapshot")):
        foreseen = prune_here("--dry-run", *rule, store=store.path)
        untouched = store.files()
        done = prune_here(*rule, store=store.path)
    gone = {name for file in names(foreseen) for name in (file, f"{file}.json")}
    assert (untouched, set(before) - set(store.files())) == (before, gone)
    assert [(one.kept, one.pruned) for one in foreseen.outcomes] == [(one.kept, one.pruned) for one in done.outcomes]
    assert len(gone) > 2


def test_without_a_rule_nothing_goes(store: FilledStore) -> None:
    """An empty rule deletes nothing, and the report says that no rule is set."""
    fill(store, "cities", range(5))
    report = prune_here(store=store.path)
    assert (report.status, names(report)) == (0, [])
    assert describe(report)[0] == "cities: no rule is set, all of it stays (5 snapshots)"


def test_a_rule_that_would_prune_everything_is_refused(store: FilledStore) -> None:
    """Status 16, and every file is still there."""
    fill(store, "cities", range(3))
    before = store.files()
    report = prune_here("--keep-last", "0", "--min-keep", "0", store=store.path)
    assert (report.status, report.outcomes[0].message) == (
        16,
        "the retention rule keeps nothing: it would prune everything; nothing was deleted",
    )
    assert {name: content for name, content in store.files().items() if name != ".lock"} == before


@pytest.mark.parametrize(
    "neighbour",
    [
        "docs_v2",
        "docs-2024",
        "doc",
        "docs_latest",
        "docs_20261101_120000",
        "Docs",
        "../docs",
        "docs%2F",
        "döcs",
        "d" * 255,
    ],
)
def test_a_collection_whose_name_begins_alike_is_never_touched(store: FilledStore, neighbour: str) -> None:
    """Neither its name nor its files are mistaken for those of the pruned collection."""
    fill(store, "docs", range(4))
    theirs = fill(store, neighbour, range(4))
    report = prune_here("docs", "--keep-last", "1", store=store.path)
    assert [outcome.collection for outcome in report.outcomes] == ["docs"]
    assert len(names(report)) == 3
    assert [file for file in theirs if not (store.path / file).exists() or file in names(report)] == []


STRANGERS = {
    "notes.txt": b"hello",
    "cities.snapshot": b"copied by hand",
    "cities-1-2026-11-01-10-00-00.snapshot": b"made by Qdrant",
    "cities_20261101_100000.snapshot": b"named like ours, without a manifest",
    "cities_20261101_100001.snapshot.bak": b"a backup of a backup",
    ".partial-mine": b"not debris of ours",
    "cities_20261102_100000.snapshot": b"another program's manifest beside it",
    "cities_20261103_100000.snapshot": b"a manifest that is malformed",
    "cities_20261104_100000.snapshot": b"a manifest of another file",
    "cities_20261105_100000.snapshot": b"a manifest of another collection",
    "cities_20261106_100000.snapshot": b"a manifest of a newer program",
}


def test_files_that_we_did_not_write_are_never_touched(store: FilledStore, tmp_path: Path) -> None:
    """A file is ours by its name, its manifest and its size; directories and targets of links are left too."""
    fill(store, "cities", range(2))
    outside = tmp_path / "outside.snapshot"
    outside.write_bytes(b"elsewhere")
    for name, content in STRANGERS.items():
        (store.path / name).write_bytes(content)
    theirs = "cities_202611{}_100000.snapshot.json"
    fitting = msgspec.structs.replace(promise("plain", "cities"), size=len(STRANGERS[theirs.format("02")[:-5]]))
    (store.path / theirs.format("02")).write_bytes(write_manifest(fitting))
    (store.path / theirs.format("03")).write_bytes(b"{}")
    (store.path / theirs.format("04")).write_bytes(write_manifest(promise("plain", "cities")))
    (store.path / theirs.format("05")).write_bytes(write_manifest(promise("plain", "towns")))
    (store.path / theirs.format("06")).write_bytes(b'{"schema": 9}')
    (store.path / "cities_20261107_100000.snapshot").symlink_to(outside)
    (store.path / "cities_20261108_100000.snapshot").mkdir()
    before = {name: (store.path / name).read_bytes() for name in STRANGERS}
    report = prune_here("--keep-last", "1", store=store.path)
    assert names(report) == ["cities_20261119_120000.snapshot"]
    assert {name: (store.path / name).read_bytes() for name in STRANGERS} == before
    assert (outside.exists(), (store.path / "cities_20261108_100000.snapshot").is_dir()) == (True, True)
    assert [one.file for one in report.outcomes[0].left] == sorted(
        [name for name in STRANGERS if name.startswith("cities_2") and name.endswith("snapshot")]
        + [
            "cities-1-2026-11-01-10-00-00.snapshot",
            "cities_20261107_100000.snapshot",
            "cities_20261108_100000.snapshot",
        ]
    )


def test_the_manifests_time_decides_and_no_other(store: FilledStore) -> None:
    """The order is that of the manifests, also when names and modification times say the contrary."""
    old = store.add("cities", at=NOON, created=NOON - timedelta(days=9), written_by=OURS)
    new = store.add("cities", at=NOON - timedelta(days=9), created=NOON, written_by=OURS)
    os.utime(new, (0, 0))
    assert names(prune_here("--keep-last", "1", store=store.path)) == [old.name]


def test_latest_stays_although_it_is_the_oldest(store: FilledStore) -> None:
    """Latest is what a restore takes, so no rule deletes it."""
    files = fill(store, "cities", range(4))
    store.point("cities", files[0])
    report = prune_here("--keep-last", "1", store=store.path)
    assert names(report) == files[1:3]
    assert report.outcomes[0].kept[0] == KeptSnapshot(files[0], ("latest",))


def test_what_a_persons_own_link_names_stays(store: FilledStore) -> None:
    """`before-the-move.snapshot -> cities_….snapshot` never becomes a link to nothing."""
    files = fill(store, "cities", range(4))
    (store.path / "before-the-move.snapshot").symlink_to(files[0])
    assert names(prune_here("--keep-last", "1", store=store.path)) == files[1:3]


@pytest.mark.parametrize(
    "target", ["cities_20200101_000000.snapshot", "../elsewhere.snapshot", "cities_latest.snapshot"]
)
def test_a_collection_whose_latest_cannot_be_told_is_left_alone(store: FilledStore, target: str) -> None:
    """Status 13 with a sentence, the others are pruned: partial."""
    fill(store, "cities", range(4))
    towns = fill(store, "towns", range(4))
    store.point("cities", target)
    report = prune_here("--keep-last", "1", store=store.path)
    assert (report.status, [one.status for one in report.outcomes], names(report)) == (3, [13, 0], towns[:3])
    assert report.outcomes[0].message.startswith(f"'cities_latest.snapshot' points to '{target}', ")


def test_without_a_pointer_the_newest_is_the_latest(store: FilledStore) -> None:
    """As a restore sees it."""
    files = fill(store, "cities", range(3), latest=False)
    report = prune_here("--keep-monthly", "1", "--min-keep", "0", store=store.path)
    assert names(report) == files[:2]
    assert "latest" in report.outcomes[0].kept[0].reasons


def test_pinned_snapshots_stay(store: FilledStore) -> None:
    """A pin keeps its snapshot whatever the rule is, also a pin that cannot be read."""
    files = fill(store, "cities", range(5))
    pin_here(files[0], "--reason", "before the move", store=store.path)
    (store.path / f"{files[1]}.pin.json").write_bytes(b"")
    report = prune_here("--keep-last", "1", store=store.path)
    assert names(report) == files[2:4]
    assert [one.reasons[0] for one in report.outcomes[0].kept[:2]] == ["pinned: before the move", "pinned"]


def test_what_is_held_back_counts_for_nothing_and_goes_when_a_newer_one_is_verified(store: FilledStore) -> None:
    """Suspiciously small snapshots of three days do not push the good ones out."""
    good = fill(store, "cities", [3, 4, 9])
    held = fill(store, "cities", [0, 1, 2], held_back="suspiciously fewer", latest=False)
    assert names(prune_here("--keep-last", "2", store=store.path)) == good[:1]
    newest = store.add("cities", at=NOON + timedelta(seconds=1), written_by=OURS)
    report = prune_here("--keep-last", "2", store=store.path, now=NOON + timedelta(seconds=2))
    assert (names(report), newest.exists()) == ([good[1], *held], True)


def record(store: FilledStore, file: str, problem: str, error: type[RestoreError]) -> None:
    """Write down what a check of a snapshot found."""
    size = (store.path / file).stat().st_size
    tried = FailedCheck(at=NOON, depth="hash", problem=problem, status=error.status)
    (store.path / name_check(file)).write_bytes(write_document(CheckDocument(size=size, failed=tried)))


def test_what_a_check_found_damaged_counts_for_nothing(store: FilledStore) -> None:
    """The last good snapshot does not make room for a damaged one; latest itself stays."""
    files = fill(store, "cities", range(4))
    record(store, files[3], "its bytes were changed", IntegrityError)
    record(store, files[1], "its bytes were changed", IntegrityError)
    report = prune_here("--keep-last", "1", store=store.path)
    outcome = report.outcomes[0]
    assert (names(report), [one.file for one in outcome.kept]) == (files[:2], files[2:])
    assert outcome.kept == (
        KeptSnapshot(files[2], ("last 1 of 1", "min-keep 1 of 1")),
        KeptSnapshot(files[3], ("latest", "newer than every verified one")),
    )
    assert outcome.warnings == tuple(
        f"'{file}' was found damaged on 2026-11-20 and counts for no rule: its bytes were changed"
        for file in (files[1], files[3])
    )


@pytest.mark.parametrize("error", [DecryptionError, StoreError])
def test_a_check_that_could_not_look_says_nothing_about_the_bytes(
    store: FilledStore, error: type[RestoreError]
) -> None:
    """A missing key and a silent disk are no damage; a record of other bytes of that name is none either."""
    files = fill(store, "cities", range(4))
    record(store, files[3], "it could not be read", error)
    (store.path / name_check(files[2])).write_bytes(
        write_document(CheckDocument(size=1, failed=FailedCheck(at=NOON, depth="hash", problem="x", status=13)))
    )
    report = prune_here("--keep-last", "2", store=store.path)
    assert (names(report), report.outcomes[0].warnings) == (files[:2], ())


def test_a_real_check_that_finds_damage_is_heeded(store: FilledStore, tmp_path: Path) -> None:
    """`verify` records the damage, `prune` reads the record, and a check that passes again takes it back."""
    files = fill(store, "cities", range(3))
    newest = store.path / files[2]
    whole = newest.read_bytes()
    newest.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    found = run_program("verify", "--store", str(store.path), cwd=tmp_path)
    damaged = names(prune_here("--dry-run", "--keep-last", "1", store=store.path))
    newest.write_bytes(whole)
    again = run_program("verify", "--store", str(store.path), cwd=tmp_path)
    mended = names(prune_here("--dry-run", "--keep-last", "1", store=store.path))
    assert (found.status, damaged, again.status, mended) == (13, files[:1], 0, files[:2])


def test_a_dry_run_names_what_killed_runs_left_too(store: FilledStore) -> None:
    """The real run finishes a deletion that was begun, so the dry run lists it."""
    files = fill(store, "cities", range(4))
    size = (store.path / files[0]).stat().st_size
    (store.path / f"{files[0]}.json").unlink()
    doomed = ".partial-0123456789abcdef.json"
    (store.path / doomed).write_text(json.dumps({"delete": files[0], "size": size}))
    (store.path / ".partial-fedcba9876543210").write_bytes(b"half a snapshot")
    before = store.files()
    foreseen = prune_here("--dry-run", "--keep-last", "1", store=store.path)
    untouched = store.files()
    done = prune_here("--keep-last", "1", store=store.path)
    gone = {file for name in (*names(foreseen), *foreseen.removed) for file in (name, f"{name}.json")} & set(before)
    assert foreseen.removed == done.removed == (files[0], doomed, ".partial-fedcba9876543210")
    assert (untouched, set(before) - set(store.files())) == (before, gone)
    assert (foreseen.outcomes[0].left, names(foreseen), names(done)) == ((), files[1:3], files[1:3])
    assert f"would delete {files[0]}: a run that was killed left it, unless one is at it now" in describe(foreseen)
    assert f"deleted {files[0]}: a run that was killed left it" in describe(done)


def test_the_summary_counts_collections_and_what_is_freed(store: FilledStore, tmp_path: Path) -> None:
    """Succeeded, failed, and skipped for want of a rule; in JSON too."""
    fill(store, "cities", range(3))
    fill(store, "towns", range(3))
    fill(store, "villages", range(3))
    store.point("towns", "../elsewhere.snapshot")
    document: dict[str, object] = {
        "collections": {"cities": {"keep_last": "1"}, "towns": {"keep_last": "1"}, "villages": None}
    }
    report = prune_here(store=store.path, document=document)
    freed = report.outcomes[0].handled_bytes
    assert report.summary == Summary(succeeded=1, failed=1, skipped=1, size_bytes=freed, seconds=report.seconds)
    output = run_program("prune", "cities", "--keep-last", "1", "--json", "--store", str(store.path), cwd=tmp_path)
    assert json.loads(output.stdout)["summary"] == {
        "succeeded": 1,
        "failed": 0,
        "skipped": 0,
        "size_bytes": 0,
        "seconds": json.loads(output.stdout)["seconds"],
    }


@pytest.mark.parametrize("years", [-1, 1])
@pytest.mark.parametrize("rule", [("--keep-within", "2d"), DAILY, ("--keep-last", "2", "--grace", "3d")])
def test_a_clock_that_jumped_a_year_deletes_nothing_that_a_right_one_keeps(
    store: FilledStore, rule: tuple[str, ...], years: int
) -> None:
    """Snapshots that are dated in the future are kept, with a warning."""
    fill(store, "cities", range(6))
    right = names(prune_here("--dry-run", *rule, store=store.path))
    report = prune_here("--dry-run", *rule, store=store.path, now=NOON + timedelta(days=365 * years))
    assert set(names(report)) - set(right) == set()
    assert len(report.outcomes[0].warnings) == (1 if years < 0 else 0)


@pytest.fixture
def reader(store: FilledStore) -> Iterator[subprocess.Popen[str]]:
    """Yield a process that reads a snapshot."""
    fill(store, "cities", range(4))
    code = (
        "import sys, time; from restore.stores.snapshot_lock import shared_lock\n"
        "with shared_lock(sys.argv[1]) as held: print(held, flush=True); time.sleep(60)"
    )
    path = str(store.path / "cities_20261118_120000.snapshot")
    reader = subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True)
    assert reader.stdout is not None
    assert reader.stdout.readline() == "True\n"
    yield reader
    reader.kill()
    reader.wait()


def test_what_is_being_read_stays_and_a_killed_reader_holds_nothing(
    store: FilledStore, reader: subprocess.Popen[str]
) -> None:
    """The kernel releases the lock of a killed reader."""
    file = "cities_20261118_120000.snapshot"
    while_read = prune_here("--keep-last", "1", store=store.path)
    reader.kill()
    reader.wait()
    afterwards = prune_here("--keep-last", "1", store=store.path)
    assert names(while_read) == ["cities_20261117_120000.snapshot", "cities_20261119_120000.snapshot"]
    assert KeptSnapshot(file, ("being read",)) in while_read.outcomes[0].kept
    assert names(afterwards) == [file]


def test_several_read_at_once_and_none_reads_what_is_gone(store: FilledStore) -> None:
    """Two restores of one snapshot; a third comes too late."""
    path = store.add("cities")
    with shared_lock(str(path)) as first, shared_lock(str(path)) as second:
        read = is_being_read(str(path))
    path.unlink()
    with shared_lock(str(path)) as gone:
        assert (first, second, read, gone) == (True, True, True, True)


@pytest.fixture
def undeletable_manifest(store: FilledStore) -> Iterator[Path]:
    """Yield a snapshot's manifest that cannot be removed: a directory with something in it has its name."""
    files = fill(store, "cities", range(4))
    towns = fill(store, "towns", range(4))
    assert len(towns) == 4
    if os.geteuid() == 0 and shutil.which("chattr") is None:
        pytest.skip("neither an unprivileged user nor chattr")
    path = store.path / f"{files[1]}.json"
    frozen = subprocess.run(["chattr", "+i", str(path)], check=False, capture_output=True).returncode == 0
    if not frozen:
        pytest.skip("this file system knows no immutable files")
    yield path
    subprocess.run(["chattr", "-i", str(path)], check=True)


def test_a_deletion_that_fails_is_told_and_the_others_go_on(store: FilledStore, undeletable_manifest: Path) -> None:
    """Status 3; the file is named, and the other snapshots are whole."""
    report = prune_here("--keep-last", "1", store=store.path)
    file = undeletable_manifest.name.removesuffix(".json")
    cities, towns = report.outcomes
    assert (report.status, cities.status, [one.file for one in cities.failed]) == (3, 18, [file])
    assert (len(cities.pruned), len(towns.pruned)) == (2, 3)
    assert ((store.path / file).exists(), find_trouble(store.path)) == (True, [])


def test_each_collection_may_have_a_rule_of_its_own(store: FilledStore) -> None:
    """In the settings file; a flag speaks for all."""
    fill(store, "cities", range(4))
    towns = fill(store, "towns", range(4))
    document: dict[str, object] = {"keep_last": "4", "collections": {"cities": None, "towns": {"keep_last": "2"}}}
    assert names(prune_here("--dry-run", store=store.path, document=document)) == towns[:2]
    assert len(names(prune_here("--dry-run", "--keep-last", "1", store=store.path, document=document))) == 6


def test_patterns_choose_what_is_pruned(store: FilledStore) -> None:
    """Excludes win."""
    for name in ("cities", "cities_test", "towns"):
        fill(store, name, range(2))
    report = prune_here("--include", "c*", "--exclude", "*_test", "--keep-last", "1", store=store.path)
    assert [outcome.collection for outcome in report.outcomes] == ["cities"]


def test_a_collection_of_which_nothing_is_there_is_an_error(store: FilledStore) -> None:
    """Status 10, and nothing is gone."""
    fill(store, "cities", range(2))
    with pytest.raises(NotFoundError, match=r"^no snapshot of collection 'citis'"):
        prune_here("citis", "cities", "--keep-last", "1", store=store.path)
    assert len([name for name in store.files() if name.endswith(".snapshot")]) == 3


def test_people_read_what_goes_and_why_the_rest_stays(store: FilledStore) -> None:
    """One line for each file."""
    fill(store, "cities", range(3))
    (store.path / "cities_20261101_100000.snapshot").write_bytes(b"mine")
    lines = describe(prune_here("--dry-run", "--keep-last", "1", "--keep-weekly", "5", store=store.path))
    assert lines == [
        "cities: would delete 1 (270 kB), 2 stay",
        "  would delete cities_20261119_120000.snapshot",
        "  kept cities_20261118_120000.snapshot: oldest, weekly has 1 of 5",
        "  kept cities_20261120_120000.snapshot: latest, last 1 of 1, min-keep 1 of 1, weekly 1 of 5",
        "  not ours cities_20261101_100000.snapshot: it has no manifest",
        "would delete 1 snapshot of 1 collection, 270 kB, none failed, in 0.0 s",
    ]


def test_the_installed_command_prunes(store: FilledStore, tmp_path: Path) -> None:
    """By flags, by variables; its result as JSON; a missing store is an error and is not made."""
    files = fill(store, "cities", range(3))
    result = run_program(
        "prune", "--json", "--store", str(store.path), cwd=tmp_path, environment={"RESTORE_KEEP_LAST": "1"}
    )
    (outcome,) = json.loads(result.stdout)["outcomes"]
    missing = run_program("prune", "--keep-last", "1", "--store", "nowhere", cwd=tmp_path)
    assert (result.status, [one["file"] for one in outcome["pruned"]]) == (0, files[:2])
    assert (missing.status, (tmp_path / "nowhere").exists()) == (10, False)


def test_a_store_that_cannot_be_written_to_is_an_error(store: FilledStore, tmp_path: Path) -> None:
    """Status 2 for a rule that is none; the sentence names the flag."""
    fill(store, "cities", range(3))
    result = run_program("prune", "--keep-last", "-1", "--store", str(store.path), cwd=tmp_path)
    assert (result.status, result.stderr.splitlines()[0]) == (
        2,
        "error: --keep-last: '-1' is no whole number from 0 to 100,000",
    )


def test_cut_names_are_pruned_by_their_manifests_collection(store: FilledStore) -> None:
    """Two names of 255 bytes that begin alike are told apart by their manifests."""
    one, other = "x" * 250 + "1", "x" * 250 + "2"
    ours = fill(store, one, range(3))
    theirs = fill(store, other, range(3))
    assert encode_collection(one) != encode_collection(other)
    assert names(prune_here(one, "--keep-last", "1", store=store.path)) == ours[:2]
    assert [file for file in theirs if not stat.S_ISREG((store.path / file).lstat().st_mode)] == []
