"""The pytest plugin, in a project of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from qdrant_embedded.fixture import is_container_available
from tests.support.http_client import SNAPSHOTS, HttpClient
from tests.support.program import ROOT, make_environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qdrant_embedded.process import EmbeddedQdrant

TEST = """
import json, urllib.request

def test_it_is_there(qdrant):
    request = urllib.request.Request(qdrant.url + "/collections", headers={"api-key": qdrant.api_key or ""})
    with urllib.request.urlopen(request) as answer:
        names = [one["name"] for one in json.load(answer)["result"]["collections"]]
    print(f"KIND={qdrant.kind} KEY={qdrant.api_key} NAMES={names}")
"""
HEAVY = ("starlette", "uvicorn", "anyio", "qdrant_edge", "msgspec", "docker", "testcontainers")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Create a project with one test and a directory with a snapshot."""
    (tmp_path / "test_theirs.py").write_text(TEST)
    (tmp_path / "fixtures").mkdir()
    shutil.copyfile(SNAPSHOTS / "plain-1.18.3.snapshot", tmp_path / "fixtures" / "cities_latest.snapshot")
    return tmp_path


def run_pytest(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the project's tests, without our settings."""
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith(("QDRANT", "RESTORE", "PYTEST"))
    }
    command = [sys.executable, "-m", "pytest", "-s", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command, cwd=project, env=inherited | environment, capture_output=True, text=True, check=False, timeout=100
    )


def test_without_anything_running_it_is_the_embedded_one(project: Path) -> None:
    """It is empty, because no seed was given."""
    done = run_pytest(project, "--qdrant-server", "embedded")

    assert "KIND=embedded KEY=None NAMES=[]" in done.stdout


@pytest.mark.skipif(not is_container_available(), reason="no container engine answers that has the image")
def test_where_an_engine_answers_it_is_a_container(project: Path) -> None:
    """It is a real server, seeded like the others, and removed after the session."""
    done = run_pytest(project, "--qdrant-seed", "fixtures")

    assert "KIND=container KEY=None NAMES=['cities']" in done.stdout, done.stdout + done.stderr


def test_it_is_seeded_from_a_directory_of_snapshots(project: Path) -> None:
    """The option's path is relative to the directory where pytest is called."""
    done = run_pytest(project, "--qdrant-server", "embedded", "--qdrant-seed", "fixtures")

    assert "NAMES=['cities']" in done.stdout, done.stdout + done.stderr


def test_the_seed_may_stand_in_the_ini_file(project: Path) -> None:
    """The path is relative to that file."""
    (project / "pytest.ini").write_text("[pytest]\nqdrant_seed = fixtures\n")

    done = run_pytest(project, "--qdrant-server", "embedded")

    assert "NAMES=['cities']" in done.stdout, done.stdout + done.stderr


def test_a_running_server_is_taken_from_the_environment(project: Path, start: Callable[..., EmbeddedQdrant]) -> None:
    """Its API key is used too; the restored data stays after the session."""
    running = start(api_key="secret")

    done = run_pytest(project, "--qdrant-seed", "fixtures", QDRANT_URL=running.url, QDRANT_API_KEY="secret")

    assert "KIND=url KEY=secret NAMES=['cities']" in done.stdout, done.stdout + done.stderr
    assert HttpClient(running.url, "secret").count("cities") == 43


def test_a_seed_that_fails_is_an_error_with_what_was_said(project: Path) -> None:
    """The session fails instead of using a server without the data."""
    (project / "fixtures" / "cities_latest.snapshot").write_bytes(b"garbage")

    done = run_pytest(project, "--qdrant-server", "embedded", "--qdrant-seed", "fixtures")

    assert done.returncode == 1
    assert "qdrant-restore ended with " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "status"), [(("-m", "qdrant_embedded", "--storage", "x"), 2), (("-m", "pytest", "-q"), 1)]
)
def test_without_the_extra_one_sentence_names_it(arguments: tuple[str, ...], status: int, project: Path) -> None:
    """No traceback: what is typed helps whoever wants a Qdrant for tests."""
    (project / "without").mkdir()
    missing = "raise ModuleNotFoundError(\"No module named 'starlette'\", name='starlette')\n"
    (project / "without" / "starlette.py").write_text(missing)
    given = make_environment(PYTHONPATH=f"{project / 'without'}:{ROOT}")

    done = subprocess.run(
        [sys.executable, *arguments], cwd=project, env=given, capture_output=True, text=True, check=False
    )

    said = "the package 'starlette' is needed and not installed: pip install 'qdrant-restore[embedded]'"
    assert (done.returncode, said in done.stdout + done.stderr, "Traceback" in done.stdout + done.stderr) == (
        status,
        True,
        False,
    )


def test_a_server_elsewhere_is_asked_for_before_anything_is_written(project: Path) -> None:
    """`QDRANT_URL` may have been exported for something else, and point to data that somebody needs."""
    refused = run_pytest(project, "--qdrant-seed", "fixtures", QDRANT_URL="http://qdrant.invalid:6333")
    (project / "pytest.ini").write_text("[pytest]\nqdrant_allow_remote = true\n")
    allowed = run_pytest(project, QDRANT_URL="http://qdrant.invalid:6333")

    assert "QDRANT_URL leads to qdrant.invalid, which is not this machine, and tests write there" in refused.stdout
    assert (refused.returncode, "Traceback" in refused.stdout) == (1, False)
    assert "qdrant_allow_remote" not in allowed.stdout
    assert "no Qdrant for the tests: " in allowed.stdout


def test_a_reset_brings_back_what_the_session_began_with(project: Path, start: Callable[..., EmbeddedQdrant]) -> None:
    """Collections of the tests are gone, seeds are whole again; what others had on the server is left alone."""
    running = start()
    HttpClient(running.url).create("theirs", vectors={"size": 2, "distance": "Dot"})
    (project / "test_theirs.py").write_text(
        TEST
        + """
def test_reset(qdrant):
    for method, path in (("DELETE", "/collections/cities"), ("PUT", "/collections/mine")):
        body = b'{"vectors": {"size": 2, "distance": "Dot"}}' if method == "PUT" else None
        asked = urllib.request.Request(qdrant.url + path, body, {"content-type": "application/json"}, method=method)
        urllib.request.urlopen(asked).close()
    qdrant.reset()
    print("NOW=", sorted(qdrant.list_collections()))
"""
    )

    done = run_pytest(project, "--qdrant-seed", "fixtures", QDRANT_URL=running.url)

    assert "NOW= ['cities', 'theirs']" in done.stdout, done.stdout + done.stderr


def test_importing_the_plugin_loads_nothing_heavy() -> None:
    """Every pytest run of every project that has the package pays for it."""
    code = f"import sys, pytest, qdrant_embedded.plugin; print([one for one in {HEAVY} if one in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
