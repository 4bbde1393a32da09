"""`doctor` looks at Qdrant, the store and what lies between, and changes nothing unless a proof is asked for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from restore.qdrant.collection_names import name_marker, name_upload
from restore.recovery.marker.model import BEAT_PREFIX, Marker, Phase, TargetBefore, describe_marker
from tests.support.program import ProgramResult, make_environment, run_program
from tests.support.recording_proxy import RecordingProxy, answer_as_1_19
from tests.support.sample_stores import FilledStore
from tests.support.server_under_test import Server, path

KEY = "full-key-0123456789"
READ_ONLY_KEY = "read-only-key-0123456789"
FUTURE = datetime(2999, 12, 31, tzinfo=UTC)


@pytest.fixture
def qdrant(tmp_path: Path) -> Iterator[Server]:
    """Yield an empty Qdrant of this test's own: `doctor` looks at everything that is there."""
    with EmbeddedQdrant(tmp_path / "qdrant") as running:
        yield Server(running.url, snapshots=running.snapshots)


@pytest.fixture(autouse=True)
def filled_store(store: FilledStore) -> FilledStore:
    """Return the store in the working directory, with one collection's snapshot and its latest."""
    store.add("cities")
    return store


def state(url: str, *arguments: str, cwd: Path, **variables: str) -> tuple[ProgramResult, dict[str, Any]]:
    """Run `doctor` and return how it ended and its findings by what they are about."""
    result = run_program("doctor", "--qdrant-url", url, "--json", *arguments, cwd=cwd, environment=variables)
    return result, {finding["about"]: finding for finding in json.loads(result.stdout)["findings"]}


def verdicts(findings: dict[str, Any]) -> dict[str, str]:
    """Return only how each look ended."""
    return {about: finding["verdict"] for about, finding in findings.items()}


def put_mark(server: Server, collection: str) -> None:
    """Leave a marker as a killed restore does."""
    mark = Marker(
        collection=collection,
        token="0" * 32,
        holder="elsewhere process 7",
        since="2026-11-20T10:15:00+00:00",
        snapshot="cities_20261120_120000.snapshot",
        sha256="0" * 64,
        size=1,
        was=TargetBefore.ABSENT,
        phase=Phase.SENT,
    )
    server.create(name_marker(collection, 1), **describe_marker(mark))


# --- what is well ---------------------------------------------------------------------------------------------


def test_where_all_is_well_every_look_says_so(qdrant: Server, tmp_path: Path) -> None:
    """Status 0; what only writing could prove is skipped and says how to prove it."""
    result, findings = state(qdrant.url, cwd=tmp_path)

    assert result.status == 0
    assert verdicts(findings) == {
        "reachable": "ok",
        "version": "ok",
        "clock": "ok",
        "key": "ok",
        "collections": "ok",
        "room for marks": "ok",
        "marks": "ok",
        "uploaded files": "ok",
        "may restore": "skipped",
        "server sees store": "skipped",
        "store": "ok",
        "store writing": "ok",
        "latest": "ok",
        "room": "ok",
        "store leftovers": "ok",
    }
    assert findings["may restore"]["hint"] == "qdrant-restore doctor --prove-write"
    assert "takes up to 540,672 bytes on the server's disk" in findings["room"]["message"]


def test_a_server_that_asks_for_no_key_is_told_to_who_gives_one(qdrant: Server, tmp_path: Path) -> None:
    """An empty key on the server means none since 1.19; a person who gives one believes that it is needed."""
    result, findings = state(qdrant.url, cwd=tmp_path, QDRANT_API_KEY=KEY)

    assert (result.status, findings["key"]["verdict"]) == (0, "warning")
    assert findings["key"]["message"] == (
        "given, and the server answers without one as well: everyone who reaches it may read and delete"
    )


@pytest.mark.parametrize(
    ("used", "limit", "verdict", "message"),
    [
        (60, None, "ok", "about 42.9 GB of 107 GB free on the server's disk"),
        (95, 90, "warning", "the server is over its quota and refuses to write more"),
        (None, None, "skipped", "the server does not say how full its disk is"),
    ],
)
def test_the_room_on_a_server_that_can_be_asked(
    qdrant: Server, tmp_path: Path, *, used: int | None, limit: int | None, verdict: str, message: str
) -> None:
    """Since 1.19, from its quotas and its telemetry."""
    with RecordingProxy(qdrant.url) as proxy:
        answer_as_1_19(proxy, disk_kib=100 << 20, used=used, limit=limit)
        result, findings = state(proxy.url, cwd=tmp_path)

    assert (result.status, findings["server room"]["verdict"]) == (0, verdict)
    assert findings["server room"]["message"] == message


def test_as_text_it_is_one_line_each_with_its_hint_below(qdrant: Server, store: FilledStore, tmp_path: Path) -> None:
    """For people."""
    (store.path / ".partial-0123456789abcdef").touch()
    result = run_program("doctor", "--qdrant-url", qdrant.url, cwd=tmp_path)
    lines = result.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if "store leftovers" in line)

    assert lines[0] == f"ok       reachable          Qdrant at {qdrant.url} answers and is ready"
    assert lines[at : at + 2] == [
        "warning  store leftovers    1 unfinished file of a killed run: .partial-0123456789abcdef",
        "                            hint: the next 'qdrant-restore snapshot' removes them",
    ]


def test_it_changes_nothing_on_the_server_or_in_the_store(qdrant: Server, store: FilledStore, tmp_path: Path) -> None:
    """Beside a collection and a marker, too: every request only reads, and every file stays as it was."""
    qdrant.create("towns", vectors={"size": 2, "distance": "Dot"})
    put_mark(qdrant, "cities")
    before = store.files()
    with RecordingProxy(qdrant.url) as proxy:
        first, second = state(proxy.url, cwd=tmp_path), state(proxy.url, cwd=tmp_path)
        asked, writes = len(proxy.seen), proxy.writes

    assert verdicts(first[1]) == verdicts(second[1])
    assert (asked > 10, writes) == (True, [])
    assert store.files() == before


# --- what is not ----------------------------------------------------------------------------------------------


def test_an_unreachable_server_is_status_17_and_the_store_is_looked_at_all_the_same(
    tmp_path: Path,
) -> None:
    """The read-only mount of old guides is explained there, for then the server does not even start."""
    result, findings = state("http://127.0.0.1:9", cwd=tmp_path)

    assert (result.status, findings["reachable"]["verdict"], findings["store"]["verdict"]) == (17, "failed", "ok")
    assert "read-only (':ro')" in findings["server"]["hint"]


def test_a_refused_key_is_status_12(tmp_path: Path) -> None:
    """No key, and a wrong one."""
    with EmbeddedQdrant(tmp_path / "qdrant", api_key=KEY) as locked:
        runs = [state(locked.url, cwd=tmp_path), state(locked.url, cwd=tmp_path, QDRANT_API_KEY="a wrong key")]

    assert [(result.status, findings["key"]["verdict"]) for result, findings in runs] == [
        (12, "failed"),
        (12, "failed"),
    ]


def test_a_read_only_key_may_look_and_a_proof_says_that_it_may_not_restore(tmp_path: Path) -> None:
    """Which is why the proof exists."""
    with EmbeddedQdrant(tmp_path / "qdrant", api_key=KEY, read_only_api_key=READ_ONLY_KEY) as locked:
        looked = state(locked.url, cwd=tmp_path, QDRANT_API_KEY=READ_ONLY_KEY)
        proved = state(locked.url, "--prove-write", cwd=tmp_path, QDRANT_API_KEY=READ_ONLY_KEY)
        full = state(locked.url, "--prove-write", cwd=tmp_path, QDRANT_API_KEY=KEY)

    assert [(result.status, findings["may restore"]["verdict"]) for result, findings in (looked, proved, full)] == [
        (0, "skipped"),
        (12, "failed"),
        (0, "ok"),
    ]


@pytest.mark.parametrize(
    ("break_it", "about", "status"),
    [
        (shutil.rmtree, "store", 10),
        (lambda store: [path.unlink() for path in store.iterdir()], "store", 10),
        (lambda store: (store / "cities_20261120_120000.snapshot").unlink(), "latest", 13),
    ],
    ids=["missing", "empty mount", "latest dangles"],
)
def test_a_store_that_cannot_serve_is_a_failure(
    *,
    break_it: Callable[[Path], object],
    about: str,
    status: int,
    qdrant: Server,
    store: FilledStore,
    tmp_path: Path,
) -> None:
    """With the status that a restore would end with."""
    break_it(store.path)
    result, findings = state(qdrant.url, cwd=tmp_path)

    assert (result.status, findings[about]["verdict"], findings[about]["status"]) == (status, "failed", status)


@pytest.mark.parametrize(
    ("fault", "about", "verdict", "status"),
    [
        ({"fault": "version", "version": "1.15.5"}, "version", "failed", 14),
        ({"fault": "fail", "path": "/readyz", "status": 503}, "reachable", "failed", 17),
        ({"fault": "fail", "path": "GET /collections/towns$", "status": 500}, "collections", "failed", 17),
        ({"fault": "limit", "collections": 2}, "room for marks", "warning", 0),
    ],
    ids=["too old", "not ready", "a broken collection", "no room for a mark"],
)
def test_what_is_wrong_with_the_server_is_a_finding(
    *,
    fault: dict[str, Any],
    about: str,
    verdict: str,
    status: int,
    embedded: EmbeddedQdrant,
    tmp_path: Path,
) -> None:
    """With a hint, and a status when a restore would fail for it."""
    Server(embedded.url).create("towns", vectors={"size": 2, "distance": "Dot"})
    embedded.misbehave(fault)
    result, findings = state(embedded.url, cwd=tmp_path)

    assert (result.status, findings[about]["verdict"], bool(findings[about]["hint"])) == (status, verdict, True)


def test_a_restore_in_progress_is_told_by_its_beat(qdrant: Server, tmp_path: Path) -> None:
    """A living holder raises a counter every two seconds."""
    put_mark(qdrant, "cities")
    result = Event()

    def beat() -> None:
        for count in range(1, 100):
            metadata = {BEAT_PREFIX + "0" * 32: count}
            qdrant.ask("PATCH", path(name_marker("cities", 1)), {"metadata": metadata})
            if result.wait(0.5):
                return

    holder = Thread(target=beat)
    holder.start()
    _, findings = state(qdrant.url, cwd=tmp_path)
    result.set()
    holder.join()

    assert findings["marks"]["message"].startswith("restore of 'cities' in progress: phase sent")
    assert findings["marks"]["hint"] == "wait for it"


def test_every_pointer_that_leads_nowhere_is_named(qdrant: Server, store: FilledStore, tmp_path: Path) -> None:
    """Not only the first: all are mended in one go."""
    store.add("towns")
    for collection in ("cities", "towns"):
        (store.path / f"{collection}_20261120_120000.snapshot").unlink()
    _, findings = state(qdrant.url, cwd=tmp_path)
    message = findings["latest"]["message"]

    assert [name in message for name in ("cities_latest.snapshot", "towns_latest.snapshot")] == [True, True]


def test_an_interrupted_restore_is_told_from_a_running_one(qdrant: Server, tmp_path: Path) -> None:
    """A marker whose holder gives no sign: who, since when, how far, and what finishes it."""
    put_mark(qdrant, "cities")
    result, findings = state(qdrant.url, cwd=tmp_path)

    assert result.status == 0
    assert findings["marks"] == {
        "about": "marks",
        "verdict": "warning",
        "message": "restore of 'cities' interrupted (its holder gave no sign): phase sent, "
        "since 2026-11-20T10:15:00+00:00, by elsewhere process 7",
        "hint": "the next 'qdrant-restore restore cities' finishes it",
        "status": 0,
    }
    assert findings["collections"]["message"] == "0 listed, each answers"


def test_an_uploaded_file_that_was_left_is_named(qdrant: Server, store: FilledStore, tmp_path: Path) -> None:
    """It takes room on the server until somebody deletes it."""
    qdrant.create("cities", vectors={"size": 2, "distance": "Dot"})
    assert qdrant.snapshots is not None
    left = qdrant.snapshots / "cities" / name_upload("cities")
    left.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(store.path / "cities_20261120_120000.snapshot", left)
    _, findings = state(qdrant.url, cwd=tmp_path)

    assert findings["uploaded files"]["verdict"] == "warning"
    assert f"{name_upload('cities')} of 'cities'" in findings["uploaded files"]["message"]


def test_a_snapshot_dated_in_the_future_is_a_warning(qdrant: Server, store: FilledStore, tmp_path: Path) -> None:
    """Some clock is wrong, and the times in the names decide which is the newest."""
    store.add("cities", at=FUTURE, manifest=False, latest=False)
    _, findings = state(qdrant.url, cwd=tmp_path)

    assert findings["store times"]["verdict"] == "warning"
    assert "cities_29991231_000000.snapshot" in findings["store times"]["message"]


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX")
def test_a_read_only_store_is_enough_to_restore(qdrant: Server, store: FilledStore) -> None:
    """As the shipped compose file mounts it. Root, who writes everywhere, becomes somebody else first."""
    # The first run, as oneself, imports everything; whoever one becomes may not read the interpreter's files.
    script = (
        "import os, sys; from restore.cli.main import run; arguments = sys.argv[1:]; run(arguments); "
        "print(); os.geteuid() or os.seteuid(65534); sys.exit(run(arguments))"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(store.path, folder / "store", symlinks=True)
        folder.chmod(0o755)
        (folder / "store").chmod(0o555)
        command = [sys.executable, "-c", script, "doctor", "--json", "--qdrant-url", qdrant.url, "--store", "store"]
        result = subprocess.run(
            command, cwd=folder, env=make_environment(), capture_output=True, text=True, check=False
        )
        (folder / "store").chmod(0o755)
    findings = {finding["about"]: finding for finding in json.loads(result.stdout.splitlines()[-1])["findings"]}

    assert (result.returncode, findings["store writing"]["verdict"]) == (0, "skipped")
    assert findings["store writing"]["message"] == (
        "read-only here (Permission denied): enough to restore, not to make snapshots"
    )


# --- proofs ---------------------------------------------------------------------------------------------------


def test_a_proof_leaves_nothing_behind(qdrant: Server, store: FilledStore, tmp_path: Path) -> None:
    """The marker that it makes is dropped, and no collection comes of the file that the server was shown."""
    before = store.files()
    result, findings = state(qdrant.url, "--prove-write", cwd=tmp_path)

    assert (result.status, findings["may restore"]["verdict"]) == (0, "ok")
    assert (qdrant.collections(), store.files()) == ([], before)


@pytest.mark.parametrize(("mounted", "verdict"), [(True, "ok"), (False, "warning")])
def test_a_proof_tells_whether_the_server_sees_the_store(
    *, mounted: bool, verdict: str, store: FilledStore, tmp_path: Path
) -> None:
    """The server is asked to recover a small file of the store with a wrong checksum, which cannot succeed."""
    snapshots = tmp_path / "server-snapshots"
    snapshots.mkdir()
    shutil.copytree(store.path, snapshots / ("here" if mounted else "there"), symlinks=True)
    with EmbeddedQdrant(tmp_path / "qdrant", snapshots=snapshots) as running:
        _, findings = state(running.url, "--prove-write", "--server-store", str(snapshots / "here"), cwd=tmp_path)
        collections = Server(running.url).collections()

    assert (findings["server sees store"]["verdict"], collections) == (verdict, [])
