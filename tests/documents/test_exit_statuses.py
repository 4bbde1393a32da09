"""Every exit status that is published is reached by the installed command, and no other table says otherwise."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import filelock
import pytest

from restore.exit_statuses import EXIT_STATUSES
from tests.support.program import ROOT, make_environment
from tests.support.recording_proxy import Fault
from tests.support.restore_scenario import RestoreScenario
from tests.support.sample_stores import damage

INSTALLED = Path(sys.executable).with_name("qdrant-restore")
Reach = Callable[[RestoreScenario], int]


def start(scenario: RestoreScenario, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start the installed command on a ground."""
    given = {
        "QDRANT_URL": scenario.proxy.url,
        "RESTORE_STORE": str(scenario.store.path),
        "RESTORE_WAIT_TIMEOUT": "30",
    }
    key = {"QDRANT_API_KEY": scenario.server.key}
    return subprocess.Popen(
        [INSTALLED, *arguments],
        cwd=scenario.store.path.parent,
        env=make_environment(**{**given, **key, **environment}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(scenario: RestoreScenario, *arguments: str, **environment: str) -> int:
    """Run the installed command to its end and return its exit status."""
    with start(scenario, *arguments, **environment) as running:
        running.communicate(timeout=60)
    return running.returncode


def restore_well(scenario: RestoreScenario) -> int:
    """Restore a good snapshot."""
    scenario.add()
    return end(scenario, "restore", scenario.name)


def break_installation(scenario: RestoreScenario) -> int:
    """Let a library fail as nobody expects it to."""
    folder = scenario.store.path.parent
    (folder / "yaml.py").write_text("raise RuntimeError('this installation is broken')")
    (folder / "restore.yaml").write_text("note: x")
    return end(scenario, "config", "show", PYTHONPATH=f"{folder}:{ROOT}")


def misspell(scenario: RestoreScenario) -> int:
    """Return an option that there is not."""
    return end(scenario, "restore", "--frob")


def restore_half(scenario: RestoreScenario) -> int:
    """Want two collections of which one has a snapshot."""
    scenario.add()
    return end(scenario, "restore", scenario.name, f"{scenario.name}-none")


def want_nothing_there(scenario: RestoreScenario) -> int:
    """Want a collection without a snapshot."""
    return end(scenario, "restore", scenario.name)


def hold_store(scenario: RestoreScenario) -> int:
    """Make a snapshot while another run holds the store."""
    with filelock.FileLock(scenario.store.path / ".lock"):
        return end(scenario, "snapshot", scenario.name, "--lock-timeout", "0")


def refuse_key(scenario: RestoreScenario) -> int:
    """Be refused by the server."""
    scenario.proxy.inject("GET /collections", Fault(status=401, body=b"Invalid API key or JWT"))
    return end(scenario, "restore", scenario.name)


def turn_bit(scenario: RestoreScenario) -> int:
    """Restore a damaged snapshot."""
    damage(scenario.add())
    return end(scenario, "restore", scenario.name)


def be_old(scenario: RestoreScenario) -> int:
    """Restore into a server that is too old."""
    scenario.proxy.inject(r"GET /$", Fault(status=200, body=b'{"version":"1.15.0"}'))
    return end(scenario, "restore", scenario.name)


def fill_disk(scenario: RestoreScenario) -> int:
    """Restore into a server whose disk is full."""
    scenario.add()
    full = b'{"status":{"error":"Service internal error: No space left on device"},"time":0.0}'
    scenario.proxy.inject("snapshots/(recover|upload)", Fault(status=500, body=full))
    return end(scenario, "restore", scenario.name)


def want_alias(scenario: RestoreScenario) -> int:
    """Restore onto an alias."""
    scenario.server.create(f"{scenario.name}-behind", vectors={})
    scenario.server.alias(scenario.name, f"{scenario.name}-behind")
    try:
        return end(scenario, "restore", scenario.name)
    finally:
        scenario.server.drop(f"{scenario.name}-behind")


def ask_another_program(scenario: RestoreScenario) -> int:
    """Ask something that is not Qdrant."""
    scenario.proxy.inject("", Fault(status=404, body=b"<html>", headers={"content-type": "text/html"}))
    return end(scenario, "restore", scenario.name)


def take_file_for_store(scenario: RestoreScenario) -> int:
    """Return a file as the store."""
    return end(scenario, "restore", scenario.name, RESTORE_STORE=str(scenario.store.path / "README.md"))


def lose_key(scenario: RestoreScenario) -> int:
    """Restore a snapshot that is encrypted, without the key that it is encrypted for."""
    plain = scenario.add(manifest=False, latest=False)
    sealed = plain.rename(plain.with_name(f"{plain.name}.age"))
    scenario.store.point(scenario.name, sealed.name)
    return end(scenario, "restore", scenario.name)


def wait_in_vain(scenario: RestoreScenario) -> int:
    """Wait for a server that does not become ready."""
    scenario.proxy.inject("GET /readyz", Fault(status=503, body=b"not yet"))
    return end(scenario, "restore", scenario.name, RESTORE_WAIT_TIMEOUT="0")


def send(number: signal.Signals) -> Reach:
    """Return a function that sends a signal to a run that waits."""

    def reach(scenario: RestoreScenario) -> int:
        scenario.proxy.inject("GET /readyz", Fault(status=503, body=b"not yet"))
        with start(scenario, "restore", scenario.name) as running:
            while not scenario.proxy.seen:
                time.sleep(0.02)
            running.send_signal(number)
            running.communicate(timeout=10)
        return running.returncode

    return reach


WAYS: dict[int, Reach] = {
    0: restore_well,
    1: break_installation,
    2: misspell,
    3: restore_half,
    10: want_nothing_there,
    11: hold_store,
    12: refuse_key,
    13: turn_bit,
    14: be_old,
    15: fill_disk,
    16: want_alias,
    17: ask_another_program,
    18: take_file_for_store,
    19: lose_key,
    124: wait_in_vain,
    130: send(signal.SIGINT),
    143: send(signal.SIGTERM),
}


@pytest.mark.parametrize("status", [row.number for row in EXIT_STATUSES])
def test_every_exit_status_is_reached_through_the_installed_command(status: int, scenario: RestoreScenario) -> None:
    """A status that nothing reaches would be a promise to scripts that nobody keeps."""
    assert WAYS[status](scenario) == status


def read_page() -> list[tuple[str, ...]]:
    """Return the rows of the page's table."""
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    table = text.partition("## Exit status\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \|$", table, re.MULTILINE)


def read_help() -> list[tuple[str, ...]]:
    """Return the rows that `--help` shows."""
    shown = subprocess.run([INSTALLED, "--help"], env=make_environment(), capture_output=True, text=True, check=True)
    return re.findall(r"^ +(\d+)  (\S.*?)  +(\S.*)$", shown.stdout, re.MULTILINE)


@pytest.mark.parametrize("read", [read_page, read_help])
def test_the_table_is_the_same_everywhere(read: Callable[[], list[tuple[str, ...]]]) -> None:
    """docs/commands.md and `--help` say what `restore.errors` says."""
    assert read() == [(str(row.number), row.name, row.meaning) for row in EXIT_STATUSES]
