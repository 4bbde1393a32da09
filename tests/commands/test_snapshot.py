"""`snapshot`: a checked file and its latest, or the old one still; on the server nothing of ours is left."""

# Fixtures are asked for by name, so their number confuses nobody.
# ruff: noqa: PLR0917
from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from restore import __version__
from restore.commands.snapshot.report import describe
from restore.qdrant.collection_names import name_marker
from restore.snapshots.manifest import Manifest, Sample, read_manifest
from restore.snapshots.name import parse_name
from restore.snapshots.point_digest import digest_point
from tests.support.archives import make_tar, read_recorded
from tests.support.program import run_program
from tests.support.recording_proxy import Fault, RecordingProxy
from tests.support.run_publish import list_names, read_latest
from tests.support.run_restore import RecordedLog, restore_here
from tests.support.run_snapshot import only, take_here
from tests.support.server_under_test import Server, path

VECTORS = {"size": 4, "distance": "Dot"}
CREATE = r"POST /collections/[^/]+/snapshots"
DOWNLOAD = r"GET /collections/[^/]+/snapshots/.+"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the path of a store that does not exist yet."""
    return tmp_path / "store"


@pytest.fixture
def cities(target: Server, name: str) -> str:
    """Return a collection with 100 points, a payload index and an alias."""
    target.create(name, vectors=VECTORS)
    target.ask("PUT", path(name, "index?wait=true"), {"field_name": "name", "field_schema": "keyword"})
    points = [
        {"id": number, "vector": [number, 0.25, -1.5, 3.0], "payload": {"name": f"city {number}", "n": number / 7}}
        for number in range(1, 101)
    ]
    target.ask("PUT", path(name, "points?wait=true"), {"points": points})
    return name


def read_own_manifest(store: Path, file: str) -> Manifest:
    """Read the manifest beside a file."""
    return read_manifest((store / f"{file}.json").read_bytes(), where=file)


def answer_with(
    content: bytes, proxy: RecordingProxy, *, checksum: bool = True, arriving: bytes | None = None
) -> None:
    """Let the server seem to have made these bytes, which it cannot be brought to make; `arriving` comes instead."""
    made: dict[str, object] = {"name": "made-1-2026-11-20-10-15-00.snapshot", "size": len(content)}
    made["creation_time"] = "2026-11-20T10:15:00"
    if checksum:
        made["checksum"] = hashlib.sha256(content).hexdigest()
    described = json.dumps({"result": made, "status": "ok", "time": 0.0}).encode()
    listed = json.dumps({"result": [made], "status": "ok", "time": 0.0}).encode()
    headers = {"content-type": "application/octet-stream"}
    proxy.inject(CREATE, Fault(status=200, body=described))
    proxy.inject(DOWNLOAD, Fault(status=200, headers=headers, body=arriving or content))
    proxy.inject(r"GET /collections/[^/]+/snapshots$", Fault(status=200, body=listed), skip=1)
    proxy.inject(r"DELETE /collections/[^/]+/snapshots/", Fault(status=200, body=b'{"result":true,"status":"ok"}'))


def test_a_snapshot_is_a_whole_file_with_its_manifest_and_latest(
    target: Server, cities: str, new_name: Callable[[str], str], folder: Path
) -> None:
    """The promise: everything a restore can be compared with stands beside the file, and latest points at it."""
    alias = new_name("towns")
    target.alias(alias, cities)
    begin = datetime.now(UTC).replace(microsecond=0)
    outcome = only(take_here(cities, "--note", "before the move", url=target.url, store=folder))
    target.ask("POST", "/collections/aliases", {"actions": [{"delete_alias": {"alias_name": alias}}]})
    content = (folder / outcome.snapshot).read_bytes()
    manifest = read_own_manifest(folder, outcome.snapshot)
    named = parse_name(outcome.snapshot)
    assert named is not None
    assert begin <= named.at == manifest.created <= datetime.now(UTC)
    assert manifest == Manifest(
        collection=cities,
        created=manifest.created,
        server_version=manifest.server_version,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        points=100,
        points_exact=True,
        config=target.info(cities)["config"],
        payload_schema={"name": {"data_type": "keyword"}},
        aliases=(alias,),
        samples=manifest.samples,
        shards=1,
        seconds=manifest.seconds,
        note="before the move",
        written_by=f"qdrant-restore {__version__}",
    )
    assert read_latest(folder, cities) == content
    assert (outcome.status, outcome.latest, outcome.message) == (0, True, "")


def test_the_samples_are_spread_and_their_digests_those_of_the_points(
    target: Server, cities: str, folder: Path
) -> None:
    """Protocol, Snapshot 4: what the server gives for these ids has these digests."""
    outcome = only(take_here(cities, url=target.url, store=folder))
    samples = read_own_manifest(folder, outcome.snapshot).samples
    ids = [sample.id for sample in samples]
    body = {"ids": ids, "with_payload": True, "with_vector": True}
    points = target.ask("POST", path(cities, "points"), body).result
    assert set(samples) == {Sample(point["id"], digest_point(point["payload"], point["vector"])) for point in points}
    assert (len(ids), len(set(ids)), outcome.samples) == (32, 32, 32)
    assert max(number for number in ids if isinstance(number, int)) > 90


def test_a_collection_with_uuids_is_sampled_over_their_whole_room(target: Server, name: str, folder: Path) -> None:
    """Ids of both kinds are looked for."""
    target.create(name, vectors=VECTORS)
    ids = [f"{digit:x}0000000-0000-4000-8000-000000000000" for digit in range(16)]
    points = [{"id": one, "vector": [1, 2, 3, 4], "payload": {}} for one in ids]
    target.ask("PUT", path(name, "points?wait=true"), {"points": points})
    outcome = only(take_here(name, url=target.url, store=folder))
    assert sorted(str(sample.id) for sample in read_own_manifest(folder, outcome.snapshot).samples) == ids


def test_nothing_of_ours_is_left_on_the_server_and_a_persons_snapshot_is(
    target: Server, cities: str, folder: Path
) -> None:
    """What is deleted there is only what this run created."""
    mine = target.ask("POST", path(cities, "snapshots")).result["name"]
    time.sleep(1.1)
    story = RecordedLog()
    take_here(cities, url=target.url, store=folder, story=story)
    assert target.snapshots_of(cities) == [mine]
    assert story.named("snapshot.others_on_server") == [
        {"level": "info", "collection": cities, "count": 1, "first": mine}
    ]


def test_a_second_snapshot_is_a_second_file_and_becomes_latest(target: Server, cities: str, folder: Path) -> None:
    """Also within the same second; nothing is overwritten."""
    first = only(take_here(cities, url=target.url, store=folder))
    target.upsert(cities, range(101, 201))
    second = only(take_here(cities, url=target.url, store=folder))
    assert list_names(folder) == sorted(
        [
            first.snapshot,
            f"{first.snapshot}.json",
            second.snapshot,
            f"{second.snapshot}.json",
            f"{cities}_latest.snapshot",
        ]
    )
    assert read_latest(folder, cities) == (folder / second.snapshot).read_bytes()
    assert (first.points, second.points, target.snapshots_of(cities)) == (100, 200, [])


def test_what_was_taken_can_be_restored(
    target: Server, cities: str, new_name: Callable[[str], str], folder: Path
) -> None:
    """Every point, payload and vector comes back, under another name."""
    take_here(cities, url=target.url, store=folder)
    copy = new_name("copy")
    report = restore_here(cities, "--to", copy, url=target.url, store=folder)
    assert (report.status, target.points(copy)) == (0, target.points(cities))


@pytest.mark.parametrize("word", ["ä b.c+d", "🌍", ".hidden", "per%20cent", "x" * 150])
def test_a_collection_of_any_name_has_its_files_in_the_store(
    target: Server, new_name: Callable[[str], str], folder: Path, word: str
) -> None:
    """Every name that Qdrant accepts works on the server's paths and in ours."""
    strange = new_name(word)
    target.create(strange, vectors=VECTORS)
    outcome = only(take_here(strange, url=target.url, store=folder))
    assert (outcome.status, outcome.collection, (folder / outcome.snapshot).is_file()) == (0, strange, True)
    assert read_own_manifest(folder, outcome.snapshot).collection == strange


def test_points_written_meanwhile_make_the_count_approximate(
    target: Server, cities: str, folder: Path, proxy: RecordingProxy
) -> None:
    """Protocol, Snapshot 2: 19,500 points before and after, 20,000 restored; and changed points are no samples."""
    changed = range(1, 60)
    proxy.inject(CREATE, Fault(after=lambda _: target.upsert(cities, changed)))
    outcome = only(take_here(cities, url=proxy.url, store=folder))
    manifest = read_own_manifest(folder, outcome.snapshot)
    assert (outcome.status, manifest.points, manifest.points_exact) == (0, 100, False)
    assert {sample.id for sample in manifest.samples} & set(changed) == set()
    assert manifest.samples != ()


def test_a_target_under_restore_is_refused_before_anything_is_created(
    target: Server, cities: str, folder: Path, proxy: RecordingProxy
) -> None:
    """Protocol, Snapshot 1: an empty, half-made collection snapshots with 200."""
    mark = name_marker(cities, 1)
    target.create(mark, vectors={})
    outcome = only(take_here(cities, url=proxy.url, store=folder))
    target.drop(mark)
    message = f"a restore into collection '{cities}' is running or was interrupted (marker '{mark}')"
    assert (outcome.status, outcome.message) == (11, f"{message}; nothing was published")
    assert (proxy.writes, list_names(folder)) == ([], [])


def test_a_restore_that_began_during_the_creation_is_noticed(
    target: Server, cities: str, folder: Path, proxy: RecordingProxy
) -> None:
    """Protocol, Snapshot 1: looked for again afterwards; nothing is published, and the server's copy is gone."""
    mark = name_marker(cities, 1)
    proxy.inject(CREATE, Fault(after=lambda _: target.create(mark, vectors={})))
    outcome = only(take_here(cities, url=proxy.url, store=folder))
    target.drop(mark)
    assert (outcome.status, list_names(folder), target.snapshots_of(cities)) == (11, [], [])


def test_a_snapshot_that_vanished_on_the_server_is_created_again(
    target: Server, cities: str, folder: Path, proxy: RecordingProxy
) -> None:
    """Protocol, Snapshot 3: the other owner of the same name deleted it: 404."""
    proxy.inject(DOWNLOAD, Fault(before=lambda seen: _delete(target, seen.path)), times=1)
    outcome = only(take_here(cities, url=proxy.url, store=folder))
    assert (outcome.status, len(proxy.find(CREATE)), target.snapshots_of(cities)) == (0, 2, [])


def _delete(target: Server, at: str) -> None:
    target.ask("DELETE", at)


def test_another_snapshot_of_the_same_second_is_not_taken_for_ours(
    target: Server, cities: str, folder: Path, proxy: RecordingProxy
) -> None:
    """Protocol, Snapshot 3: same name, another checksum. Ours is created again, and theirs is left to them."""
    theirs = list[str]()

    def create_another(_seen: object) -> None:
        target.upsert(cities, range(101, 111))
        theirs.append(target.ask("POST", path(cities, "snapshots")).result["name"])

    proxy.inject(CREATE, Fault(after=create_another), times=1)
    # Both within one second, or the names would differ.
    time.sleep(1.02 - time.time() % 1)
    outcome = only(take_here(cities, url=proxy.url, store=folder))
    content = (folder / outcome.snapshot).read_bytes()
    assert (outcome.status, outcome.points, len(proxy.find(CREATE))) == (0, 110, 2)
    assert hashlib.sha256(content).hexdigest() == outcome.sha256
    assert target.snapshots_of(cities) == theirs


def test_bytes_changed_on_the_way_are_not_kept(cities: str, folder: Path, proxy: RecordingProxy) -> None:
    """A checksum that differs from the server's is permanent: there is no second try."""
    content = read_recorded("plain")
    changed = content[:1000] + b"X" + content[1001:]
    answer_with(content, proxy, arriving=changed)
    outcome = only(take_here(cities, url=proxy.url, store=folder))
    assert (outcome.status, len(proxy.find(DOWNLOAD)), list_names(folder)) == (13, 1, [])
    assert outcome.message.startswith("snapshot 'made-1-2026-11-20-10-15-00.snapshot': the bytes that came have")


def test_an_archive_that_is_none_is_not_kept(cities: str, folder: Path, proxy: RecordingProxy) -> None:
    """The archive is read before it gets a name; the checksum only proves that the copy is right."""
    answer_with(read_recorded("plain")[:-1024], proxy)
    outcome = only(take_here(cities, url=proxy.url, store=folder))
    assert (outcome.status, list_names(folder)) == (13, [])
    assert "is cut at its end" in outcome.message


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"notes.txt": b"x"}, 13),
        ({"cities.snapshot": b"x", "config.json": b'{"collections_mapping":{},"collections_aliases":{}}'}, 14),
    ],
)
def test_an_archive_of_something_else_is_not_kept(
    cities: str, folder: Path, proxy: RecordingProxy, members: dict[str, bytes], status: int
) -> None:
    """A whole archive with the right checksum that is not a snapshot of a collection."""
    answer_with(make_tar(members), proxy)
    outcome = only(take_here(cities, url=proxy.url, store=folder))
    assert (outcome.status, list_names(folder)) == (status, [])


def test_a_server_that_gives_no_checksum_is_compared_by_size(
    cities: str, folder: Path, proxy: RecordingProxy
) -> None:
    """Snapshots that Qdrant keeps in S3 have no checksum."""
    answer_with(read_recorded("plain"), proxy, checksum=False)
    story = RecordedLog()
    outcome = only(take_here(cities, url=proxy.url, store=folder, story=story))
    (downloaded,) = story.named("snapshot.downloaded")
    assert (outcome.status, downloaded["compared_with_server"]) == (0, False)
    assert outcome.sha256 == hashlib.sha256(read_recorded("plain")).hexdigest()


@pytest.mark.parametrize("kind", ["keyed-node1", "ring-node0"])
def test_one_nodes_part_of_a_collection_is_kept_and_never_latest(
    cities: str, folder: Path, proxy: RecordingProxy, kind: str
) -> None:
    """It cannot be restored alone: status 14, the old latest stays, the manifest says why."""
    first = only(take_here(cities, url=proxy.url, store=folder))
    answer_with(read_recorded(kind), proxy)
    outcome = only(take_here(cities, url=proxy.url, store=folder))
    assert (outcome.status, outcome.latest, (folder / outcome.snapshot).exists()) == (14, False, True)
    assert read_own_manifest(folder, outcome.snapshot).held_back in outcome.message
    assert read_latest(folder, cities) == (folder / first.snapshot).read_bytes()


def test_a_collection_that_lost_its_points_does_not_become_latest(target: Server, cities: str, folder: Path) -> None:
    """The file is kept, the status says so, and making it latest needs an option."""
    take_here(cities, url=target.url, store=folder)
    target.ask("POST", path(cities, "points/delete?wait=true"), {"points": list(range(1, 101))})
    held = only(take_here(cities, url=target.url, store=folder))
    allowed = only(take_here(cities, "--allow-smaller", url=target.url, store=folder))
    assert (held.status, held.latest, (folder / held.snapshot).exists()) == (16, False, True)
    assert held.message.startswith("the collection has 0 points, the latest snapshot has 100: suspiciously fewer; ")
    assert held.hint == "if that is right: qdrant-restore snapshot --allow-smaller"
    assert (allowed.status, allowed.latest) == (0, True)


def test_an_alias_is_refused_and_the_collection_behind_it_named(
    target: Server, cities: str, new_name: Callable[[str], str], folder: Path
) -> None:
    """The file would bear a name that no restore may have."""
    alias = new_name("towns")
    target.alias(alias, cities)
    outcome = only(take_here(alias, url=target.url, store=folder))
    target.ask("POST", "/collections/aliases", {"actions": [{"delete_alias": {"alias_name": alias}}]})
    assert (outcome.status, outcome.message, outcome.hint) == (
        16,
        f"'{alias}' is an alias of collection '{cities}'",
        f"qdrant-restore snapshot {cities}",
    )


def test_a_collection_that_does_not_answer_is_not_snapshotted(
    cities: str, folder: Path, proxy: RecordingProxy
) -> None:
    """Exists and answers 500: the server would make a file of it all the same."""
    proxy.inject(rf"GET /collections/{cities}$", Fault(status=500, body=b'{"status":{"error":"Dirty shard"}}'))
    outcome = only(take_here(cities, url=proxy.url, store=folder))
    assert (outcome.status, outcome.message, proxy.writes) == (17, "does not answer: Dirty shard", [])


def test_one_failure_does_not_stop_the_rest(target: Server, cities: str, folder: Path) -> None:
    """Each collection has its outcome; the status is 3."""
    report = take_here("nowhere", cities, url=target.url, store=folder)
    assert (report.status, [outcome.status for outcome in report.outcomes]) == (3, [10, 0])
    assert describe(report)[:2] == [
        "nowhere: does not exist on the server",
        "  hint: names are case-sensitive; without a name every collection is taken",
    ]


def test_without_a_name_every_collection_is_taken_and_no_mark(
    target: Server, cities: str, new_name: Callable[[str], str], folder: Path
) -> None:
    """Markers are not collections."""
    other, gone = new_name("other"), new_name("gone")
    target.create(other, vectors=VECTORS)
    mark = name_marker(gone, 1)
    target.create(mark, vectors={})
    report = take_here("--all", url=target.url, store=folder)
    target.drop(mark)
    taken = {outcome.collection for outcome in report.outcomes}
    assert {cities, other} <= taken
    assert mark not in taken


def test_two_at_once_take_turns(target: Server, cities: str, folder: Path) -> None:
    """The second waits for the lock; both make a whole file, the later one is latest."""
    reports = list[object]()
    runs = [
        threading.Thread(target=lambda: reports.append(take_here(cities, url=target.url, store=folder)))
        for _ in range(2)
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    snapshots = sorted(name for name in list_names(folder) if parse_name(name))
    assert ([getattr(report, "status", None) for report in reports], len(snapshots)) == ([0, 0], 2)
    assert target.snapshots_of(cities) == []


def test_the_installed_command_says_what_it_did(target: Server, cities: str, folder: Path, tmp_path: Path) -> None:
    """One line for people, the same as JSON for programs, status 0; the log goes elsewhere."""
    environment = {"QDRANT_URL": target.url, "RESTORE_STORE": str(folder)}
    text = run_program("snapshot", cities, cwd=tmp_path, environment=environment)
    output = run_program("snapshot", cities, "--json", cwd=tmp_path, environment=environment)
    (outcome,) = json.loads(output.stdout)["outcomes"]
    assert (text.status, output.status) == (0, 0)
    assert text.stdout.startswith(f"{cities}: {cities}_")
    assert " is the latest now: 100 points, " in text.stdout
    assert (outcome["collection"], outcome["latest"], outcome["points"]) == (cities, True, 100)
    assert outcome["snapshot"] in list_names(folder)


def test_a_server_without_collections_is_a_warning(folder: Path, proxy: RecordingProxy) -> None:
    """Nothing to do is no failure, and it is said."""
    proxy.inject(r"GET /collections$", Fault(status=200, body=b'{"result":{"collections":[]},"status":"ok"}'))
    report = take_here(url=proxy.url, store=folder)
    assert (report.status, describe(report)) == (
        0,
        [f"warning: Qdrant at {proxy.url} has no collections: nothing to snapshot"],
    )
