"""What `docker compose up` promises: the collections are there, once and again, and otherwise it says what is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

from tests.compose.project import Project


def test_a_fresh_volume_is_filled_and_up_with_wait_succeeds(filled_project: Project) -> None:
    """Every collection of the store is in Qdrant with all its points before the application starts."""
    filled_project.up().expect(0)

    server = filled_project.server()
    assert server.collections() == ["cities", "towns"]
    assert [point["id"] for point in server.points("cities")] == list(range(1, 301))
    assert server.points("cities")[41]["payload"] == {"name": "city 42"}
    assert server.points("towns")[6]["vector"] == [1.0, 7.0]
    schema = server.ask("GET", "/collections/cities")["payload_schema"]
    assert schema == {"name": {"data_type": "keyword", "points": 300}}


def test_the_application_starts_after_the_restore_and_finds_the_points(filled_project: Project) -> None:
    """`service_completed_successfully` holds the application back until the collections are there."""
    filled_project.up().expect(0)

    address = filled_project.compose("port", "application", "8000").expect().stdout.strip()
    with urlopen(f"http://{address}/", timeout=30) as answer:
        seen = json.load(answer)
    assert {name: each["points"] for name, each in seen.items()} == {"cities": 300, "towns": 7}
    restored, started = filled_project.inspect("qdrant-restore"), filled_project.inspect("application")
    assert restored["State"]["FinishedAt"] <= started["State"]["StartedAt"]
    assert restored["State"]["ExitCode"] == 0


def test_the_shipped_file_lets_the_server_read_the_snapshots_itself(filled_project: Project) -> None:
    """Nothing is uploaded where the server sees the store, which the shipped compose file makes sure of."""
    filled_project.up().expect(0)

    assert filled_project.server().transfers() == {"server-file": 2, "upload": 0}


def test_a_second_up_only_reads(filled_project: Project) -> None:
    """The second run looks, finds everything there and sends nothing that could change it."""
    filled_project.up().expect(0)
    server = filled_project.server()
    before = server.writes(), server.points("cities"), server.points("towns")
    first = filled_project.inspect("qdrant-restore")["State"]["StartedAt"]

    filled_project.up().expect(0)

    assert (server.writes(), server.points("cities"), server.points("towns")) == before
    assert filled_project.inspect("qdrant-restore")["State"]["StartedAt"] > first
    assert filled_project.inspect("qdrant-restore")["State"]["ExitCode"] == 0


def test_after_down_with_volumes_up_restores_again(filled_project: Project) -> None:
    """The store is what lasts: a volume that was thrown away comes back with the same points."""
    filled_project.up().expect(0)
    before = filled_project.server().points("cities"), filled_project.server().points("towns")
    filled_project.compose("down", "-v").expect(0)

    filled_project.up().expect(0)

    server = filled_project.server()
    assert (server.points("cities"), server.points("towns")) == before
    assert server.transfers() == {"server-file": 2, "upload": 0}


def test_what_an_application_changed_survives_the_next_up(filled_project: Project) -> None:
    """A collection that is there belongs to the application: an older snapshot never replaces it."""
    filled_project.up().expect(0)
    filled_project.server().ask("POST", "/collections/towns/points/delete?wait=true", {"points": [1, 2, 3]})
    filled_project.compose("down").expect(0)

    filled_project.up().expect(0)

    assert [point["id"] for point in filled_project.server().points("towns")] == [4, 5, 6, 7]


def test_replace_by_name_takes_the_snapshot_again(filled_project: Project) -> None:
    """`restore NAME --on-existing replace` in a container of its own brings a collection back, and no other."""
    filled_project.up().expect(0)
    original = filled_project.server().points("towns")
    filled_project.server().ask("POST", "/collections/towns/points/delete?wait=true", {"points": [1, 2, 3]})
    filled_project.server().ask("POST", "/collections/cities/points/delete?wait=true", {"points": [1]})

    filled_project.run("qdrant-restore", "restore", "towns", "--on-existing", "replace").expect(0)

    assert filled_project.server().points("towns") == original
    assert len(filled_project.server().points("cities")) == 299


def test_with_an_empty_store_and_nothing_named_the_application_starts_after_a_warning(
    make_project: Callable[..., Project],
) -> None:
    """The very first boot of a project has nothing to restore, and that is no failure."""
    project = make_project()

    project.up().expect(0)

    assert project.server().collections() == []
    assert "warning" in project.logs("qdrant-restore").lower()
    assert project.inspect("qdrant-restore")["State"]["ExitCode"] == 0
    assert "Qdrant has no collections yet" in project.logs("application")


def test_a_named_collection_without_a_snapshot_keeps_the_application_from_starting(filled_project: Project) -> None:
    """What was asked for and is not there stops the boot, with the program's own exit status on the container."""
    filled_project.write_dotenv(QDRANT_COLLECTION_NAME="villages")

    filled_project.up().expect(1)

    assert filled_project.inspect("qdrant-restore")["State"]["ExitCode"] == 10
    assert filled_project.inspect("application")["State"]["Status"] == "created"
    assert "villages" in filled_project.logs("qdrant-restore")


def test_a_snapshot_after_a_change_is_what_the_next_fresh_volume_gets(
    make_project: Callable[..., Project], snapshots: Path
) -> None:
    """The round trip: change, snapshot, throw the volume away, up; the change is there."""
    project = make_project(snapshots)
    project.store.chmod(0o777)
    project.up().expect(0)
    project.server().ask(
        "PUT", "/collections/towns/points?wait=true", {"points": [{"id": 8, "vector": [1.0, 8.0], "payload": {}}]}
    )
    changed = project.server().points("towns")
    project.run("qdrant-snapshot", "snapshot", "towns").expect(0)
    project.compose("down", "-v").expect(0)

    project.up().expect(0)

    assert project.server().points("towns") == changed
    assert len(changed) == 8
