"""Sets: what one run of `snapshot` made comes back as it was, or it is said what is not there any more."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from restore.commands.restore.report import RestoreResult
from restore.commands.snapshot.report import SnapshotReport
from restore.errors import NotFoundError, RefusedError, SettingsError
from restore.sets.document import SetDocument, SetFailure, SetMember, name_set
from restore.snapshots.document import read_document, write_document
from restore.snapshots.manifest import read_manifest
from tests.support.program import run_program
from tests.support.resolve_settings import resolve_settings
from tests.support.run_prune import fill, prune_here
from tests.support.run_restore import RecordedLog, restore_here
from tests.support.run_snapshot import take_here
from tests.support.sample_stores import NOON, FilledStore
from tests.support.server_under_test import Server

VECTORS = {"size": 4, "distance": "Dot"}
NAMES = ("cities", "towns", "villages")


@pytest.fixture
def filled_server(embedded: EmbeddedQdrant) -> Server:
    """Return a server of this test's own with three collections and an alias."""
    server = Server(embedded.url, snapshots=embedded.snapshots)
    for number, name in enumerate(NAMES, start=1):
        server.create(name, vectors=VECTORS)
        server.upsert(name, range(1, 10 * number + 1))
    server.alias("places", "towns")
    return server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the path of a store that does not exist yet."""
    return tmp_path / "store"


def take_set(*arguments: str, server: Server, store: Path, run: str = "a") -> SnapshotReport:
    """Make a set whose id is one letter over and over."""
    return take_here(*arguments, url=server.url, store=store, run_id=run * 32)


def read_set(store: Path, report: SnapshotReport) -> SetDocument:
    """Read the document of a run."""
    return read_document((store / report.set).read_bytes(), SetDocument, where=report.set)


def empty(server: Server) -> None:
    """Drop every collection."""
    for name in server.collections():
        server.drop(name)


def test_a_run_leaves_a_document_that_names_what_it_made(filled_server: Server, folder: Path) -> None:
    """And its id stands in each manifest."""
    report = take_set(server=filled_server, store=folder)
    document = read_set(folder, report)
    manifests = [read_manifest((folder / f"{one.snapshot}.json").read_bytes(), where="") for one in report.outcomes]
    assert document == SetDocument(
        run_id="a" * 32,
        created=document.created,
        server=report.server_version,
        url=filled_server.url,
        whole=True,
        collections=tuple(
            SetMember(collection=one.collection, file=one.snapshot, sha256=one.sha256, points=one.points)
            for one in report.outcomes
        ),
        aliases={"places": "towns"},
        written_by=document.written_by,
    )
    assert [member.collection for member in document.collections] == list(NAMES)
    assert {manifest.run_id for manifest in manifests} == {"a" * 32}
    assert report.set == name_set(document.created, "a" * 32)


def test_a_whole_server_comes_back_as_it_was(filled_server: Server, folder: Path) -> None:
    """Every collection of the set, from the set's snapshots although newer ones are there, and its alias."""
    take_set(server=filled_server, store=folder)
    filled_server.upsert("cities", range(101, 120))
    take_here("cities", url=filled_server.url, store=folder)
    empty(filled_server)
    report = restore_here("--set", "latest", url=filled_server.url, store=folder)
    again = restore_here("--set", "latest", "--on-existing", "skip", url=filled_server.url, store=folder)
    assert (report.status, [one.result for one in report.outcomes]) == (0, [RestoreResult.RESTORED] * 3)
    assert {name: filled_server.count(name) for name in NAMES} == {"cities": 10, "towns": 20, "villages": 30}
    assert (filled_server.aliases(), [one.result for one in again.outcomes]) == (
        {"places": "towns"},
        [RestoreResult.PRESENT] * 3,
    )


def test_the_set_before_and_a_set_by_its_id_can_be_had(filled_server: Server, folder: Path) -> None:
    """The beginning of an id is enough."""
    take_set(server=filled_server, store=folder, run="a")
    filled_server.upsert("cities", range(101, 120))
    take_set(server=filled_server, store=folder, run="b")
    counts = []
    for selector in ("previous", "b" * 8, "latest"):
        empty(filled_server)
        restore_here("--set", selector, url=filled_server.url, store=folder)
        counts.append(filled_server.count("cities"))
    assert counts == [10, 29, 29]


def test_of_a_set_some_collections_can_be_chosen(filled_server: Server, folder: Path) -> None:
    """By name, by pattern; one that is not in it is an error."""
    take_set(server=filled_server, store=folder)
    empty(filled_server)
    restore_here("--set", "latest", "cities", url=filled_server.url, store=folder)
    restore_here("--set", "latest", "--include", "v*", url=filled_server.url, store=folder)
    assert filled_server.collections() == ["cities", "villages"]
    with pytest.raises(NotFoundError, match=r"^set aaaaaaaa in store '.*' has no snapshot of collection 'hamlets'"):
        restore_here("--set", "latest", "hamlets", url=filled_server.url, store=folder)


def test_a_live_alias_that_points_elsewhere_is_never_stolen(filled_server: Server, folder: Path) -> None:
    """The report says so."""
    take_set(server=filled_server, store=folder)
    empty(filled_server)
    filled_server.create("others", vectors=VECTORS)
    filled_server.alias("places", "others")
    report = restore_here("--set", "latest", url=filled_server.url, store=folder)
    towns = report.outcomes[1]
    assert (report.status, filled_server.aliases()) == (0, {"places": "others"})
    assert towns.warnings == ("alias 'places' points to 'others' and was left there",)


@pytest.mark.parametrize("width", ["1", "2"])
def test_an_alias_that_was_moved_between_two_runs_goes_where_it_went(
    filled_server: Server, folder: Path, width: str
) -> None:
    """Both manifests have it: that of the newer snapshot counts, whoever is restored first; the report says so."""
    take_here("towns", url=filled_server.url, store=folder)
    filled_server.ask("POST", "/collections/aliases", {"actions": [{"delete_alias": {"alias_name": "places"}}]})
    filled_server.alias("places", "villages")
    time.sleep(1.1)
    take_here("villages", url=filled_server.url, store=folder)
    empty(filled_server)
    report = restore_here("--concurrency", width, url=filled_server.url, store=folder)
    towns, villages = report.outcomes
    assert (report.status, filled_server.aliases()) == (0, {"places": "villages"})
    assert towns.warnings == ("alias 'places' is that of 'villages' by a newer snapshot and was not put back here",)
    assert villages.warnings == ()


def test_each_set_brings_back_the_aliases_of_its_own_time(filled_server: Server, folder: Path) -> None:
    """Two aliases that were swapped between two runs."""
    filled_server.alias("hamlets", "villages")
    take_set(server=filled_server, store=folder, run="a")
    filled_server.ask(
        "POST",
        "/collections/aliases",
        {"actions": [{"delete_alias": {"alias_name": name}} for name in ("places", "hamlets")]},
    )
    filled_server.alias("places", "villages")
    filled_server.alias("hamlets", "towns")
    second = take_set(server=filled_server, store=folder, run="b")
    found = []
    for selector in ("latest", "previous"):
        empty(filled_server)
        restore_here("--set", selector, url=filled_server.url, store=folder)
        found.append(filled_server.aliases())
    assert found == [{"places": "villages", "hamlets": "towns"}, {"places": "towns", "hamlets": "villages"}]
    assert read_set(folder, second).aliases == found[0]


def test_a_set_with_failures_is_never_latest(filled_server: Server, folder: Path) -> None:
    """It can be had by its id, and then its failures are said."""
    take_set(server=filled_server, store=folder, run="a")
    filled_server.alias("hamlets", "cities")
    failed = take_set("cities", "towns", "hamlets", server=filled_server, store=folder, run="b")
    document = read_set(folder, failed)
    empty(filled_server)
    story = RecordedLog()
    restore_here("--set", "latest", "--include", "c*", url=filled_server.url, store=folder, story=story)
    asked = restore_here("--set", "b" * 8, url=filled_server.url, store=folder)
    assert (failed.status, [one.collection for one in document.failed]) == (3, ["hamlets"])
    assert [facts["id"] for facts in story.named("set.chosen")] == ["aaaaaaaa"]
    assert asked.warnings == ("set bbbbbbbb was made without 'hamlets': their snapshots failed",)


def test_a_set_of_some_collections_is_not_latest_where_one_of_all_is(filled_server: Server, folder: Path) -> None:
    """`restore --set latest` brings a whole server back, whatever was snapshotted by itself since."""
    take_set(server=filled_server, store=folder, run="a")
    take_set("cities", server=filled_server, store=folder, run="b")
    take_set("--exclude", "t*", server=filled_server, store=folder, run="c")
    empty(filled_server)
    restore_here("--set", "latest", url=filled_server.url, store=folder)
    assert filled_server.collections() == sorted(NAMES)


def test_a_run_that_made_nothing_leaves_no_set(filled_server: Server, folder: Path) -> None:
    """All failed: there is nothing to name."""
    report = take_set("hamlets", server=filled_server, store=folder)
    assert (report.status, report.set, list(folder.glob("*.set.json"))) == (10, "", [])


def test_a_thinned_set_is_refused_unless_told(filled_server: Server, folder: Path) -> None:
    """Status 16 before anything is done; with `--allow-incomplete` what is left comes back, and the rest is named."""
    first = take_set(server=filled_server, store=folder, run="a")
    take_here("towns", "--keep-last", "1", url=filled_server.url, store=folder)
    empty(filled_server)
    with pytest.raises(RefusedError) as caught:
        restore_here("--set", "latest", url=filled_server.url, store=folder)
    untouched = filled_server.collections()
    report = restore_here("--set", "latest", "--allow-incomplete", url=filled_server.url, store=folder)
    assert not (folder / first.outcomes[1].snapshot).exists()
    assert str(caught.value) == (
        "set aaaaaaaa is not whole any more: 1 of 3 snapshots gone ('towns'); nothing was changed"
    )
    assert (untouched, filled_server.collections()) == ([], ["cities", "villages"])
    assert [(one.collection, one.result) for one in report.outcomes] == [
        ("cities", RestoreResult.RESTORED),
        ("villages", RestoreResult.RESTORED),
        ("towns", RestoreResult.NO_SNAPSHOT),
    ]


def test_sets_are_listed_with_what_is_left_of_them(store: FilledStore, tmp_path: Path) -> None:
    """Oldest first: whole, with failures, thinned; a document that cannot be followed with its reason."""
    plant_set(store, "a", {"cities": "cities_20261118_120000.snapshot"}, age=2)
    plant_set(store, "b", {"cities": "cities_20261119_120000.snapshot"}, age=1, failed=("towns",))
    plant_set(store, "c", {"cities": "cities_20261120_120000.snapshot", "towns": "towns_20261120_120000.snapshot"})
    fill(store, "cities", range(3))
    damaged = "20261101_000000_dddddddd.set.json"
    (store.path / damaged).write_bytes(b"{}")
    run_result = run_program("list", "--sets", "--store", str(store.path), cwd=tmp_path)
    as_json = json.loads(run_program("list", "--sets", "--json", "--store", str(store.path), cwd=tmp_path).stdout)
    assert run_result.stdout.splitlines() == [
        "aaaaaaaa  2026-11-18 12:00:00 UTC  1 collection  whole server  Qdrant 1.18.3  whole",
        "bbbbbbbb  2026-11-19 12:00:00 UTC  1 collection  whole server  Qdrant 1.18.3  with failures",
        "    failed: towns",
        "cccccccc  2026-11-20 12:00:00 UTC  1 of 2 collections  whole server  Qdrant 1.18.3  thinned",
        "    gone: towns",
        f"{damaged}: '{damaged}' is malformed: Object missing required field `schema`",
    ]
    assert [one["state"] for one in as_json["sets"]] == ["whole", "with failures", "thinned"]


def test_pruning_deletes_the_document_of_a_set_of_which_nothing_is_left(store: FilledStore) -> None:
    """And of no other; a dry run says so."""
    files = fill(store, "cities", range(3))
    gone = plant_set(store, "a", {"cities": files[0]}, age=2)
    kept = plant_set(store, "b", {"cities": files[2]})
    foreseen = prune_here("--dry-run", "--keep-last", "1", store=store.path)
    report = prune_here("--keep-last", "1", store=store.path)
    assert (foreseen.sets, report.sets) == ((gone.name,), (gone.name,))
    assert (gone.exists(), kept.exists()) == (False, True)


def plant_set(
    store: FilledStore,
    run: str,
    files: dict[str, str],
    *,
    age: int = 0,
    failed: tuple[str, ...] = (),
    sha256: str = "0" * 64,
) -> Path:
    """Write the document of a set."""
    created = NOON - timedelta(days=age)
    document = SetDocument(
        run_id=run * 32,
        created=created,
        server="1.18.3",
        whole=True,
        collections=tuple(SetMember(collection=name, file=file, sha256=sha256) for name, file in files.items()),
        failed=tuple(SetFailure(collection=name, error="not there") for name in failed),
    )
    path = store.path / name_set(created, run * 32)
    path.write_bytes(write_document(document))
    return path


EVIL: list[tuple[dict[str, object], str]] = [
    ({"collection": "cities", "file": "../../outside.snapshot"}, "is no snapshot of collection 'cities'"),
    ({"collection": "cities", "file": "/etc/passwd"}, "is no snapshot of collection 'cities'"),
    ({"collection": "cities", "file": "cities_latest.snapshot"}, "is no snapshot of collection 'cities'"),
    ({"collection": "secret", "file": "cities_20261120_120000.snapshot"}, "is no snapshot of collection 'secret'"),
    ({"collection": "..", "file": "%2E._20261120_120000.snapshot"}, "collection '..' would make the server touch"),
    ({"collection": ".restoring-0123456789abcdef-1", "file": "x"}, "begins with '.restoring-'"),
]


@pytest.mark.parametrize(("member", "problem"), EVIL)
def test_a_set_document_made_by_an_attacker_is_not_followed(
    filled_server: Server, store: FilledStore, member: dict[str, object], problem: str
) -> None:
    """Not outside the store, not onto another name, not onto a marker; it is shown with the reason."""
    fill(store, "cities", range(1))
    before = filled_server.collections()
    document = {
        "schema": 1,
        "run_id": "e" * 32,
        "created": "2026-11-20T12:00:00Z",
        "server": "1",
        "whole": True,
        "collections": [{"sha256": "0" * 64, **member}],
    }
    (store.path / "20261120_120000_eeeeeeee.set.json").write_text(json.dumps(document))
    listed = run_program("list", "--sets", "--store", str(store.path), cwd=store.path.parent)
    with pytest.raises(NotFoundError):
        restore_here("--set", "latest", url=filled_server.url, store=store.path)
    assert problem in listed.stdout
    assert filled_server.collections() == before


def test_a_file_that_is_not_the_sets_is_not_restored(filled_server: Server, store: FilledStore) -> None:
    """Replaced by another under the same name, with a manifest that fits it: the set's checksum tells."""
    files = fill(store, "hamlets", range(1))
    plant_set(store, "a", {"hamlets": files[0]}, sha256="1" * 64)
    report = restore_here("--set", "latest", url=filled_server.url, store=store.path)
    assert (report.status, "hamlets" in filled_server.collections()) == (13, False)
    assert "is not the one that the set names" in report.outcomes[0].message


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--set", "latest", "--snapshot", "previous"), "--set and --snapshot are both given; keep one"),
        (("--set", "newest"), "--set: 'newest' is neither latest, previous nor a set's id (see list --sets)"),
        (
            ("--set", "latest", "--to", "x"),
            "--to: 'x' is one target, but no collection is named; name one collection",
        ),
    ],
)
def test_a_set_and_what_contradicts_it(tmp_path: Path, arguments: tuple[str, ...], problem: str) -> None:
    """Told before anything is touched."""
    with pytest.raises(SettingsError) as caught:
        resolve_settings("restore", *arguments, store=tmp_path)
    assert caught.value.problems == (problem,)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("cities",), "cities"),
        (("--include", "c*"), "--include"),
        (("--exclude", "c*", "cities"), "cities, --exclude"),
    ],
)
def test_a_listing_of_sets_is_one_of_whole_runs(tmp_path: Path, arguments: tuple[str, ...], named: str) -> None:
    """What would be ignored is told; patterns of the settings file are no contradiction."""
    with pytest.raises(SettingsError) as caught:
        resolve_settings("list", "--sets", *arguments, store=tmp_path)
    assert caught.value.problems == (f"--sets: shows what whole runs made, but {named} was given too; keep one",)
    assert resolve_settings("list", "--sets", store=tmp_path, document={"include": "c*"}).sets.show
