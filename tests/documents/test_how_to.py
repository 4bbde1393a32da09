"""What the how-to pages let people type is typed: against an embedded Qdrant, in a directory of one's own."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from tests.support.bucket_server_installs import AGE, AGE_KEYGEN, AbsentError, find_go
from tests.support.open_server import find_free_port
from tests.support.pages import list_blocks
from tests.support.program import ROOT, make_environment
from tests.support.sample_stores import RECORDED, FilledStore
from tests.support.server_under_test import Server
from tests.support.shell import CITIES, Shell, fill

DOCS = ROOT / "docs"


def show(page: str, mark: str) -> str:
    """Return the one block with that mark."""
    (block,) = list_blocks(DOCS / page, mark)
    return block


def take_out_numbers(text: str) -> str:
    """Return a text without the numbers, times and ids, which are never twice the same."""
    return re.sub(r"\b[0-9a-f]{8}\b|\d+", "0", text)


@pytest.fixture
def desk(tmp_path: Path, embedded: EmbeddedQdrant) -> Shell:
    """Return a shell with forty cities in its Qdrant."""
    fill(embedded.url)
    return Shell(tmp_path, embedded.url)


def test_the_rule_prunes_and_says_what_the_page_shows(desk: Shell) -> None:
    """Line by line: three days in November, and a file that somebody put there."""
    store = FilledStore(desk.directory / "qdrant_snapshots")
    for day in (18, 19, 20):
        store.add("cities", at=datetime(2026, 11, day, 12, tzinfo=UTC), written_by="qdrant-restore 0.1.0")
    shutil.copyfile(RECORDED / "plain-1.18.3.snapshot", store.path / "cities_20261101_100000.snapshot")

    said = desk.type(show("retention.md", "runs: rule"))

    assert said.status == 0, said.output
    assert said.output.startswith(show("retention.md", "said: rule"))
    assert sorted(name for name in store.files() if name.endswith("0000.snapshot")) == [
        "cities_20261101_100000.snapshot",
        "cities_20261118_120000.snapshot",
        "cities_20261120_120000.snapshot",
    ]


def test_pins_are_set_and_taken_away(desk: Shell) -> None:
    """The file of the page, and the latest of a collection."""
    FilledStore(desk.directory / "qdrant_snapshots").add("cities")

    said = desk.type(show("retention.md", "runs: pins"))

    assert said.status == 0, said.output
    assert [line.partition(": ")[2] for line in said.output.splitlines()] == [
        "pinned, no rule prunes it",
        "pinned, no rule prunes it",
        "no longer pinned",
    ]


def test_leftovers_on_the_server_are_looked_for(desk: Shell) -> None:
    """There are none here; tests/commands/test_prune_server.py has some."""
    made = desk.type("qdrant-restore snapshot")
    said = desk.type(show("retention.md", "runs: leftovers"))

    assert (made.status, said.status) == (0, 0), made.output + said.output
    assert ": no rule is set" in said.output


def test_a_whole_server_is_kept_and_brought_back(desk: Shell, tmp_path: Path) -> None:
    """Two collections and an alias, into a Qdrant that has none; `list --sets` looks as the page shows it."""
    server = fill(desk.url, "towns")
    server.alias("places", "cities")
    kept = desk.type(show("whole-server.md", "runs: everything"))
    with EmbeddedQdrant(tmp_path / "new") as new:
        desk.url = new.url
        restored = desk.type("qdrant-restore restore --set latest")
        there = (Server(new.url).collections(), Server(new.url).aliases())
    (shown,) = [line for line in show("whole-server.md", "said: sets").splitlines() if line.endswith("  whole")]

    assert (kept.status, restored.status) == (0, 0), kept.output + restored.output
    assert there == (["cities", "towns"], {"places": "cities"})
    assert take_out_numbers(shown).replace("-embedded", "") in take_out_numbers(kept.output).replace("-embedded", "")


def test_the_summary_looks_as_the_page_shows_it(desk: Shell) -> None:
    """The last line of a run over several collections."""
    fill(desk.url, "towns")
    said = desk.type("qdrant-restore snapshot --no-json")
    shown = take_out_numbers(show("whole-server.md", "said: summary"))

    assert take_out_numbers(said.output.splitlines()[-1]).replace(" kB", "") == shown.rstrip().replace(".0 GB", "")


@pytest.mark.parametrize(("mark", "sign"), [("runs: drill", "; proven: "), ("runs: verify", "none damaged")])
def test_proofs_run_as_they_are_shown(desk: Shell, mark: str, sign: str) -> None:
    """On a store with two snapshots of the one collection: each line proves it once."""
    shown = show("drills.md", mark)
    made = desk.type("qdrant-restore snapshot\nqdrant-restore snapshot cities")
    said = desk.type(shown)

    assert (made.status, said.status) == (0, 0), made.output + said.output
    assert said.output.count(sign) == shown.count("qdrant-restore ") > 2


def test_metrics_of_a_single_run_are_written(desk: Shell) -> None:
    """For the textfile collector."""
    said = desk.type(show("monitoring.md", "runs: metrics"))

    assert said.status == 0, said.output
    assert 'qdrant_restore_snapshot_last_status{collection="cities"} 1.0' in (
        desk.directory / "qdrant-backup.prom"
    ).read_text(encoding="utf-8")


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: apt install prometheus)"
)
def test_the_alerts_are_checked_as_the_page_says(tmp_path: Path) -> None:
    """In a clone."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    said = Shell(tmp_path, "http://localhost:6333").type(show("monitoring.md", "runs: promtool"))

    assert said.status == 0, said.output


def serve(desk: Shell, script: str) -> tuple[int, str, str]:
    """Type a script that ends in `serve`, wait until ready, end it; return status, /readyz and the log."""
    port = find_free_port()
    environment = desk.give(RESTORE_LISTEN=f"127.0.0.1:{port}")
    running = subprocess.Popen(
        ["sh", "-eu", "-c", script.replace("qdrant-restore serve", "exec qdrant-restore serve")],
        cwd=desk.directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    page = ""
    end = time.monotonic() + 30
    while not page and running.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
            page = answer.read().decode()
        time.sleep(0.1)
    running.send_signal(signal.SIGTERM)
    log, _ = running.communicate(timeout=20)
    return running.returncode, page, log


def test_serve_starts_as_it_is_shown(desk: Shell) -> None:
    """Ready at once, the next run named; ended by SIGTERM."""
    status, page, log = serve(desk, show("schedule.md", "runs: serve"))

    assert (status, '"schedule":"30 2 * * * UTC"' in page) == (143, True), log


def test_a_job_is_filled_as_it_is_shown(desk: Shell) -> None:
    """From fixtures, and anew from inside a test that has spoilt them."""
    (desk.directory / "tests").mkdir()
    made = desk.type("qdrant-restore snapshot cities --store tests/fixtures")
    server = Server(desk.url)
    server.drop("cities")
    filled = desk.type(show("ci.md", "runs: fill"))
    server.upsert("cities", range(1001, 1005))
    anew = desk.type(show("ci.md", "runs: anew"))

    assert (made.status, filled.status, anew.status) == (0, 0, 0), made.output + filled.output + anew.output
    assert server.count("cities") == CITIES


def test_the_script_of_the_example_is_the_one_that_is_shown(desk: Shell) -> None:
    """It is there under that name; tests/documents/test_ci_example.py runs it both ways."""
    shown = show("ci.md", "runs: script").splitlines()

    assert shown == ["sh examples/ci/run.sh", "QDRANT_URL=http://localhost:6333 sh examples/ci/run.sh"]
    assert (ROOT / "examples" / "ci" / "run.sh").is_file()


def test_the_embedded_qdrant_starts_as_it_is_shown(tmp_path: Path) -> None:
    """On a free port; it says where, and SIGTERM ends it."""
    port = str(find_free_port())
    typed = show("embedded.md", "runs: start").replace("6333", port).replace("/tmp/qdrant", str(tmp_path / "storage"))
    running = subprocess.Popen(
        ["sh", "-c", "exec " + typed.replace("python ", f"{sys.executable} ")],
        env=make_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    said = running.stdout.readline()
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=20)

    assert said == f"http://127.0.0.1:{port}\n"


def test_the_embedded_qdrant_is_used_from_python_as_it_is_shown(tmp_path: Path) -> None:
    """The lines of the page, as a program."""
    done = subprocess.run(
        [sys.executable, "-c", show("embedded.md", "runs: python")],
        cwd=tmp_path,
        env=make_environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout.startswith("http://127.0.0.1:")) == (0, True), done.stderr


@pytest.fixture
def shell_with_age(desk: Shell) -> Shell:
    """Return a shell with `age` and `age-keygen`, as people install them."""
    try:
        for module in (AGE, AGE_KEYGEN):
            desk.provide(find_go(module))
    except AbsentError as error:
        pytest.skip(str(error))
    return desk


@pytest.mark.stores
@pytest.mark.skipif(shutil.which("zstd") is None, reason="zstd is not installed (Debian: apt install zstd)")
def test_an_encrypted_store_is_made_proven_and_opened_by_hand(shell_with_age: Shell) -> None:
    """With keys that age made: packed, verified without the key, drilled; and opened by `age` and `zstd` alone."""
    steps = ("runs: keys", "runs: packed", "runs: by hand")
    said = {step: shell_with_age.type(show("encryption.md", step)) for step in steps}
    server = Server(shell_with_age.url)

    assert {step: one.status for step, one in said.items()} == dict.fromkeys(steps, 0), said
    assert server.points("cities_by_hand") == server.points("cities")
    assert "; proven: " in said["runs: packed"].output
    assert b"name" not in next((shell_with_age.directory / "qdrant_snapshots").glob("*.age")).read_bytes()[:65536]


@pytest.mark.stores
def test_an_ssh_key_does_as_well(shell_with_age: Shell) -> None:
    """As the page says: the public half in the recipients file, the private half as the identity."""
    typed = """
        ssh-keygen -q -t ed25519 -N '' -f key
        qdrant-restore snapshot --encrypt age --recipients-file key.pub
        qdrant-restore drill --identity-file key
    """
    said = shell_with_age.type(typed)

    assert said.status == 0, said.output
    assert "; proven: " in said.output
