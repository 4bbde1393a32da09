"""What pages show of files: settings files load, variables exist, parts of compose files and pods are well-formed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import kubernetes_validate
import msgspec
import pytest
import yaml

from restore.monitoring.notification import make_notification
from restore.monitoring.run_result import CollectionRun, RunResult
from restore.settings.command_names import Command
from restore.settings.resolve import read_settings
from restore.settings.sources import Sources
from restore.settings.unknown import list_variables
from tests.support.pages import list_blocks, list_pages
from tests.support.program import ROOT, run_program
from tests.support.sample_stores import NOON

PAGES = list_pages()
DOCS = ROOT / "docs"


def list_everywhere(mark: str) -> list[str]:
    """Return the blocks with a mark on all pages."""
    return [code for page in PAGES for code in list_blocks(page, mark)]


SETTINGS_FILES = list_everywhere("settings file")
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]


@pytest.mark.parametrize("text", SETTINGS_FILES, ids=[text.splitlines()[0] for text in SETTINGS_FILES])
def test_every_settings_file_that_is_shown_is_one(text: str, tmp_path: Path) -> None:
    """`config show` reads it, and each key that it has is said to come from it."""
    for name in ("healthchecks", "recipients.txt", "drill-key.txt"):
        (tmp_path / name).write_text("https://hc.example/ping\n", encoding="utf-8")
    here = re.sub(r"/(?:run/secrets|etc/qdrant-backup)/", f"{tmp_path}/", text)
    (tmp_path / "restore.yaml").write_text(here, encoding="utf-8")

    shown = run_program("config", "show", "--json", cwd=tmp_path)

    assert (shown.status, shown.stderr) == (0, "")
    assert set(yaml.safe_load(text)) <= set(re.findall(r"restore\.yaml: ([a-z_]+)", shown.stdout))


def test_there_are_settings_files_on_the_pages() -> None:
    """None was lost with its mark."""
    assert len(SETTINGS_FILES) == 4


@pytest.mark.parametrize("text", list_everywhere("part: env"))
def test_every_line_for_an_env_file_is_a_setting(text: str, tmp_path: Path) -> None:
    """With a value that is accepted."""
    given = dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))
    ours = {name: value for name, value in given.items() if not name.startswith("SNAPSHOT_")}
    result = run_program("config", "show", "--json", cwd=tmp_path, environment=ours)

    assert set(ours) <= set(list_variables())
    assert given
    assert (result.status, result.stderr) == (0, "")


def test_parts_of_compose_files_name_services_and_conditions_that_exist() -> None:
    """`depends_on` of what restores, and an option of one service."""
    parts = [yaml.safe_load(text) for text in list_everywhere("part: compose")]
    waits = [part["depends_on"] for part in parts if "depends_on" in part]
    others = [set(part["services"]) - set(SERVICES) for part in parts if "services" in part]

    assert waits == [{"qdrant-restore": {"condition": "service_completed_successfully"}}] * 2
    assert others == [set()]


def test_the_bucket_in_compose_is_one_that_the_program_accepts() -> None:
    """The services are those of the shipped file, and their environment settles without a problem."""
    (text,) = list_blocks(DOCS / "schedule.md", "part: bucket")
    part = yaml.safe_load(text)
    (environment,) = {json.dumps(service["environment"]) for service in part["services"].values()}
    given = {name: value for name, value in json.loads(environment).items() if value}
    mounted = {f"/run/secrets/{name}" for name in part["secrets"]}
    settled = [
        read_settings(command, Sources(environment=given)) for command in (Command.RESTORE, Command.SNAPSHOT, "serve")
    ]

    assert set(part["services"]) == {"qdrant-backup", "qdrant-restore", "qdrant-snapshot"} <= set(SERVICES)
    assert {given["RESTORE_RECIPIENTS_FILE"], given["RESTORE_IDENTITY_FILE"]} == mounted
    assert {(one.store.location, one.store.encrypt, one.warnings) for one in settled} == {
        ("s3://my-backups/qdrant", "age", ())
    }
    assert all(service["secrets"] == list(part["secrets"]) for service in part["services"].values())


def test_the_health_check_that_is_shown_is_the_shipped_one() -> None:
    """In the compose file it has times beside it."""
    (text,) = list_blocks(DOCS / "monitoring.md", "part: healthcheck")

    assert yaml.safe_load(text)["healthcheck"]["test"] == SERVICES["qdrant-backup"]["healthcheck"]["test"]


@pytest.mark.parametrize("mark", ["part: kubernetes", "part: probes"])
def test_parts_of_a_pod_are_accepted_by_kubernetes_schema(mark: str) -> None:
    """Strictly, in the pod that they stand in."""
    (text,) = list_everywhere(mark)
    part = yaml.safe_load(text)
    container = {"name": "one", "image": "qdrant-restore:local"}
    inside = {"initContainers": part["initContainers"]} if "initContainers" in part else {}
    spec = {"containers": [container if inside else {**container, **part}], **inside}
    spec["volumes"] = [{"name": "snapshots", "emptyDir": {}}]

    kubernetes_validate.validate(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": spec}, "1.33", strict=True
    )


def test_the_webhook_has_the_fields_that_are_shown() -> None:
    """By name and by kind."""
    (text,) = list_blocks(DOCS / "monitoring.md", "said: webhook")
    shown = json.loads(text)
    result = RunResult(
        command="snapshot",
        operation_id="0d1f",
        status=3,
        seconds=12.3,
        at=NOON,
        error="docs: does not answer",
        runs=(CollectionRun(collection="docs", status=17), CollectionRun(collection="cities")),
    )
    sent = json.loads(msgspec.json.encode(make_notification(result)))

    assert {name: type(value) for name, value in shown.items()} == {name: type(value) for name, value in sent.items()}
    assert (shown["status"], shown["command"], shown["failed"]) == (sent["status"], sent["command"], sent["failed"])


@pytest.mark.parametrize("text", list_everywhere("part: pytest"))
def test_what_goes_into_somebody_elses_tests_can_be_read(text: str) -> None:
    """As Python, or as an ini file; tests/embedded runs what they mean."""
    from configparser import ConfigParser

    if "[pytest]" in text:
        reader = ConfigParser()
        reader.read_string(text)
        assert reader.options("pytest") == ["qdrant_seed"]
    else:
        compile(text, "a page", "exec")
