"""The embedded Qdrant as a process: how it starts, prints its URL, and fails."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from qdrant_embedded.process import EmbeddedQdrant, StartError
from tests.support.http_client import HttpClient

if TYPE_CHECKING:
    from collections.abc import Callable


def test_it_says_that_it_is_an_emulation(start: Callable[..., EmbeddedQdrant]) -> None:
    """Its title and its version say so; the version still begins with the emulated version."""
    answer = HttpClient(start().url).ask("GET", "/").json()

    assert answer == {
        "title": "qdrant - vector search engine (embedded emulation, not a Qdrant server)",
        "version": "1.18.3-embedded",
        "commit": "",
    }


def test_the_url_is_printed_and_written_once_requests_are_answered(tmp_path: Path) -> None:
    """It is one line on stdout and the same in the ready file, and the port is a free one."""
    ready = tmp_path / "ready"
    command = [sys.executable, "-m", "qdrant_embedded", "--storage", str(tmp_path / "s"), "--port", "0"]

    with subprocess.Popen([*command, "--ready-file", str(ready)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        url = child.stdout.readline().strip()
        status = HttpClient(url).ask("GET", "/readyz").status_code
        child.terminate()

    assert status == 200
    assert ready.read_text() == url
    assert child.returncode == 0


def test_a_start_that_fails_carries_what_the_child_said(tmp_path: Path) -> None:
    """The storage is a file, and the message names it."""
    (tmp_path / "storage").write_text("in the way")

    with pytest.raises(StartError, match=r"(?s)did not start on .*storage.*FileExistsError"):
        EmbeddedQdrant(tmp_path / "storage").start()


def test_a_port_that_is_taken_is_a_failed_start(start: Callable[..., EmbeddedQdrant], tmp_path: Path) -> None:
    """The server takes no other port, and the parent does not hang."""
    taken = start()

    with pytest.raises(StartError, match="in use"):
        EmbeddedQdrant(tmp_path / "other", port=taken.port).start()


def test_a_restart_keeps_the_address(start: Callable[..., EmbeddedQdrant]) -> None:
    """Clients find it again."""
    qdrant = start()
    url = qdrant.url

    qdrant.restart(kill=True)

    assert qdrant.url == url
    assert HttpClient(url).ask("GET", "/readyz").status_code == 200


def test_wrong_arguments_are_answered_before_anything_loads() -> None:
    """The status is 2, with a usage line."""
    done = subprocess.run(
        [sys.executable, "-m", "qdrant_embedded", "--port", "0"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "the following arguments are required: --storage" in done.stderr


def resident_kib(pid: int) -> int:
    """Return the peak resident memory of a process in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


@pytest.mark.skipif(not Path("/proc/self/status").exists() or not shutil.which("curl"), reason="needs /proc and curl")
def test_an_upload_does_not_pass_through_memory(start: Callable[..., EmbeddedQdrant], tmp_path: Path) -> None:
    """A hundred megabytes of invalid data are uploaded; the server grows by less than a third of them."""
    big = tmp_path / "big.snapshot"
    with big.open("wb") as file:
        file.truncate(100 << 20)
    qdrant = start()
    assert qdrant.pid is not None
    HttpClient(qdrant.url).upload("warm", b"garbage")
    before = resident_kib(qdrant.pid)

    done = subprocess.run(
        ["curl", "-s", "-F", f"snapshot=@{big}", f"{qdrant.url}/collections/t/snapshots/upload"],
        capture_output=True,
        check=False,
    )

    assert b"config.json" in done.stdout
    assert resident_kib(qdrant.pid) - before < 32 << 10
