"""Fixtures that several folders share: the server under test, a proxy in front of it, stores, names."""

from __future__ import annotations

import dataclasses
import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from qdrant_embedded.process import EmbeddedQdrant
from tests.support.open_server import make_name, open_target
from tests.support.recording_proxy import RecordingProxy
from tests.support.restore_scenario import RestoreScenario
from tests.support.sample_stores import FilledStore
from tests.support.server_under_test import Server

# On a busy machine an example may take any time.
hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.load_profile("default")
BUCKET_SERVERS = {"minio", "fake_gcs", "azurite"}
STORES = Path(__file__).parent / "stores"


def pytest_xdist_auto_num_workers() -> int:
    """Return two workers per processor for `-n auto`: tests mostly wait for servers and heartbeats."""
    return 2 * (os.cpu_count() or 1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marker the tests that ask for a bucket server: `make test-stores` runs them, `make test` all others."""
    for item in items:
        given = getattr(item, "callspec", None)
        names = {*getattr(item, "fixturenames", ()), *(map(str, given.params.values()) if given else ())}
        if names & BUCKET_SERVERS or item.path.is_relative_to(STORES):
            item.add_marker(pytest.mark.stores)


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield the server under test, one for the whole session. Names on it come from `new_name`."""
    with open_target(tmp_path_factory.mktemp("target")) as server:
        yield server


@pytest.fixture
def new_name(target: Server) -> Iterator[Callable[[str], str]]:
    """Yield a function that makes collection names that are forgotten on the server afterwards."""
    made: list[str] = []

    def make(word: str = "cities") -> str:
        made.append(make_name(word))
        return made[-1]

    yield make
    for name in made:
        target.forget(name)


@pytest.fixture
def name(new_name: Callable[[str], str]) -> str:
    """Return a collection name of this test's own."""
    return new_name("cities")


@pytest.fixture
def cities(target: Server, name: str) -> str:
    """Return a collection with 100 points."""
    target.create(name, vectors={"size": 4, "distance": "Dot"})
    target.upsert(name, range(1, 101))
    return name


@pytest.fixture
def proxy(target: Server) -> Iterator[RecordingProxy]:
    """Yield a recording proxy in front of the server under test."""
    with RecordingProxy(target.url) as recording:
        yield recording


@pytest.fixture
def store(tmp_path: Path) -> FilledStore:
    """Return an empty store of this test's own."""
    return FilledStore(tmp_path / "qdrant_snapshots")


@pytest.fixture
def scenario(target: Server, proxy: RecordingProxy, store: FilledStore, name: str) -> RestoreScenario:
    """Return a restore scenario on the server under test."""
    return RestoreScenario(target, proxy, store, name)


@pytest.fixture
def shared_scenario(scenario: RestoreScenario) -> RestoreScenario:
    """Return a scenario with its store in a directory that the server sees too."""
    if scenario.server.snapshots is None:
        pytest.skip("the snapshots directory of the server at QDRANT_URL cannot be seen from here")
    seen = scenario.server.snapshots / f"store-{scenario.name}"
    return dataclasses.replace(scenario, store=FilledStore(seen), arguments=("--server-store", str(seen)))


@pytest.fixture
def own_scenario(embedded: EmbeddedQdrant, store: FilledStore) -> Iterator[RestoreScenario]:
    """Yield a scenario on an embedded server of this test's own, for the collection `cities`."""
    server = Server(embedded.url, snapshots=embedded.snapshots)
    with RecordingProxy(server.url) as recording:
        yield RestoreScenario(server, recording, store, "cities")


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedQdrant]:
    """Yield an embedded Qdrant of this test's own that misbehaves on demand."""
    with EmbeddedQdrant(tmp_path / "embedded", misbehaving=True) as server:
        yield server


@pytest.fixture
def limit_files() -> Iterator[Callable[[int], None]]:
    """Yield a function that limits the size of any file in bytes: a full disk, for processes without privileges."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
