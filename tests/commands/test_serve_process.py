"""`serve` as a process: its pages, its notifications, its end."""

# ruff: noqa: E501 - a row of a table is a line
from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from restore.stores.layout import SCHEDULE_FILE
from tests.support.program import make_environment, run_program
from tests.support.run_serve import RunningServe, WebhookReceiver, read_events, receive
from tests.support.server_under_test import Server

NOWHERE = "http://127.0.0.1:9"
DAILY = {"RESTORE_SCHEDULE_SNAPSHOT": "@daily"}
CANARY = "canary-4e1b77"


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    """Return the path of a store."""
    return tmp_path / "store"


def serve(store_path: Path, target: Server, cities: str, variables: Mapping[str, str] = DAILY) -> RunningServe:
    """Start it for one collection, its daily snapshot missed."""
    return RunningServe(store_path, target.url, {"QDRANT_COLLECTION_NAME": cities, **DAILY, **variables})


# --- what it answers ------------------------------------------------------------------------------------------


def test_a_missed_snapshot_is_made_and_the_pages_tell_of_it(store_path: Path, target: Server, cities: str) -> None:
    """Health, readiness and metrics, from the work."""
    with serve(store_path, target, cities) as serving:
        output = serving.wait_ended("snapshot")
        pages = [serving.ask(path) for path in ("/healthz", "/readyz", "/metrics", "/metrics?x=1")]
        metrics = serving.wait_metric("qdrant_restore_latest_snapshot_points{")

    assert (output["status"], output["schedule"]) == (0, "@daily UTC")
    assert [page.status for page in pages] == [200, 200, 200, 200]
    assert f'qdrant_restore_snapshot_last_status{{collection="{cities}"}} 1.0' in metrics
    assert f'qdrant_restore_latest_snapshot_points{{collection="{cities}"}} 100.0' in metrics
    assert 'qdrant_restore_operation_in_progress{command="snapshot"} 0.0' in metrics
    assert (store_path / f"{cities}_latest.snapshot").is_symlink()


def test_every_job_runs_by_schedule_and_the_backup_is_proven(store_path: Path, target: Server, cities: str) -> None:
    """Snapshot, prune, verify and drill, each as its command does it, and what they say in the metrics."""
    schedules = {f"RESTORE_SCHEDULE_{job}": "@daily" for job in ("SNAPSHOT", "PRUNE", "VERIFY", "DRILL")}
    with serve(store_path, target, cities, {"RESTORE_KEEP_LAST": "1", **schedules}) as serving:
        output = [serving.wait_ended(job) for job in ("snapshot", "prune", "verify", "drill")]
        metrics = serving.wait_metric("qdrant_restore_seconds_since_proven{")
        ready = serving.ask("/readyz").status

    assert [one["status"] for one in output] == [0, 0, 0, 0]
    assert ready == 200
    assert f'qdrant_restore_prune_last_status{{collection="{cities}"}} 1.0' in metrics
    assert f'qdrant_restore_drill_last_status{{collection="{cities}"}} 1.0' in metrics
    assert f'qdrant_restore_seconds_since_proven{{collection="{cities}"}} ' in metrics


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_but_looking_is_answered(method: str, store_path: Path) -> None:
    """There is no path that changes anything, whatever the method."""
    with RunningServe(store_path, NOWHERE, DAILY, missed=False) as serving:
        serving.wait_for("/healthz", 200)
        before = (store_path / SCHEDULE_FILE).read_bytes()
        answers = [serving.ask(path, method).status for path in ("/healthz", "/metrics", "/snapshot")]
        looked = serving.ask("/snapshot").status

    assert (answers, looked) == ([501, 501, 501], 404)
    assert (store_path / SCHEDULE_FILE).read_bytes() == before


def test_it_listens_on_loopback_unless_told_otherwise(store_path: Path) -> None:
    """The default address is not one that another machine reaches."""
    with RunningServe(store_path, NOWHERE, DAILY, missed=False) as serving:
        serving.wait_for("/healthz", 200)
        result = serving.end()
    listening = [event for event in read_events(result.stderr) if event["event"] == "serve.listening"]
    shown = run_program("config", "show", cwd=store_path.parent).stdout

    assert [event["host"] for event in listening] == ["127.0.0.1"]
    assert [line.split() for line in shown.splitlines() if line.startswith("listen ")] == [
        ["listen", "127.0.0.1:6363", "default"]
    ]


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:6363", "backup:6363"])
def test_elsewhere_it_listens_with_a_token_only(store_path: Path, address: str) -> None:
    """Nothing is listened on before that is known."""
    result = run_program(
        "serve", "--store", str(store_path), cwd=store_path.parent, environment={**DAILY, "RESTORE_LISTEN": address}
    )
    assert (result.status, result.stderr.splitlines()) == (
        2,
        [
            f"error: RESTORE_LISTEN: {address} can be reached from elsewhere, and there is no token",
            "hint: clients that reach it could read collections' names: give a token with RESTORE_LISTEN_TOKEN_FILE",
        ],
    )


def test_without_the_token_only_the_status_is_told(store_path: Path, tmp_path: Path) -> None:
    """What restarts processes needs no token; names, times and metrics are for who has it."""
    (tmp_path / "token").write_text("a token of twenty\n")
    given = {"RESTORE_LISTEN_TOKEN_FILE": str(tmp_path / "token"), **DAILY}
    with RunningServe(store_path, NOWHERE, given, missed=False) as serving:
        serving.wait_for("/healthz", 200)
        bare = [serving.ask(path) for path in ("/healthz", "/readyz", "/metrics", "/nothing")]
        wrong = [serving.ask(path, token="another") for path in ("/healthz", "/metrics")]
        output = [serving.ask(path, token="a token of twenty") for path in ("/healthz", "/metrics")]
        probed = run_program(
            "healthcheck", cwd=store_path, environment={"RESTORE_LISTEN": f"127.0.0.1:{serving.port}"}
        )

    assert bare == [(200, "ok\n"), (200, "ok\n"), (401, "unauthorized\n"), (404, "not found\n")]
    assert wrong == [(200, "ok\n"), (401, "unauthorized\n")]
    assert ([page.status for page in output], output[0].document["healthy"], probed.status) == ([200, 200], True, 0)
    assert "qdrant_restore_build_info" in output[1].text


def test_it_works_without_listening_at_all(store_path: Path, target: Server, cities: str) -> None:
    """`--listen off` is for those who watch in another way."""
    with serve(store_path, target, cities, {"RESTORE_LISTEN": "off"}):
        end = time.monotonic() + 20
        while not list(store_path.glob("*.snapshot.json")) and time.monotonic() < end:
            time.sleep(0.05)

    assert len(list(store_path.glob("*.snapshot.json"))) == 1


def test_qdrant_that_is_away_is_unready_and_not_unhealthy(store_path: Path) -> None:
    """The worker lives; restarting it would help nobody."""
    with RunningServe(store_path, NOWHERE, {"RESTORE_WAIT_TIMEOUT": "0.2s", **DAILY}) as serving:
        output = serving.wait_ended("snapshot")
        ready, healthy = serving.ask("/readyz"), serving.ask("/healthz")

    assert output["status"] == 124
    assert (ready.status, healthy.status) == (503, 200)
    assert ready.document["problems"] == ["the last snapshot ended with status 124"]


# --- asking it ------------------------------------------------------------------------------------------------


def test_healthcheck_tells_a_living_one_from_none(store_path: Path) -> None:
    """Status 0 or 124, with one line for the engine's log."""
    with RunningServe(store_path, NOWHERE, DAILY, missed=False) as serving:
        serving.wait_for("/healthz", 200)
        environment = {"RESTORE_LISTEN": f"0.0.0.0:{serving.port}"}
        alive = run_program("healthcheck", cwd=store_path, environment=environment)
        serving.end()
        gone = run_program("healthcheck", cwd=store_path, environment=environment)

    assert alive == (0, "", "")
    assert (gone.status, gone.stderr) == (
        124,
        f"error: serve does not answer at 0.0.0.0:{serving.port}: [Errno 111] Connection refused\n",
    )


def test_healthcheck_finds_the_address_in_the_settings_file(store_path: Path) -> None:
    """Then it takes the long way."""
    with RunningServe(store_path, NOWHERE, DAILY, missed=False) as serving:
        serving.wait_for("/healthz", 200)
        (store_path / "restore.yaml").write_text(f"listen: 127.0.0.1:{serving.port}\n")
        alive = run_program("healthcheck", cwd=store_path)

    assert alive.status == 0


def test_healthcheck_imports_next_to_nothing(tmp_path: Path) -> None:
    """It runs every few seconds for years: 10 ms of processor time here, nearly all of them the interpreter's."""
    script = (
        "import sys; sys.argv = ['qdrant-restore', 'healthcheck']; from restore.__main__ import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(sorted(set(sys.modules) & {'click', 'msgspec', 'http', 'http.client', 'json', 'email', 'ssl', "
        "'urllib', 'urllib.parse', 'yaml', 'logging', 'threading', 'restore.cli.main', 'restore.settings'}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=make_environment(),
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout == "[]\n"


# --- settings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "document", "sentence"),
    [
        ({}, "", "nothing is scheduled"),
        ({"RESTORE_SCHEDULE_SNAPSHOT": "daily"}, "", "RESTORE_SCHEDULE_SNAPSHOT: 'daily' is no schedule (five cron fields, @hourly, @daily, @weekly, @monthly, @yearly or @every 6h)"),
        ({}, "schedule:\n  snapshot: '0 25 * * *'\n", "restore.yaml: schedule.snapshot: '0 25 * * *' is no schedule (bad hour; five cron fields, @hourly, @daily, @weekly, @monthly, @yearly or @every 6h)"),
        ({}, "schedule:\n  snapshots: '@daily'\n", "restore.yaml: schedule: unknown key 'snapshots' (did you mean snapshot?)"),
        ({}, "schedule: '@daily'\n", "restore.yaml: schedule: a mapping is wanted (snapshot, prune, mirror, verify, drill, time_zone, jitter)"),
        ({**DAILY, "RESTORE_SCHEDULE_TIME_ZONE": "Mars"}, "", "RESTORE_SCHEDULE_TIME_ZONE: 'Mars' is no time zone (UTC, Europe/Berlin)"),
        ({**DAILY, "RESTORE_SCHEDULE_JITTER": "13h"}, "", "RESTORE_SCHEDULE_JITTER: '13h' is more than 12 hours"),
        ({**DAILY, "RESTORE_LISTEN": "6363"}, "", "RESTORE_LISTEN: '6363' is no address (127.0.0.1:6363, 0.0.0.0:6363, [::1]:6363)"),
        ({**DAILY, "RESTORE_NOTIFY_WEBHOOK": f"ftp://{CANARY}"}, "", "RESTORE_NOTIFY_WEBHOOK: is no URL that begins with http:// or https:// and names a host"),
    ],
)  # fmt: skip
def test_a_bad_schedule_is_told_and_nothing_is_begun(
    environment: dict[str, str], document: str, sentence: str, tmp_path: Path
) -> None:
    """Status 2, one sentence, no secret in it, and no store was made."""
    (tmp_path / "restore.yaml").write_text(document)
    result = run_program("serve", cwd=tmp_path, environment=environment)

    assert (result.status, result.stderr.splitlines()[0]) == (2, f"error: {sentence}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["restore.yaml"]


def test_a_port_that_is_taken_is_told(store_path: Path) -> None:
    """As a problem of the setting."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = run_program(
            "serve",
            "--store",
            str(store_path),
            cwd=store_path.parent,
            environment={**DAILY, "RESTORE_LISTEN": address},
        )

    assert (result.status, result.stderr.splitlines()[0]) == (
        2,
        f"error: RESTORE_LISTEN: cannot listen on {address} (Address already in use)",
    )


# --- telling others -------------------------------------------------------------------------------------------


def list_paths(receiver: WebhookReceiver) -> list[str]:
    """Return the paths of the pings, without the run's id."""
    return [path.partition("?")[0] for path, _ in receiver.came]


def test_a_run_pings_start_and_success_and_sends_a_webhook(store_path: Path, target: Server, cities: str) -> None:
    """The webhook has every field; the pings carry the same run's id, and no log is sent to them."""
    with receive() as receiver:
        notify = {
            "RESTORE_NOTIFY_HEALTHCHECKS": f"{receiver.url}/ping/{{command}}",
            "RESTORE_NOTIFY_WEBHOOK": f"{receiver.url}/hook?token={CANARY}",
        }
        result = run_program(
            "snapshot", cities, cwd=store_path.parent, environment={"QDRANT_URL": target.url, "RESTORE_STORE": str(store_path), **notify}
        )  # fmt: skip
        bodies = dict(receiver.came)
        notice = json.loads(bodies[f"/hook?token={CANARY}"])

    assert result.status == 0, result.stderr
    assert list_paths(receiver) == ["/ping/snapshot/start", "/hook", "/ping/snapshot"]
    assert {**notice, "operation_id": "", "duration": 0} == {
        "status": "success", "error": "", "operation_id": "", "command": "snapshot", "duration": 0, "exit_status": 0, "failed": [],
    }  # fmt: skip
    assert [body for path, body in receiver.came if path.startswith("/ping")] == [b"", b""]
    assert {path.partition("rid=")[2] for path, _ in receiver.came if path.startswith("/ping")} == {
        notice["operation_id"]
    }
    assert CANARY not in result.stdout + result.stderr


def test_a_run_with_one_failure_pings_fail(store_path: Path, target: Server, cities: str) -> None:
    """Success only if all of them succeeded."""
    with receive() as receiver:
        environment = {
            "QDRANT_URL": target.url,
            "RESTORE_STORE": str(store_path),
            "RESTORE_NOTIFY_HEALTHCHECKS": receiver.url,
            "RESTORE_NOTIFY_WEBHOOK": f"{receiver.url}/hook",
        }
        result = run_program("snapshot", cities, "gone", cwd=store_path.parent, environment=environment)
        notice = json.loads(dict(receiver.came)["/hook"])

    assert result.status == 3
    assert list_paths(receiver) == ["/start", "/hook", "/fail"]
    assert (notice["status"], notice["exit_status"], notice["failed"]) == ("failure", 3, ["gone"])
    assert notice["error"].startswith("gone: does not exist")


def test_a_shared_check_hears_of_no_success_while_another_job_fails(store_path: Path, target: Server) -> None:
    """A verification that succeeds must not turn the check green that a failing snapshot made red."""
    schedules = {**DAILY, "RESTORE_SCHEDULE_VERIFY": "@daily"}
    with receive() as receiver:
        variables = {**schedules, "RESTORE_NOTIFY_HEALTHCHECKS": receiver.url, "QDRANT_COLLECTION_NAME": "gone"}
        with RunningServe(store_path, target.url, variables) as serving:
            serving.wait_ended("snapshot")
            serving.wait_ended("verify")
            # Others are told after the pages tell it.
            time.sleep(0.5)
            result = serving.end()

    assert list_paths(receiver) == ["/start", "/fail", "/start"]
    assert [event["because"] for event in read_events(result.stderr) if event["event"] == "notify.withheld"] == [
        "snapshot"
    ]


@pytest.mark.parametrize("status", [500, 302, 404])
def test_a_failing_notification_changes_no_result(status: int, store_path: Path, target: Server, cities: str) -> None:
    """It is told in the log, by the host alone."""
    with receive() as receiver:
        receiver.status = status
        environment = {
            "QDRANT_URL": target.url,
            "RESTORE_STORE": str(store_path),
            "RESTORE_NOTIFY_WEBHOOK": f"{receiver.url}/{CANARY}",
            "RESTORE_NOTIFY_HEALTHCHECKS": f"http://127.0.0.1:9/{CANARY}",
        }
        result = run_program(
            "snapshot", cities, "--log-format", "json", cwd=store_path.parent, environment=environment
        )
    failures = [event for event in read_events(result.stderr) if event["event"] == "notify.failed"]

    assert result.status == 0
    assert [(event["what"], event["reason"]) for event in failures] == [
        ("healthchecks/start", "127.0.0.1: Connection refused"),
        ("webhook", f"127.0.0.1 answered with {status}"),
        ("healthchecks", "127.0.0.1: Connection refused"),
    ]
    assert CANARY not in result.stdout + result.stderr


# --- the metrics file -----------------------------------------------------------------------------------------


def test_one_shot_runs_share_a_metrics_file(store_path: Path, target: Server, cities: str) -> None:
    """Each adds its own, a failure keeps the time of the last success, and nothing temporary is left."""
    file = store_path.parent / "metrics" / "qdrant.prom"
    file.parent.mkdir()
    environment = {"QDRANT_URL": target.url, "RESTORE_STORE": str(store_path), "RESTORE_METRICS_FILE": str(file)}
    good = run_program("snapshot", cities, cwd=store_path.parent, environment=environment)
    known = file.read_text()
    read = run_program("verify", cwd=store_path.parent, environment=environment)
    bad = run_program("snapshot", cities, "--wait-timeout", "0.1s", "--qdrant-url", NOWHERE, cwd=store_path.parent, environment=environment)  # fmt: skip
    text = file.read_text()
    success = [line for line in known.splitlines() if line.startswith("qdrant_restore_snapshot_last_success")]

    assert (good.status, read.status, bad.status) == (0, 0, 124), read.stderr
    assert len(success) == 1
    assert success[0] in text
    assert 'qdrant_restore_run_last_status{command="snapshot"} 0.0' in text
    assert 'qdrant_restore_run_last_status{command="verify"} 1.0' in text
    assert 'qdrant_restore_run_total{command="snapshot",outcome="failed"} 1.0' in text
    assert 'qdrant_restore_run_total{command="snapshot",outcome="succeeded"} 1.0' in text
    assert [path.name for path in file.parent.iterdir()] == ["qdrant.prom"]
    assert file.stat().st_mode & 0o777 == 0o644


def test_a_metrics_file_that_cannot_be_written_changes_no_result(
    store_path: Path, target: Server, cities: str
) -> None:
    """It is told, and the snapshot is there."""
    environment = {
        "QDRANT_URL": target.url,
        "RESTORE_STORE": str(store_path),
        "RESTORE_METRICS_FILE": "/nowhere/x.prom",
    }
    result = run_program("snapshot", cities, "--log-format", "json", cwd=store_path.parent, environment=environment)
    said = [event["reason"] for event in read_events(result.stderr) if event["event"] == "metrics.not_written"]

    assert result.status == 0
    assert said == ["metrics file '/nowhere/x.prom' cannot be replaced: No such file or directory"]
