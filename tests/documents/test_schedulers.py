"""The examples for other schedulers are accepted by those schedulers' own tools, and call what exists."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from restore.cli.parser import Invocation, parse_arguments
from restore.daemon.slots import find_next
from restore.settings.schedule import parse_schedule
from restore.settings.unknown import list_variables
from tests.support.program import ROOT

FOLDER = ROOT / "examples" / "schedulers"
UNITS = ("qdrant-backup.service", "qdrant-backup.timer")
WANTED = Invocation("snapshot", {"all": ("true",)})
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def read(name: str) -> str:
    """Return an example's text."""
    return (FOLDER / name).read_text(encoding="utf-8")


def list_calls() -> list[str]:
    """Return the command lines of all three."""
    job = yaml.safe_load(read("cronjob.yml"))["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    cron = re.findall(r"^30 2 \* \* \* \S*qdrant-restore (.*?) 2>>", read("crontab"), re.MULTILINE)
    unit = re.findall(r"^ExecStart=\S*qdrant-restore (.*)$", read("qdrant-backup.service"), re.MULTILINE)
    return [*cron, *unit, " ".join(job["args"])]


def test_every_command_line_is_one_of_ours() -> None:
    """Each snapshots every collection."""
    assert [parse_arguments(shlex.split(call)) for call in list_calls()] == [WANTED, WANTED, WANTED]


def test_every_variable_exists() -> None:
    """A misspelt one would be an error at half past two."""
    named = {
        name
        for path in FOLDER.iterdir()
        for name in re.findall(r"\b(?:RESTORE|QDRANT)_[A-Z_]*[A-Z]\b", path.read_text())
    }

    assert sorted(named - {"RESTORE_NOTIFY"} - set(list_variables())) == []


@pytest.mark.parametrize("name", ["crontab", "cronjob.yml"])
def test_the_times_are_what_the_page_says(name: str) -> None:
    """Half past two at night."""
    (fields,) = re.findall(r"^(?:  schedule: \")?(30 2 \* \* \*)", read(name), re.MULTILINE)

    assert find_next(parse_schedule(fields), NOON, UTC) == datetime(2026, 11, 21, 2, 30, tzinfo=UTC)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """With a program that is there: the unit's own path is wherever a person installs it."""
    for name in UNITS:
        (tmp_path / name).write_text(read(name).replace("/usr/local/bin/qdrant-restore", sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in UNITS)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_reads_the_timer_as_half_past_two() -> None:
    """In UTC."""
    (calendar,) = re.findall(r"^OnCalendar=(.+)$", read("qdrant-backup.timer"), re.MULTILINE)
    done = subprocess.run(["systemd-analyze", "calendar", calendar], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "Normalized form: *-*-* 02:30:00 UTC" in done.stdout


@pytest.mark.parametrize("version", ["1.29", "1.33", "1.37"])
def test_kubernetes_schema_accepts_the_cronjob(version: str) -> None:
    """Strictly: a field that Kubernetes does not know is an error."""
    import kubernetes_validate

    kubernetes_validate.validate(yaml.safe_load(read("cronjob.yml")), version, strict=True)
    broken = yaml.safe_load(read("cronjob.yml").replace("concurrencyPolicy", "concurencyPolicy"))

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, version, strict=True)
