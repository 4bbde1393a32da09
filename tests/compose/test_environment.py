"""What a person's `.env` can do, and what it cannot break."""

from __future__ import annotations

from tests.compose.project import Project


def test_an_env_file_with_a_localhost_url_does_not_break_the_container(filled_project: Project) -> None:
    """The URL that is right on the host is wrong in a container, so the compose file sets its own."""
    filled_project.write_dotenv(QDRANT_URL="http://localhost:6333")

    filled_project.up().expect(0)

    assert filled_project.server().collections() == ["cities", "towns"]


def test_a_key_in_the_env_file_locks_qdrant_and_opens_it_for_the_restore(filled_project: Project) -> None:
    """One variable gives the key to the server, the restore and the application alike."""
    filled_project.write_dotenv(QDRANT_API_KEY="'se$cret with # and $$'")

    filled_project.up().expect(0)

    assert filled_project.server().status("/collections") == 401
    assert filled_project.server(key="se$cret with # and $$").collections() == ["cities", "towns"]
    assert "se$cret" not in filled_project.logs("qdrant-restore")


def test_an_empty_key_leaves_qdrant_open(filled_project: Project) -> None:
    """`QDRANT_API_KEY=` means no key; Qdrant itself would take an empty variable for a key and refuse everybody."""
    filled_project.write_dotenv(QDRANT_API_KEY="")

    filled_project.up().expect(0)

    assert filled_project.server().status("/collections") == 200
    assert filled_project.server().collections() == ["cities", "towns"]


def test_one_collection_can_be_named(filled_project: Project) -> None:
    """`QDRANT_COLLECTION_NAME` restores that one and leaves the rest of the store alone."""
    filled_project.write_dotenv(QDRANT_COLLECTION_NAME="towns")

    filled_project.up().expect(0)

    assert filled_project.server().collections() == ["towns"]


def test_several_collections_can_be_named(filled_project: Project) -> None:
    """`RESTORE_COLLECTIONS` is a list, and comes before `QDRANT_COLLECTION_NAME`."""
    filled_project.write_dotenv(RESTORE_COLLECTIONS="towns,cities", QDRANT_COLLECTION_NAME="villages")

    filled_project.up().expect(0)

    assert filled_project.server().collections() == ["cities", "towns"]


def test_one_failure_among_several_collections_does_not_stop_the_others(filled_project: Project) -> None:
    """What can be restored is restored, and the container's exit status says that it was not all."""
    filled_project.write_dotenv(RESTORE_COLLECTIONS="villages,towns")

    filled_project.up().expect(1)

    assert filled_project.inspect("qdrant-restore")["State"]["ExitCode"] == 3
    assert filled_project.server().collections() == ["towns"]


def test_a_variable_of_the_shell_comes_before_the_env_file(filled_project: Project) -> None:
    """`RESTORE_COLLECTIONS=towns docker compose up` does what it says."""
    filled_project.write_dotenv(RESTORE_COLLECTIONS="cities")
    filled_project.settings["RESTORE_COLLECTIONS"] = "towns"

    filled_project.up().expect(0)

    assert filled_project.server().collections() == ["towns"]
