"""Several collections at once: they overlap, the report stands in the wanted order, and one end ends them all."""

# Fixtures are asked for by name, so their number confuses nobody.
# ruff: noqa: PLR0917
from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from restore.commands.outcome import Summary
from restore.commands.restore.report import RestoreResult
from restore.errors import Interrupted
from restore.qdrant.client import Qdrant, connect
from restore.qdrant.worker_pool import map_concurrently
from tests.support.recording_proxy import Fault, RecordedRequest, RecordingProxy
from tests.support.request_hold import RequestHold
from tests.support.run_publish import find_trouble, list_names
from tests.support.run_restore import RunningProgram, restore_here
from tests.support.run_snapshot import end_with, start_snapshot, take_here
from tests.support.server_under_test import Server

VECTORS = {"size": 4, "distance": "Dot"}
NAMES = ("a", "b", "c", "d")
CREATE = r"POST /collections/[^/]+/snapshots"
DOWNLOAD = r"GET /collections/[^/]+/snapshots/.+"
UPLOAD = r"POST /collections/[^/]+/snapshots/upload"


@pytest.fixture
def filled_server(embedded: EmbeddedQdrant) -> Server:
    """Return a server of this test's own with four collections."""
    server = Server(embedded.url, snapshots=embedded.snapshots)
    for name in NAMES:
        server.create(name, vectors=VECTORS)
        server.upsert(name, range(1, 51))
    return server


@pytest.fixture
def watching_proxy(filled_server: Server) -> Iterator[RecordingProxy]:
    """Yield a recording proxy in front of the server."""
    with RecordingProxy(filled_server.url) as recording:
        yield recording


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the path of a store that does not exist yet."""
    return tmp_path / "store"


class Rendezvous:
    """A fault's hook that holds requests until so many have come at once; `most` is the highest number seen."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._here = 0
        self._changed = threading.Condition()
        self.most = 0

    def __call__(self, _seen: RecordedRequest) -> None:
        """Wait for the other requests, for a second at most."""
        with self._changed:
            self._here += 1
            self.most = max(self.most, self._here)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.most >= self._wanted, timeout=1.0)
            self._here -= 1


@pytest.fixture
def hold() -> Iterator[RequestHold]:
    """Yield a hook for two requests."""
    hook = RequestHold(2)
    yield hook
    hook.release.set()


def test_the_server_creates_the_next_snapshot_while_the_last_one_downloads(
    filled_server: Server, watching_proxy: RecordingProxy, folder: Path
) -> None:
    """Two at a time by default: a download that takes its time does not keep the others from being created."""
    held = threading.Event()
    watching_proxy.inject(r"GET /collections/a/snapshots/.+", Fault(before=lambda _seen: held.wait(10)))

    def release(_seen: RecordedRequest) -> None:
        held.set()

    watching_proxy.inject(r"POST /collections/d/snapshots", Fault(before=release))
    report = take_here(url=watching_proxy.url, store=folder)
    assert (report.status, held.is_set(), [one.collection for one in report.outcomes]) == (0, True, list(NAMES))
    assert find_trouble(folder) == []
    assert {name: filled_server.snapshots_of(name) for name in NAMES} == {name: [] for name in NAMES}


@pytest.mark.parametrize(("width", "most"), [(1, 1), (2, 2), (4, 4)])
def test_no_more_are_worked_on_at_once_than_asked_for(
    watching_proxy: RecordingProxy, folder: Path, width: int, most: int
) -> None:
    """`--concurrency`."""
    meeting = Rendezvous(wanted=width + 1)
    watching_proxy.inject(DOWNLOAD, Fault(before=meeting))
    report = take_here("--concurrency", str(width), url=watching_proxy.url, store=folder)
    assert (report.status, meeting.most) == (0, most)


def test_one_failure_does_not_stop_the_others_and_the_report_is_in_order(
    filled_server: Server, watching_proxy: RecordingProxy, folder: Path
) -> None:
    """Status 3; the summary counts."""
    watching_proxy.inject(r"POST /collections/b/snapshots", Fault(status=500))
    report = take_here(url=watching_proxy.url, store=folder)
    assert [(one.collection, one.status) for one in report.outcomes] == [("a", 0), ("b", 17), ("c", 0), ("d", 0)]
    size = sum(one.size_bytes or 0 for one in report.outcomes)
    assert report.summary == Summary(succeeded=3, failed=1, size_bytes=size, seconds=report.seconds)
    assert (report.status, size > 0) == (3, True)


def test_a_restore_overlaps_too(filled_server: Server, watching_proxy: RecordingProxy, folder: Path) -> None:
    """Two uploads meet; every collection is there and verified, no marker is left, the order is the wanted one."""
    take_here(url=filled_server.url, store=folder)
    for name in NAMES:
        filled_server.drop(name)
    meeting = Rendezvous(wanted=2)
    watching_proxy.inject(UPLOAD, Fault(before=meeting))
    report = restore_here("--transfer", "upload", url=watching_proxy.url, store=folder)
    assert [(one.collection, one.result) for one in report.outcomes] == [
        (name, RestoreResult.RESTORED) for name in NAMES
    ]
    assert (meeting.most, filled_server.collections()) == (2, list(NAMES))
    assert (report.summary.succeeded, {name: filled_server.count(name) for name in NAMES}) == (
        4,
        dict.fromkeys(NAMES, 50),
    )


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_during_two_downloads_leaves_nothing_anywhere(
    filled_server: Server,
    watching_proxy: RecordingProxy,
    folder: Path,
    hold: RequestHold,
    number: signal.Signals,
    status: int,
) -> None:
    """Within two seconds, although both wait for a byte: no temporary file, no snapshot on the server, no journal."""
    watching_proxy.inject(DOWNLOAD, Fault(before=hold))
    child = start_snapshot(url=watching_proxy.url, store=folder)
    assert hold.reached.wait(20)
    run_result, took, output = end_with(child, number)
    left = {name: filled_server.snapshots_of(name) for name in NAMES}
    assert (run_result, list_names(folder), left) == (status, [], {name: [] for name in NAMES}), output
    assert [path.name for path in folder.glob(".journal-*")] == []
    assert took < 2.0


@pytest.mark.parametrize(
    ("held_at", "journals"),
    # A creation whose answer nobody heard stands in the journal, for `prune --server` to report.
    [(CREATE, 1), (DOWNLOAD, 0), (r"DELETE /collections/[^/]+/snapshots/.+", 0)],
)
def test_a_signal_during_four_at_once_leaves_nothing_complete(
    watching_proxy: RecordingProxy, folder: Path, held_at: str, journals: int
) -> None:
    """Within two seconds, whatever they do: nothing appears afterwards, and the next run removes the rest."""
    hold = RequestHold(4)
    watching_proxy.inject(held_at, Fault(before=hold))
    child = start_snapshot("--concurrency", "4", url=watching_proxy.url, store=folder)
    assert hold.reached.wait(20)
    run_result, took, output = end_with(child, signal.SIGTERM)
    at_once = list_names(folder)
    hold.release.set()
    time.sleep(1.0)
    later = list_names(folder)
    watching_proxy.reset()
    again = take_here(url=watching_proxy.url, store=folder, run_id="f" * 32)
    assert (run_result, at_once, later) == (143, [], []), output
    assert took < 2.0
    assert (again.status, find_trouble(folder), len(list(folder.glob(".journal-*")))) == (0, [], journals)


def test_a_signal_during_two_creations_ends_in_time_and_says_what_may_be_left(
    watching_proxy: RecordingProxy, folder: Path, hold: RequestHold
) -> None:
    """Protocol, Snapshot 3: it stands in the journal, for `prune --server` to report."""
    watching_proxy.inject(CREATE, Fault(after=hold))
    child = start_snapshot(url=watching_proxy.url, store=folder)
    assert hold.reached.wait(20)
    run_result, took, output = end_with(child, signal.SIGTERM)
    assert (run_result, list_names(folder), output.count("snapshot.unanswered")) == (143, [], 2)
    assert "the server may still finish the snapshot" in output
    assert len(list(folder.glob(".journal-*"))) == 1
    assert took < 2.0


def test_a_signal_during_two_uploads_leaves_their_marks_and_the_next_run_finishes(
    filled_server: Server, watching_proxy: RecordingProxy, folder: Path, hold: RequestHold
) -> None:
    """Within two seconds; each marker says what was sent."""
    take_here(url=filled_server.url, store=folder)
    for name in NAMES:
        filled_server.drop(name)
    watching_proxy.inject(UPLOAD, Fault(before=hold))
    with RunningProgram("--transfer", "upload", url=watching_proxy.url, store=folder) as running:
        assert hold.reached.wait(20)
        begin = time.monotonic()
        running.terminate()
        run_result = running.wait()
        took = time.monotonic() - begin
    hold.release.set()
    marked = [name for name in NAMES if filled_server.markers(name)]
    report = restore_here(url=filled_server.url, store=folder)
    assert (run_result.status, marked) == (143, ["a", "b"])
    assert took < 2.0
    assert (report.status, {name: filled_server.count(name) for name in NAMES}) == (0, dict.fromkeys(NAMES, 50))
    assert filled_server.collections() == list(NAMES)


def test_the_deadline_ends_several_as_it_ends_one(
    watching_proxy: RecordingProxy, folder: Path, hold: RequestHold
) -> None:
    """Status 124, and nothing is left."""
    watching_proxy.inject(DOWNLOAD, Fault(before=hold))
    child = start_snapshot("--deadline", "3s", url=watching_proxy.url, store=folder)
    _, output = child.communicate(timeout=30)
    assert (child.returncode, list_names(folder)) == (124, [])
    assert re.search(r"error: not finished within the deadline of 3 s", output)


def test_what_nobody_expected_ends_all_of_it(filled_server: Server) -> None:
    """A defect is not swallowed by a thread; the others are ended where they stand."""
    qdrant = connect(filled_server.url, "")
    run_result: list[str] = []

    def work(item: str, own: Qdrant) -> str:
        if item == "bad":
            time.sleep(0.2)
            raise ZeroDivisionError(item)
        try:
            for _ in range(1000):
                own.check_stop()
                time.sleep(0.01)
        except Interrupted as error:
            run_result.append(str(error))
            raise
        return item

    with pytest.raises(ZeroDivisionError, match=r"^bad$"):
        map_concurrently(work, ["good", "bad", "never begun"], qdrant, width=2)
    qdrant.close()
    assert set(run_result) == {"another collection's work failed unexpectedly"}


@pytest.fixture
def count_threads() -> Callable[[], int]:
    """Return a way to count the threads of this process."""
    return threading.active_count


def test_no_thread_outlives_the_work(filled_server: Server, folder: Path, count_threads: Callable[[], int]) -> None:
    """Neither for snapshots nor for restores."""
    before = count_threads()
    take_here("--concurrency", "4", url=filled_server.url, store=folder)
    for name in NAMES:
        filled_server.drop(name)
    restore_here("--concurrency", "4", url=filled_server.url, store=folder)
    deadline = time.monotonic() + 10
    while count_threads() > before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert count_threads() <= before
