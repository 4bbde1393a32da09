"""`examples/existing-project`: one snippet added to somebody's compose file, and nothing else changed."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.compose.project import Project

KEY = "a-key-of-this-project"


@pytest.fixture
def existing(make_project: Callable[..., Project]) -> Project:
    """Return a copy of the example with its own snapshots, without the snippet, not up yet."""
    return make_project(example="existing-project")


def add_snippet(project: Project) -> None:
    """Merge the snippet into the project's file, which is what pasting it does."""
    project.files = ("docker-compose.yml", "snippet.yml")


def wait_for_restore(project: Project) -> None:
    """Return when the restore has ended with 0; otherwise show what it wrote."""
    while project.inspect("qdrant-restore")["State"]["Status"] != "exited":
        time.sleep(0.2)
    status = project.inspect("qdrant-restore")["State"]["ExitCode"]
    assert status == 0, f"exit status {status}\n{project.logs('qdrant-restore')}"


def wait_for_collection(project: Project) -> None:
    """Return when the application has created its collection."""
    while "created the collection cities, empty" not in project.logs("application"):
        time.sleep(0.2)


def test_without_the_snippet_the_application_works_on_nothing(existing: Project) -> None:
    """The project as it was: the application creates its collection, which stays empty."""
    existing.compose("up", "-d").expect(0)
    wait_for_collection(existing)

    assert existing.server(KEY).points("cities") == []


def test_the_snippet_fills_the_empty_collection_that_the_application_created(existing: Project) -> None:
    """Added to a project whose application came first: the empty collection is filled, by upload, and says so."""
    existing.compose("up", "-d").expect(0)
    wait_for_collection(existing)
    add_snippet(existing)

    existing.compose("up", "-d").expect(0)

    wait_for_restore(existing)
    server = existing.server(KEY)
    assert server.collections() == ["cities"]
    assert {point["payload"]["name"] for point in server.points("cities")} >= {"Athens", "Tokyo"}
    assert server.transfers() == {"server-file": 0, "upload": 1}
    assert server.ask("GET", "/collections/cities/snapshots") == []


def test_the_snippet_fills_it_when_everything_starts_at_once(existing: Project) -> None:
    """No health check and no order: the restore waits for Qdrant, and meets an application that does not wait."""
    add_snippet(existing)

    existing.compose("up", "-d").expect(0)

    wait_for_restore(existing)
    assert existing.server(KEY).collections() == ["cities"]
    assert {point["payload"]["name"] for point in existing.server(KEY).points("cities")} >= {"Athens", "Tokyo"}


def test_the_second_up_of_a_project_with_the_snippet_only_reads(existing: Project) -> None:
    """The snippet can stay in the file for ever."""
    add_snippet(existing)
    existing.compose("up", "-d").expect(0)
    wait_for_restore(existing)
    writes, points = existing.server(KEY).writes(), existing.server(KEY).points("cities")

    existing.compose("up", "-d").expect(0)

    wait_for_restore(existing)
    assert (existing.server(KEY).writes(), existing.server(KEY).points("cities")) == (writes, points)
