"""Deleting a snapshot on a server that is slow about it: the name must be gone, the bytes may take their time."""

from __future__ import annotations

import contextlib

import pytest

from restore.errors import QdrantError
from restore.qdrant.client import Qdrant, connect
from tests.support.recording_proxy import Fault, RecordingProxy
from tests.support.server_under_test import Server

DELETE = r"DELETE /collections/[^/]+/snapshots/.+"


@pytest.fixture
def server_snapshot(target: Server, name: str) -> str:
    """Return the name of a snapshot on the server."""
    target.create(name, vectors={"size": 4, "distance": "Dot"})
    with contextlib.closing(connect(target.url, target.key)) as qdrant:
        created = qdrant.create_snapshot(name)
        answer = created.poll(30)
        assert answer is not None
        return qdrant.read_created(name, answer).name


def list_names(qdrant: Qdrant, name: str) -> list[str]:
    """Return the names of a collection's snapshots on the server."""
    return [found.name for found in qdrant.list_snapshots(name)]


def test_a_deletion_is_done_when_the_name_is_gone(
    target: Server, proxy: RecordingProxy, name: str, server_snapshot: str
) -> None:
    """Freeing a gigabyte takes a second after that, and nobody waits for it: here the answer never comes."""
    proxy.inject(DELETE, Fault(silent=True))
    with contextlib.closing(connect(proxy.url, target.key)) as qdrant:
        assert qdrant.delete_snapshot(name, server_snapshot) is True
        assert list_names(qdrant, name) == []


def test_a_deletion_is_not_done_while_the_name_is_listed(
    target: Server, proxy: RecordingProxy, name: str, server_snapshot: str
) -> None:
    """What was asked for and not yet begun is waited for."""
    proxy.inject(DELETE, Fault(delay=0.3))
    with contextlib.closing(connect(proxy.url, target.key)) as qdrant:
        assert qdrant.delete_snapshot(name, server_snapshot) is True
        assert list_names(qdrant, name) == []
    assert len(proxy.find(r"GET /collections/[^/]+/snapshots$")) > 1


def test_a_deletion_that_is_never_done_is_an_error(
    target: Server, proxy: RecordingProxy, name: str, server_snapshot: str
) -> None:
    """It ends in time, and says what it waited for."""
    proxy.inject(DELETE, Fault(delay=2.0))
    with contextlib.closing(connect(proxy.url, target.key)) as qdrant:
        line = f"DELETE /collections/{name}/snapshots/{server_snapshot}"
        begun = f"Qdrant at {proxy.url} did not answer to {line} within 0.1 s"
        with pytest.raises(QdrantError) as raised:
            qdrant.delete_snapshot(name, server_snapshot, seconds=0.1)
    assert raised.value.message == begun


def test_a_deletion_whose_connection_is_lost_is_an_error(
    target: Server, proxy: RecordingProxy, name: str, server_snapshot: str
) -> None:
    """Nobody knows then, so nobody says that it was done."""
    proxy.inject(DELETE, Fault(refused=True))
    with contextlib.closing(connect(proxy.url, target.key)) as qdrant, pytest.raises(QdrantError):
        qdrant.delete_snapshot(name, server_snapshot)


def test_deleting_what_is_not_there_is_told(target: Server, name: str, server_snapshot: str) -> None:
    """False, and no error: whoever wanted it gone has what was wanted."""
    with contextlib.closing(connect(target.url, target.key)) as qdrant:
        assert [qdrant.delete_snapshot(name, server_snapshot), qdrant.delete_snapshot(name, server_snapshot)] == [
            True,
            False,
        ]
