"""The containers themselves: who they run as, what they may do, how they end and whose files they leave."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.compose.project import QDRANT_IMAGE, Project, run_docker

# A server that takes connections and never answers, in the place of Qdrant.
SILENT_QDRANT = """
services:
  qdrant:
    image: qdrant-restore:local
    init: true
    entrypoint: [python3, -c, "import socket, time; s = socket.create_server(('', 6333)); time.sleep(600)"]
    healthcheck: {test: [CMD, "true"]}
"""
# What a process in the container is and may do, by its own account.
WHO_AM_I = """
import json, os, pathlib
status = dict(line.split(":\\t", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
def written(path):
    try:
        pathlib.Path(path).write_text("x")
    except OSError as error:
        return error.strerror
    return "written"
print(json.dumps({
    "user": os.getuid(), "group": os.getgid(), "capabilities": status["CapEff"], "bounds": status["CapBnd"],
    "no new privileges": status["NoNewPrivs"], "root": written("/x"),
    "program": written("/opt/qdrant-restore/x"), "store": written("/store/x"),
}))
"""
LIST_PACKAGES = "ls $(dirname $(python3 -c 'import restore; print(restore.__path__[0])'))"
OTHERS_UID = 4321
# When the tests run as root, the person whose files these shall be is somebody else.
PERSON = (os.getuid(), os.getgid()) if os.getuid() else (1234, 2345)


def give_store_to_person(project: Project) -> None:
    """Make the store belong to the person who takes snapshots, as it does in a clone of theirs.

    In a rootless engine that person is root inside the containers.
    """
    if os.getuid() == 0:
        os.chown(project.store, *PERSON)
    project.store.chmod(0o755)
    rootless = "rootless" in run_docker("info", "--format", "{{.SecurityOptions}}").expect().stdout
    inside = (0, 0) if rootless else PERSON
    project.settings |= {"SNAPSHOT_UID": str(inside[0]), "SNAPSHOT_GID": str(inside[1])}


def list_owners(store: Path) -> dict[str, tuple[int, int, str]]:
    """Return the owner, group and mode of each file in the store but its README."""
    found = {path.name: path.lstat() for path in store.iterdir() if path.suffix != ".md"}
    return {name: (each.st_uid, each.st_gid, oct(each.st_mode & 0o777)) for name, each in found.items()}


def test_the_restore_runs_without_root_capabilities_or_a_writable_place(filled_project: Project) -> None:
    """Read-only root, nothing writable anywhere, no capability left, none to be gained, a user of no importance."""
    output = filled_project.compose(
        "run", "--rm", "-T", "--no-deps", "--entrypoint", "python3", "qdrant-restore", "-c", WHO_AM_I
    ).expect(0)

    assert json.loads(output.stdout) == {
        "user": 65532,
        "group": 65532,
        "capabilities": "0000000000000000",
        "bounds": "0000000000000000",
        "no new privileges": "1",
        "root": "Read-only file system",
        "program": "Read-only file system",
        "store": "Read-only file system",
    }


def test_any_user_number_can_run_the_image(filled_project: Project) -> None:
    """A number without an account, a home or a name restores as well as the image's own."""
    filled_project.compose("up", "-d", "--wait", "qdrant").expect(0)

    filled_project.compose("run", "--rm", "-T", "--user", "54321:54322", "qdrant-restore").expect(0)

    assert filled_project.server().collections() == ["cities", "towns"]


def test_qdrant_restore_and_snapshot_can_be_three_different_users(filled_project: Project) -> None:
    """The unprivileged Qdrant, a restore of another number and the person's own snapshots work on one store."""
    filled_project.settings["QDRANT_IMAGE"] = f"{QDRANT_IMAGE}-unprivileged"
    give_store_to_person(filled_project)
    filled_project.write_override(f'services:\n  qdrant-restore:\n    user: "{OTHERS_UID}:{OTHERS_UID}"\n')
    filled_project.up().expect(0)
    filled_project.server().ask("POST", "/collections/towns/points/delete?wait=true", {"points": [1]})
    filled_project.run("qdrant-snapshot", "snapshot", "towns").expect(0)
    filled_project.compose("down", "-v").expect(0)

    filled_project.up().expect(0)

    assert filled_project.server().transfers() == {"server-file": 2, "upload": 0}
    assert [point["id"] for point in filled_project.server().points("towns")] == [2, 3, 4, 5, 6, 7]
    users = {service: filled_project.inspect(service)["Config"]["User"] for service in ("qdrant", "qdrant-restore")}
    assert users == {"qdrant": "1000:1000", "qdrant-restore": "4321:4321"}


def test_snapshots_belong_to_the_person_and_latest_moves(make_project: Callable[..., Project]) -> None:
    """The snapshot, its manifest and the pointer are the person's, readable for every other container."""
    project = make_project()
    give_store_to_person(project)
    project.compose("up", "-d", "--wait", "qdrant").expect(0)
    server = project.server()
    server.ask("PUT", "/collections/towns", {"vectors": {"size": 2, "distance": "Dot"}})
    server.ask("PUT", "/collections/towns/points?wait=true", {"points": [{"id": 1, "vector": [1.0, 1.0]}]})
    project.run("qdrant-snapshot", "snapshot", "towns").expect(0)
    first = (project.store / "towns_latest.snapshot").resolve(strict=True)
    server.ask("PUT", "/collections/towns/points?wait=true", {"points": [{"id": 2, "vector": [2.0, 2.0]}]})

    project.run("qdrant-snapshot", "snapshot", "towns").expect(0)

    second = (project.store / "towns_latest.snapshot").resolve(strict=True)
    assert second.name > first.name
    kept = {name: owned for name, owned in list_owners(project.store).items() if name.startswith("towns")}
    assert kept == {
        first.name: (*PERSON, "0o644"),
        f"{first.name}.json": (*PERSON, "0o644"),
        second.name: (*PERSON, "0o644"),
        f"{second.name}.json": (*PERSON, "0o644"),
        "towns_latest.snapshot": (*PERSON, "0o777"),
    }
    assert {entry[:2] for entry in list_owners(project.store).values()} == {PERSON}
    assert server.ask("GET", "/collections/towns/snapshots") == []


def test_sigterm_ends_a_waiting_restore_within_two_seconds_with_143(filled_project: Project) -> None:
    """As PID 1 the kernel ignores what a process does not handle: `docker stop` must not need its ten seconds."""
    filled_project.write_override(SILENT_QDRANT)
    filled_project.compose("up", "-d", "qdrant", "qdrant-restore").expect(0)
    while not filled_project.logs("qdrant-restore"):
        time.sleep(0.1)

    sent = datetime.now(UTC)
    filled_project.compose("kill", "--signal", "SIGTERM", "qdrant-restore").expect(0)
    filled_project.compose("wait", "qdrant-restore")

    state = filled_project.inspect("qdrant-restore")["State"]
    assert state["ExitCode"] == 143
    assert (datetime.fromisoformat(state["FinishedAt"]) - sent).total_seconds() < 2


def test_the_containers_exit_status_is_the_programs(filled_project: Project) -> None:
    """A shell, a supervisor or a CI job can act on the number: nothing stands between the program and the engine."""
    filled_project.write_dotenv(QDRANT_API_KEY="right")
    filled_project.compose("up", "-d", "--wait", "qdrant").expect(0)
    once = ("run", "--rm", "-T")
    nowhere = ("-e", "QDRANT_URL=http://qdrant:1")

    ends = {
        "fine": filled_project.compose(*once, "qdrant-restore").status,
        "again": filled_project.compose(*once, "qdrant-restore").status,
        "unknown option": filled_project.compose(*once, "qdrant-restore", "restore", "--no-such-thing").status,
        "partial": filled_project.compose(*once, "qdrant-restore", "restore", "towns", "villages").status,
        "no snapshot": filled_project.compose(*once, "qdrant-restore", "restore", "villages").status,
        "wrong key": filled_project.compose(*once, "-e", "QDRANT_API_KEY=wrong", "qdrant-restore").status,
        "never ready": filled_project.compose(
            *once, *nowhere, "qdrant-restore", "restore", "--wait-timeout", "1"
        ).status,
    }

    assert ends == {
        "fine": 0,
        "again": 0,
        "unknown option": 2,
        "partial": 3,
        "no snapshot": 10,
        "wrong key": 12,
        "never ready": 124,
    }


def test_the_image_says_what_it_is_and_has_only_the_program(image: str) -> None:
    """Exec-form entry point, a default command, labels; no pip and none of the tests' packages beside it."""
    (inspected,) = json.loads(run_docker("image", "inspect", image).expect().stdout)
    found = inspected["Config"]
    packages = run_docker("run", "--rm", "--entrypoint", "sh", image, "-c", LIST_PACKAGES).expect().stdout.split()

    assert (found["Entrypoint"], found["Cmd"], found["User"]) == (["qdrant-restore"], ["restore"], "65532:65532")
    assert found["Labels"]["org.opencontainers.image.title"] == "qdrant-restore"
    assert found["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert "restore" in packages
    assert {"pip", "pytest", "qdrant_embedded", "uvicorn"}.isdisjoint(packages)


def test_qdrant_does_not_start_on_a_read_only_snapshots_directory(filled_project: Project) -> None:
    """Why the store is mounted in a subdirectory: `:ro` on the directory itself, as in old guides, is a panic."""
    filled_project.write_override(
        "services:\n  qdrant:\n    volumes: !override\n"
        "      - qdrant_storage:/qdrant/storage\n      - ./qdrant_snapshots:/qdrant/snapshots:ro,z\n"
    )

    filled_project.compose("up", "-d", "qdrant").expect(0)
    filled_project.compose("wait", "qdrant")

    assert filled_project.inspect("qdrant")["State"]["ExitCode"] != 0
    assert "Read-only file system" in filled_project.logs("qdrant")
