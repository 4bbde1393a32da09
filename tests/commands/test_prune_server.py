"""`prune --server`: what killed runs of ours left on the Qdrant server goes, and nobody else's ever."""

# Fixtures are asked for by name, so their number confuses nobody.
# ruff: noqa: PLR0917
from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from restore.commands.prune.report import PruneReport, describe
from restore.creation.journal_document import JournalDocument, StaleObject
from restore.qdrant.client import Qdrant, connect
from restore.qdrant.collection_names import name_marker, name_upload
from restore.recovery.marker.model import Phase, TargetBefore
from restore.snapshots.document import read_document
from tests.support.markers import plant_mark
from tests.support.recording_proxy import Fault, RecordedRequest, RecordingProxy
from tests.support.request_hold import RequestHold
from tests.support.run_prune import prune_here
from tests.support.run_restore import RunningProgram
from tests.support.run_snapshot import start_snapshot, take_here
from tests.support.sample_stores import FilledStore
from tests.support.server_under_test import Server, path

CREATE = r"POST /collections/[^/]+/snapshots\?"
DOWNLOAD = r"GET /collections/[^/]+/snapshots/.+"


@pytest.fixture
def hold() -> Iterator[RequestHold]:
    """Yield a hook that holds requests."""
    hook = RequestHold()
    yield hook
    hook.release.set()


@pytest.fixture
def qdrant(target: Server) -> Iterator[Qdrant]:
    """Yield a client of the server under test."""
    client = connect(target.url, "")
    yield client
    client.close()


def kill_at(
    pattern: str, fault: Fault, hold: RequestHold, proxy: RecordingProxy, *, cities: str, store: Path
) -> None:
    """Kill a snapshot run of a collection when such a request has come."""
    proxy.inject(pattern, fault)
    child = start_snapshot(cities, url=proxy.url, store=store)
    assert hold.reached.wait(20)
    child.kill()
    child.communicate()
    hold.release.set()


def ours(report: PruneReport, collection: str) -> list[StaleObject]:
    """Return the findings about one collection; other tests share the server."""
    return [one for one in report.server if one.collection == collection]


def journals(store: Path) -> list[Path]:
    """Return the journals in a store."""
    return sorted(store.glob(".journal-*"))


def test_what_a_killed_run_created_goes_and_a_persons_snapshot_stays(
    target: Server, proxy: RecordingProxy, hold: RequestHold, qdrant: Qdrant, cities: str, tmp_path: Path
) -> None:
    """Found by name and checksum, as the answer gave them and the journal has them; then the journal goes."""
    mine = target.ask("POST", path(cities, "snapshots")).result["name"]
    time.sleep(1.1)
    kill_at(DOWNLOAD, Fault(before=hold), hold, proxy, cities=cities, store=tmp_path / "store")
    left = set(target.snapshots_of(cities)) - {mine}
    foreseen = prune_here("--server", "--dry-run", store=tmp_path / "store", qdrant=qdrant)
    untouched = set(target.snapshots_of(cities))
    report = prune_here("--server", store=tmp_path / "store", qdrant=qdrant)
    assert len(left) == 1
    assert (
        ours(foreseen, cities)
        == ours(report, cities)
        == [StaleObject(collection=cities, file=left.pop(), removed=True)]
    )
    assert (len(untouched), target.snapshots_of(cities)) == (2, [mine])


def test_the_journal_of_another_url_of_the_server_is_kept_until_it_is_asked_by_that(
    target: Server, proxy: RecordingProxy, hold: RequestHold, qdrant: Qdrant, cities: str, tmp_path: Path
) -> None:
    """What is there goes, by whatever name the server is called; what is not there may be on another server."""
    store = tmp_path / "store"
    kill_at(DOWNLOAD, Fault(before=hold), hold, proxy, cities=cities, store=store)
    before = journals(store)
    prune_here("--server", store=store, qdrant=qdrant)
    assert (len(before), journals(store), target.snapshots_of(cities)) == (1, [], [])


def test_a_journal_of_another_server_is_kept_and_said(
    target: Server, proxy: RecordingProxy, hold: RequestHold, qdrant: Qdrant, cities: str, tmp_path: Path
) -> None:
    """What is not here may be there; whoever knows that it is no more deletes the file. Nothing fails."""
    store = tmp_path / "store"
    kill_at(DOWNLOAD, Fault(before=hold), hold, proxy, cities=cities, store=store)
    (file,) = target.snapshots_of(cities)
    target.ask("DELETE", path(cities, f"snapshots/{file}")).result  # noqa: B018 - it asserts
    (journal,) = journals(store)
    report = prune_here("--server", store=store, qdrant=qdrant)
    why = f"it is of Qdrant at {proxy.url}: prune that one, or delete this file when it is no more"
    assert (report.status, [one for one in report.server if one.file == journal.name]) == (
        0,
        [StaleObject(file=journal.name, message=why)],
    )
    assert (journals(store), f"journal: left {journal.name}: {why}" in describe(report)) == ([journal], True)


def test_a_snapshot_of_the_same_name_with_other_bytes_is_not_ours(
    target: Server, proxy: RecordingProxy, hold: RequestHold, qdrant: Qdrant, cities: str, tmp_path: Path
) -> None:
    """Two creations in one second have one name: the checksum tells whose it is."""
    store = tmp_path / "store"
    kill_at(DOWNLOAD, Fault(before=hold), hold, proxy, cities=cities, store=store)
    (journal,) = journals(store)
    document = journal.read_bytes()
    made = read_document(document, JournalDocument, where="").creations[0].made
    assert made is not None
    assert made.checksum is not None
    journal.write_bytes(document.replace(made.checksum.encode(), b"0" * 64))
    report = prune_here("--server", store=store, qdrant=qdrant)
    assert (ours(report, cities), target.snapshots_of(cities)) == ([], [made.name])


def test_what_nobody_can_attribute_is_reported_and_stays(
    target: Server, proxy: RecordingProxy, hold: RequestHold, qdrant: Qdrant, cities: str, tmp_path: Path
) -> None:
    """Protocol, Snapshot 3: killed while the server created it. Said until a person has removed it."""
    store = tmp_path / "store"
    kill_at(CREATE, Fault(after=hold), hold, proxy, cities=cities, store=store)
    (file,) = target.snapshots_of(cities)
    first = prune_here("--server", store=store, qdrant=qdrant)
    second = prune_here("--server", store=store, qdrant=qdrant)
    stays = target.snapshots_of(cities)
    target.ask("DELETE", path(cities, f"snapshots/{file}")).result  # noqa: B018 - it asserts
    assert (ours(first, cities), first.status, stays) == (ours(second, cities), 0, [file])
    assert [(one.file, one.removed) for one in ours(first, cities)] == [(file, False)]
    assert any("its maker is not known, so it stays" in line for line in describe(first))


def test_the_next_run_removes_what_a_killed_one_left_by_itself(
    target: Server, proxy: RecordingProxy, hold: RequestHold, cities: str, tmp_path: Path
) -> None:
    """Every run cleans up after killed ones; `prune --server` is not needed for it."""
    store = tmp_path / "store"
    kill_at(DOWNLOAD, Fault(before=hold), hold, proxy, cities=cities, store=store)
    proxy.reset()
    report = take_here(cities, url=proxy.url, store=store, run_id="f" * 32)
    assert (report.status, target.snapshots_of(cities), journals(store)) == (0, [], [])


def test_a_journal_that_cannot_be_read_is_told_and_changes_nothing(
    target: Server, qdrant: Qdrant, cities: str, store: FilledStore
) -> None:
    """A store made by an attacker deletes nothing: status 3 or its own, the file is named."""
    mine = target.ask("POST", path(cities, "snapshots")).result["name"]
    (store.path / ".journal-evil.json").write_text('{"schema":1,"creations":"everything"}')
    report = prune_here("--server", store=store.path, qdrant=qdrant)
    output = [one for one in report.server if one.file == ".journal-evil.json"]
    assert ([one.status for one in output], target.snapshots_of(cities)) == ([13], [mine])
    assert report.status in {3, 13}


def test_the_file_that_an_upload_left_goes_unless_a_restore_is_at_it(
    target: Server, qdrant: Qdrant, name: str, store: FilledStore
) -> None:
    """Its name is ours alone; while a marker is there, the next restore finishes and removes it."""
    form, boundary = make_form(name_upload(name), store.add(name).read_bytes())
    target.send_form(path(name, "snapshots/upload?wait=true&priority=snapshot"), form, boundary).result  # noqa: B018 - it asserts
    plant_mark(target, name, Phase.SENT, TargetBefore.ABSENT)
    marked = ours(prune_here("--server", store=store.path, qdrant=qdrant), name)
    target.drop(name_marker(name, 1))
    unmarked = ours(prune_here("--server", store=store.path, qdrant=qdrant), name)
    assert (marked, unmarked) == ([], [StaleObject(collection=name, file=name_upload(name), removed=True)])
    assert target.snapshots_of(name) == []


def make_form(file: str, content: bytes) -> tuple[bytes, str]:
    """Return the form of an upload, and its boundary."""
    boundary = "boundary-of-a-test"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="snapshot"; filename="{file}"\r\n\r\n'
    return head.encode() + content + f"\r\n--{boundary}--\r\n".encode(), boundary


def test_without_the_flag_the_server_is_not_asked(store: FilledStore, proxy: RecordingProxy) -> None:
    """A store can be pruned while Qdrant is down."""
    store.add("cities")
    with RunningProgram(url=proxy.url, store=store.path) as unused:
        unused.kill()
    proxy.reset()
    report = prune_here("--keep-last", "1", store=store.path)
    assert (report.server, proxy.seen) == ((), [])


def test_a_journal_is_written_before_anything_is_created(proxy: RecordingProxy, cities: str, tmp_path: Path) -> None:
    """What it says while the server creates, and that nothing of it is left in the end."""
    store = tmp_path / "store"
    said: list[JournalDocument] = []

    def state(_seen: RecordedRequest) -> None:
        said.extend(read_document(one.read_bytes(), JournalDocument, where="") for one in journals(store))

    proxy.inject(CREATE, Fault(before=state))
    take_here(cities, url=proxy.url, store=store, run_id="e" * 32)
    (document,) = said
    (creation,) = document.creations
    assert (document.run_id, document.url, creation.collection, creation.made) == ("e" * 32, proxy.url, cities, None)
    assert journals(store) == []
