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

from restore.errors import EXIT_STATUSES
from tests.support.program import ROOT, make_environment
from tests.support.recording_proxy import Fault
from tests.support.restore_environment import Ground
from tests.support.sample_stores import damage

INSTALLED = Path(sys.executable).with_name("qdrant-restore")
Reach = Callable[[Ground], int]


def start(ground: Ground, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start the installed command on a ground."""
    given = {"QDRANT_URL": ground.proxy.url, "RESTORE_STORE": str(ground.store.path), "RESTORE_WAIT_TIMEOUT": "30"}
    key = {"QDRANT_API_KEY": ground.server.key}
    return subprocess.Popen(
        [INSTALLED, *arguments],
        cwd=ground.store.path.parent,
        env=make_environment(**{**given, **key, **environment}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(ground: Ground, *arguments: str, **environment: str) -> int:
    """Run the installed command to its end; give its exit status."""
    with start(ground, *arguments, **environment) as running:
        running.communicate(timeout=60)
    return running.returncode


def restore_well(ground: Ground) -> int:
    """Restore a good snapshot."""
    ground.add()
    return end(ground, "restore", ground.name)


def break_installation(ground: Ground) -> int:
    """Let a library fail as nobody expects it to."""
    folder = ground.store.path.parent
    (folder / "yaml.py").write_text("raise RuntimeError('this installation is broken')")
    (folder / "restore.yaml").write_text("note: x")
    return end(ground, "config", "show", PYTHONPATH=f"{folder}:{ROOT}")


def misspell(ground: Ground) -> int:
    """Give an option that there is not."""
    return end(ground, "restore", "--frob")


def restore_half(ground: Ground) -> int:
    """Want two collections of which one has a snapshot."""
    ground.add()
    return end(ground, "restore", ground.name, f"{ground.name}-none")


def want_nothing_there(ground: Ground) -> int:
    """Want a collection without a snapshot."""
    return end(ground, "restore", ground.name)


def hold_store(ground: Ground) -> int:
    """Make a snapshot while another run holds the store."""
    with filelock.FileLock(ground.store.path / ".lock"):
        return end(ground, "snapshot", ground.name, "--lock-timeout", "0")


def refuse_key(ground: Ground) -> int:
    """Be refused by the server."""
    ground.proxy.inject("GET /collections", Fault(status=401, body=b"Invalid API key or JWT"))
    return end(ground, "restore", ground.name)


def turn_bit(ground: Ground) -> int:
    """Restore a damaged snapshot."""
    damage(ground.add())
    return end(ground, "restore", ground.name)


def be_old(ground: Ground) -> int:
    """Restore into a server that is too old."""
    ground.proxy.inject(r"GET /$", Fault(status=200, body=b'{"version":"1.15.0"}'))
    return end(ground, "restore", ground.name)


def fill_disk(ground: Ground) -> int:
    """Restore into a server whose disk is full."""
    ground.add()
    full = b'{"status":{"error":"Service internal error: No space left on device"},"time":0.0}'
    ground.proxy.inject("snapshots/(recover|upload)", Fault(status=500, body=full))
    return end(ground, "restore", ground.name)


def want_alias(ground: Ground) -> int:
    """Restore onto an alias."""
    ground.server.create(f"{ground.name}-behind", vectors={})
    ground.server.alias(ground.name, f"{ground.name}-behind")
    try:
        return end(ground, "restore", ground.name)
    finally:
        ground.server.drop(f"{ground.name}-behind")


def ask_another_program(ground: Ground) -> int:
    """Ask something that is not Qdrant."""
    ground.proxy.inject("", Fault(status=404, body=b"<html>", headers={"content-type": "text/html"}))
    return end(ground, "restore", ground.name)


def take_file_for_store(ground: Ground) -> int:
    """Give a file as the store."""
    return end(ground, "restore", ground.name, RESTORE_STORE=str(ground.store.path / "README.md"))


def lose_key(ground: Ground) -> int:
    """Restore a snapshot that is encrypted, without the key that it is encrypted for."""
    plain = ground.add(manifest=False, latest=False)
    sealed = plain.rename(plain.with_name(f"{plain.name}.age"))
    ground.store.point(ground.name, sealed.name)
    return end(ground, "restore", ground.name)


def wait_in_vain(ground: Ground) -> int:
    """Wait for a server that does not become ready."""
    ground.proxy.inject("GET /readyz", Fault(status=503, body=b"not yet"))
    return end(ground, "restore", ground.name, RESTORE_WAIT_TIMEOUT="0")


def send(number: signal.Signals) -> Reach:
    """Give what sends a signal to a run that waits."""

    def reach(ground: Ground) -> int:
        ground.proxy.inject("GET /readyz", Fault(status=503, body=b"not yet"))
        with start(ground, "restore", ground.name) as running:
            while not ground.proxy.seen:
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
def test_every_exit_status_is_reached_through_the_installed_command(status: int, ground: Ground) -> None:
    """A status that nothing reaches would be a promise to scripts that nobody keeps."""
    assert WAYS[status](ground) == status


def read_page() -> list[tuple[str, ...]]:
    """Give the rows of the README's table."""
    room = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Exit status\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \|$", room, re.MULTILINE)


def read_help() -> list[tuple[str, ...]]:
    """Give the rows that `--help` shows."""
    shown = subprocess.run([INSTALLED, "--help"], env=make_environment(), capture_output=True, text=True, check=True)
    return re.findall(r"^ +(\d+)  (\S.*?)  +(\S.*)$", shown.stdout, re.MULTILINE)


@pytest.mark.parametrize("read", [read_page, read_help])
def test_the_table_is_the_same_everywhere(read: Callable[[], list[tuple[str, ...]]]) -> None:
    """README and `--help` say what `restore.errors` says."""
    assert read() == [(str(row.number), row.name, row.meaning) for row in EXIT_STATUSES]
