"""`snapshot` while things go wrong: signals, kills, a full disk, a server that is lost, two at once."""

# Fixtures are asked for by name, so their number confuses nobody.
# ruff: noqa: PLR0917
from __future__ import annotations

import json
import random
import resource
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from restore.snapshots.name import parse_name
from tests.support.fast_clock import FastClock
from tests.support.recording_proxy import Fault, RecordedRequest, RecordingProxy
from tests.support.request_hold import RequestHold
from tests.support.run_publish import find_trouble, list_names, read_latest
from tests.support.run_restore import RecordedLog
from tests.support.run_snapshot import end_with, only, start_snapshot, take_here
from tests.support.server_under_test import Server, path

VECTORS = {"size": 4, "distance": "Dot"}
CREATE = r"POST /collections/[^/]+/snapshots"
DOWNLOAD = r"GET /collections/[^/]+/snapshots/.+"
DELETE = r"DELETE /collections/[^/]+/snapshots/.+"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the path of a store that does not exist yet."""
    return tmp_path / "store"


@pytest.fixture
def hold() -> Iterator[RequestHold]:
    """Yield a hook that holds what reaches it until the test is over."""
    hook = RequestHold()
    yield hook
    hook.release.set()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_during_the_download_leaves_nothing_anywhere(
    target: Server,
    cities: str,
    folder: Path,
    proxy: RecordingProxy,
    hold: RequestHold,
    number: signal.Signals,
    status: int,
) -> None:
    """Within two seconds: no temporary file in the store, no snapshot on the server, 143 or 130."""
    proxy.inject(DOWNLOAD, Fault(before=hold))
    child = start_snapshot(cities, url=proxy.url, store=folder)
    assert hold.reached.wait(20)
    result, took, _ = end_with(child, number)
    assert (result, list_names(folder), target.snapshots_of(cities)) == (status, [], [])
    assert took < 2.0


def test_a_signal_during_the_creation_ends_in_time_and_says_what_may_be_left(
    cities: str, folder: Path, proxy: RecordingProxy, hold: RequestHold
) -> None:
    """Protocol, Snapshot 3: nobody can attribute what the server makes of it now; it is said and never deleted."""
    proxy.inject(CREATE, Fault(after=hold))
    child = start_snapshot(cities, url=proxy.url, store=folder)
    assert hold.reached.wait(20)
    result, took, output = end_with(child, signal.SIGTERM)
    assert (result, list_names(folder), proxy.find(DELETE)) == (143, [], [])
    assert "snapshot.unanswered" in output
    assert took < 2.0


def test_a_signal_beside_a_server_that_no_longer_answers_ends_in_time(
    cities: str, folder: Path, proxy: RecordingProxy, hold: RequestHold
) -> None:
    """The clean-up has a limit; the message says what is left on the server."""
    proxy.inject(DOWNLOAD, Fault(before=hold))
    proxy.inject(r"GET /collections/[^/]+/snapshots$", Fault(silent=True), skip=1)
    child = start_snapshot(cities, url=proxy.url, store=folder)
    assert hold.reached.wait(20)
    result, took, output = end_with(child, signal.SIGTERM)
    assert (result, list_names(folder)) == (143, [])
    assert "snapshot.left_on_server" in output
    assert took < 2.0


@pytest.mark.parametrize("moment", range(8))
def test_after_a_kill_the_next_run_succeeds_and_cleans_up(
    target: Server, cities: str, folder: Path, proxy: RecordingProxy, moment: int
) -> None:
    """SIGKILL at any request of a whole run; latest stays whole, and the next run needs no help."""
    first = only(take_here(cities, url=target.url, store=folder))
    before = read_latest(folder, cities)
    requests = len(_record(cities, folder, proxy))
    hook = RequestHold()
    # A run asks once or twice less when the server is quicker, so the last ones of the first run may not come.
    proxy.at(1 + moment * (requests - 4) // 7, Fault(before=hook))
    child = start_snapshot(cities, url=proxy.url, store=folder)
    assert hook.reached.wait(20)
    child.kill()
    child.communicate()
    hook.release.set()
    after_kill = read_latest(folder, cities)
    second = only(take_here(cities, url=target.url, store=folder))
    names = [file for file in list_names(folder) if file.startswith(".")]
    assert (after_kill is not None, second.status, names, find_trouble(folder)) == (True, 0, [], [])
    assert read_latest(folder, cities) == (folder / second.snapshot).read_bytes()
    assert (folder / first.snapshot).read_bytes() == before


def _record(cities: str, folder: Path, proxy: RecordingProxy) -> list[RecordedRequest]:
    """Run once through the proxy to learn how many requests a run has."""
    take_here(cities, url=proxy.url, store=folder)
    seen = proxy.seen
    proxy.reset()
    return seen


def test_kills_at_any_time_leave_latest_whole(cities: str, folder: Path, target: Server) -> None:
    """Twelve kills at random times, start-up and publishing among them, then a normal run."""
    take_here(cities, url=target.url, store=folder)
    moments = random.Random(11)  # noqa: S311 - the same times every run
    trouble = []
    for _ in range(12):
        child = start_snapshot(cities, url=target.url, store=folder)
        time.sleep(moments.uniform(0.15, 0.6))
        child.kill()
        child.communicate()
        trouble += find_trouble(folder) + ([] if read_latest(folder, cities) else ["no latest"])
    last = only(take_here(cities, url=target.url, store=folder))
    left = [file for file in list_names(folder) if file.startswith(".")]
    assert (trouble, last.status, left, find_trouble(folder)) == ([], 0, [], [])


def test_ten_failing_snapshots_leave_no_more_than_one(
    target: Server, cities: str, folder: Path, proxy: RecordingProxy
) -> None:
    """Neither in the store nor on the server."""
    proxy.inject(DOWNLOAD, Fault(status=500))
    statuses = {only(take_here(cities, url=proxy.url, store=folder)).status for _ in range(10)}
    assert (statuses, list_names(folder), target.snapshots_of(cities)) == ({17}, [], [])


def test_too_little_room_is_told_before_the_first_byte_is_asked_for(
    cities: str, folder: Path, proxy: RecordingProxy
) -> None:
    """Status 15, and nothing was downloaded."""
    made = {"name": "made-1-2026-11-20-10-15-00.snapshot", "size": 1 << 60, "creation_time": None}
    proxy.inject(CREATE, Fault(status=200, body=json.dumps({"result": made, "status": "ok"}).encode()))
    outcome = only(take_here(cities, url=proxy.url, store=folder))
    assert (outcome.status, proxy.find(DOWNLOAD), list_names(folder)) == (15, [], [])
    assert "the snapshot needs 1,152,921,504,606,846,976; nothing was written" in outcome.message


def test_a_disk_that_fills_up_ends_it_at_once_and_leaves_nothing(
    target: Server, cities: str, folder: Path, proxy: RecordingProxy, limit_files: Callable[[int], None]
) -> None:
    """No second download, nothing in the store, nothing on the server; status 15."""
    limit_files(4096)
    outcome = only(take_here(cities, url=proxy.url, store=folder))
    limit_files(resource.RLIM_INFINITY)
    assert (outcome.status, len(proxy.find(DOWNLOAD))) == (15, 1)
    assert (list_names(folder), target.snapshots_of(cities)) == ([], [])


def test_a_lost_answer_to_the_creation_is_told_and_not_asked_again(
    target: Server, cities: str, folder: Path, proxy: RecordingProxy
) -> None:
    """Protocol, Snapshot 3: the server has made a file that nobody can attribute: it is left, and that is said."""
    proxy.inject(CREATE, Fault(lost=True))
    outcome = only(take_here(cities, url=proxy.url, store=folder))
    assert (outcome.status, len(proxy.find(CREATE)), proxy.find(DELETE)) == (17, 1, [])
    assert outcome.message.endswith("; the server may still finish the snapshot, and keeps it then")
    assert len(target.snapshots_of(cities)) == 1


def test_a_server_that_gives_no_sign_while_it_creates_is_given_up(
    cities: str, folder: Path, proxy: RecordingProxy
) -> None:
    """`--stall-timeout`: no answer, and no creation is running there any more. Status 124."""
    proxy.inject(CREATE, Fault(silent=True))
    outcome = only(take_here(cities, "--stall-timeout", "20", url=proxy.url, store=folder, clock=FastClock(10)))
    assert (outcome.status, list_names(folder)) == (124, [])
    assert outcome.message.startswith("Qdrant gave no sign for 20 s while it was to create the snapshot; ")


def test_a_creation_that_goes_on_is_waited_for(embedded: EmbeddedQdrant, folder: Path) -> None:
    """A running creation is a sign of life: longer than the stall timeout, and no failure."""
    server = Server(embedded.url)
    server.create("cities", vectors=VECTORS)
    embedded.misbehave({"fault": "pause", "moment": "creating", "seconds": 3.0})
    outcome = only(take_here("cities", "--stall-timeout", "1", url=embedded.url, store=folder))
    assert (outcome.status, outcome.latest) == (0, True)


def test_a_server_killed_while_it_creates_leaves_the_store_as_it_was(embedded: EmbeddedQdrant, folder: Path) -> None:
    """The connection ends without an answer; after its restart the next run succeeds."""
    server = Server(embedded.url)
    server.create("cities", vectors=VECTORS)
    embedded.misbehave({"fault": "die", "moment": "creating"})
    failed = only(take_here("cities", url=embedded.url, store=folder))
    left = list_names(folder)
    embedded.restart(kill=True)
    succeeded = only(take_here("cities", url=embedded.url, store=folder))
    assert (failed.status, left, succeeded.status) == (17, [], 0)


@pytest.mark.parametrize("reset", [True, False])
def test_a_connection_cut_in_the_download_costs_nothing_but_time(
    embedded: EmbeddedQdrant,
    folder: Path,
    reset: bool,  # noqa: FBT001
) -> None:
    """End to end, with the emulated server's own ranges."""
    server = Server(embedded.url)
    server.create("cities", vectors=VECTORS)
    server.upsert("cities", range(1, 501))
    embedded.misbehave({"fault": "cut", "path": "GET .*/snapshots/.+", "bytes": 20_000, "reset": reset, "times": 2})
    story = RecordedLog()
    outcome = only(take_here("cities", url=embedded.url, store=folder, story=story))
    assert (outcome.status, len(story.named("snapshot.download_cut")), find_trouble(folder)) == (0, 2, [])


def test_a_run_that_finds_the_store_locked_waits_no_longer_than_told(
    target: Server, cities: str, folder: Path, proxy: RecordingProxy, hold: RequestHold
) -> None:
    """The other run is downloading; status 11, and the other one finishes undisturbed."""
    proxy.inject(DOWNLOAD, Fault(before=hold), times=1)
    child = start_snapshot(cities, url=proxy.url, store=folder)
    assert hold.reached.wait(20)
    late = start_snapshot(cities, "--lock-timeout", "0.3", url=target.url, store=folder)
    _, output = late.communicate(timeout=30)
    hold.release.set()
    child.communicate(timeout=30)
    assert (late.returncode, child.returncode) == (11, 0)
    assert f"store '{folder}' is locked by another run" in output
    assert len([file for file in list_names(folder) if parse_name(file)]) == 1


def test_a_deadline_ends_it_with_its_own_status(
    target: Server, cities: str, folder: Path, proxy: RecordingProxy, hold: RequestHold
) -> None:
    """`--deadline`: all of it; 124, and nothing is left."""
    proxy.inject(DOWNLOAD, Fault(before=hold))
    begin = time.monotonic()
    child = start_snapshot(cities, "--deadline", "2", url=proxy.url, store=folder)
    child.communicate(timeout=30)
    took = time.monotonic() - begin
    assert (child.returncode, list_names(folder), target.snapshots_of(cities)) == (124, [], [])
    assert took < 4.5


def test_a_copy_that_cannot_be_deleted_on_the_server_is_a_warning(
    target: Server, cities: str, folder: Path, proxy: RecordingProxy
) -> None:
    """The file is whole and latest; what is left on the server is named."""
    proxy.inject(DELETE, Fault(status=500))
    outcome = only(take_here(cities, url=proxy.url, store=folder))
    (left,) = target.snapshots_of(cities)
    target.ask("DELETE", path(cities, f"snapshots/{left}"))
    assert (outcome.status, outcome.latest) == (0, True)
    assert outcome.warnings[0].startswith(f"snapshot '{left}' was left on the server (")


def test_a_run_of_several_that_is_killed_leaves_no_set(
    cities: str, new_name: Callable[[str], str], folder: Path, target: Server, proxy: RecordingProxy
) -> None:
    """The set's document comes last: what was made before the kill is whole and in no set, the next run makes one."""
    towns = new_name("towns")
    target.create(towns, vectors=VECTORS)
    hook = RequestHold()
    proxy.inject(rf"GET /collections/{towns}/snapshots/.+", Fault(before=hook))
    child = start_snapshot(cities, towns, "--concurrency", "1", url=proxy.url, store=folder)
    assert hook.reached.wait(20)
    child.kill()
    child.communicate()
    hook.release.set()
    after_kill = (
        read_latest(folder, cities) is not None,
        find_trouble(folder),
        sorted(folder.glob("*.set.json")),
    )
    proxy.reset()
    second = take_here(cities, towns, url=target.url, store=folder, run_id="f" * 32)
    assert (after_kill, second.status) == ((True, [], []), 0)
    assert len(sorted(folder.glob("*.set.json"))) == 1
