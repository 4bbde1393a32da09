"""An application that does not wait: it creates its collection while a restore into that name is under way."""

from __future__ import annotations

from tests.support.recording_proxy import Fault, RecordingProxy
from tests.support.run_restore import run_restore
from tests.support.sample_stores import FilledStore
from tests.support.server_under_test import Server
from tests.support.targets import make_empty, promise_state, read_state

RECOVER = "^PUT /collections/[^/]+/snapshots/recover"


def test_a_collection_that_an_application_creates_while_the_server_looks_for_its_file_is_filled(
    target: Server, proxy: RecordingProxy, store: FilledStore, name: str
) -> None:
    """The server cannot see the store; before it says so the application has created its collection, empty."""
    store.add(name)
    proxy.inject(RECOVER, Fault(before=lambda _seen: make_empty(target, name)), times=1)

    result = run_restore(name, url=proxy.url, store=store.path)

    assert result.status == 0, result.stderr
    assert read_state(target, name) == promise_state(name)


def test_points_that_an_application_wrote_while_the_server_looked_for_its_file_stay(
    target: Server, proxy: RecordingProxy, store: FilledStore, name: str
) -> None:
    """It has created its collection and written into it: nothing of its own is lost, and the restore is a skip."""

    def create_and_write() -> None:
        make_empty(target, name)
        target.upsert(name, range(1000, 1003))

    store.add(name)
    proxy.inject(RECOVER, Fault(before=lambda _seen: create_and_write()), times=1)

    result = run_restore(name, url=proxy.url, store=store.path)

    assert result.status == 0, result.stderr
    kept = read_state(target, name)
    assert (sorted(map(str, kept.points)), kept.markers, kept.uploads) == (["1000", "1001", "1002"], [], [])


def test_a_collection_that_an_application_creates_before_an_upload_arrives_is_filled_and_keeps_its_settings(
    target: Server, proxy: RecordingProxy, store: FilledStore, name: str
) -> None:
    """The server recovers onto what it finds then: all points are there, its settings stay."""
    store.add(name)
    proxy.inject("^POST .*/snapshots/upload", Fault(before=lambda _seen: make_empty(target, name)), times=1)

    result = run_restore(name, "--transfer", "upload", url=proxy.url, store=store.path)

    assert result.status == 0, result.stderr
    assert read_state(target, name) == promise_state(name)
