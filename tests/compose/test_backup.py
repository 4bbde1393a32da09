"""`docker compose --profile backup up`: snapshots by schedule, for as long as the container runs."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path

from tests.compose.conftest import open_to_any_user
from tests.compose.project import Project

# As if the container had been down at midnight; and healthy looks that need not wait half a minute.
MISSED = {"jobs": [{"job": "snapshot", "schedule": "@daily UTC", "slot": "2026-01-01T00:00:00Z"}], "schema": 1}
SOON = """
services:
  qdrant-backup:
    healthcheck: {interval: 1s}
"""


def await_snapshot(store: Path, collection: str, count: int) -> list[str]:
    """Wait until a collection has so many snapshots with their manifests and return the manifests' names."""
    end = time.monotonic() + 60
    while len(found := sorted(path.name for path in store.glob(f"{collection}_2*.snapshot.json"))) < count:
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found


def test_the_backup_service_snapshots_by_schedule_is_healthy_and_ends_within_its_grace(
    filled_project: Project,
) -> None:
    """A fresh volume is restored first, then the missed snapshot is made of it; `docker stop` ends it with 143."""
    open_to_any_user(filled_project.store)
    (filled_project.store / ".schedule.json").write_text(json.dumps(MISSED))
    filled_project.write_override(SOON)

    filled_project.compose("--profile", "backup", "up", "-d", "--wait").expect(0)
    made = await_snapshot(filled_project.store, "cities", 2)
    container, restored = filled_project.inspect("qdrant-backup"), filled_project.inspect("qdrant-restore")["State"]
    asked = filled_project.compose("exec", "-T", "qdrant-backup", "qdrant-restore", "healthcheck").status
    begin = time.monotonic()
    filled_project.compose("stop", "qdrant-backup").expect(0)
    took = time.monotonic() - begin
    state = filled_project.inspect("qdrant-backup")["State"]
    names = sorted(path.name for path in filled_project.store.iterdir())

    assert (container["State"]["Health"]["Status"], asked) == ("healthy", 0)
    # A snapshot of what is not restored yet would be one of nothing.
    assert datetime.fromisoformat(restored["FinishedAt"]) <= datetime.fromisoformat(container["State"]["StartedAt"])
    assert container["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert json.loads((filled_project.store / made[1]).read_text())["points"] == 300
    assert state["ExitCode"] == 143
    # The engine kills after ten seconds, with 137.
    assert took < 8
    assert [name for name in names if name.startswith((".partial", ".journal"))] == []
    assert filled_project.server().ask("GET", "/collections/cities/snapshots") == []
    assert filled_project.server().collections() == ["cities", "towns"]


def test_a_backup_service_that_hangs_is_unhealthy(filled_project: Project) -> None:
    """The engine's own check sees it: the process is stopped by a signal that it cannot heed, then goes on."""
    open_to_any_user(filled_project.store)
    filled_project.write_override(SOON.replace("interval: 1s", "interval: 1s, timeout: 1s, retries: 2"))
    filled_project.compose("--profile", "backup", "up", "-d", "--wait").expect(0)

    filled_project.compose("kill", "--signal", "SIGSTOP", "qdrant-backup").expect(0)
    hung = await_health(filled_project, "unhealthy")
    filled_project.compose("kill", "--signal", "SIGCONT", "qdrant-backup").expect(0)

    assert (hung, await_health(filled_project, "healthy")) == ("unhealthy", "healthy")


def await_health(project: Project, wanted: str) -> str:
    """Wait until the engine says so and return what it says in the end."""
    end = time.monotonic() + 30
    while (output := str(project.inspect("qdrant-backup")["State"]["Health"]["Status"])) != wanted:
        if time.monotonic() > end:
            break
        time.sleep(0.2)
    return output
