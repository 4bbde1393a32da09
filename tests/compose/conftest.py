"""The engine, the image and the projects that the Compose tests use. `tests/compose/run.sh` starts them."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.compose.project import DOCKER, Project, copy_shipped_files, run_docker

HERE = Path(__file__).parent
CITIES = [
    {"id": number, "vector": [number / 300, 1 - number / 300, 0.5], "payload": {"name": f"city {number}"}}
    for number in range(1, 301)
]
TOWNS = [{"id": number, "vector": [1.0, float(number)], "payload": {}} for number in range(1, 8)]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in this folder: it needs an engine and minutes, and the default run leaves it out."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.compose)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def image() -> str:
    """Build `qdrant-restore:local` from the working tree, as `make image` does."""
    if not engine_answers():
        pytest.skip("no engine with Compose v2 answers")
    run_docker("compose", "build", "qdrant-restore").expect()
    return "qdrant-restore:local"


@pytest.fixture(scope="session")
def snapshots(image: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a store with snapshots of the collections `cities` and `towns`, by the shipped `qdrant-snapshot`."""
    folder = tmp_path_factory.mktemp("seed")
    copy_shipped_files(folder)
    project = Project(folder, f"qr-seed-{uuid.uuid4().hex[:8]}")
    open_to_any_user(project.store)
    try:
        project.compose("up", "-d", "--wait", "qdrant").expect()
        server = project.server()
        server.ask("PUT", "/collections/cities", {"vectors": {"size": 3, "distance": "Cosine"}})
        server.ask("PUT", "/collections/cities/index?wait=true", {"field_name": "name", "field_schema": "keyword"})
        server.ask("PUT", "/collections/cities/points?wait=true", {"points": CITIES})
        server.ask("PUT", "/collections/towns", {"vectors": {"size": 2, "distance": "Dot"}})
        server.ask("PUT", "/collections/towns/points?wait=true", {"points": TOWNS})
        project.run("qdrant-snapshot", "snapshot", "--all").expect()
    finally:
        project.remove()
    return project.store


@pytest.fixture
def make_project(image: str, tmp_path: Path) -> Iterator[Callable[..., Project]]:
    """Yield a function that makes a project: a folder with the shipped files and a given store's snapshots."""
    made: list[Project] = []

    def make(store: Path | None = None, example: str = "") -> Project:
        folder = tmp_path / f"project-{len(made)}"
        project = Project(folder, f"qr-{uuid.uuid4().hex[:12]}")
        made.append(project)
        if example:
            shutil.copytree(HERE.parents[1] / "examples" / example, folder, symlinks=True)
        else:
            folder.mkdir()
            copy_shipped_files(folder)
        if store is not None:
            shutil.copytree(store, project.store, symlinks=True, dirs_exist_ok=True)
        return project

    yield make
    for project in made:
        project.remove()


@pytest.fixture
def filled_project(make_project: Callable[..., Project], snapshots: Path) -> Project:
    """Return a project that is not up yet and has snapshots of `cities` and `towns` in its store."""
    return make_project(snapshots)


def engine_answers() -> bool:
    """Return True if an engine and Compose v2 are there to be used."""
    there = shutil.which(DOCKER) is not None
    return there and not run_docker("compose", "version").status and not run_docker("info").status


def open_to_any_user(folder: Path) -> None:
    """Let any user of any container write into a folder of ours."""
    folder.chmod(0o777)
