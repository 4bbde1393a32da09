"""Secrets and names from outside: where a key may stand, where it never does, what a hostile name or link cannot do.

Every test goes through the command.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from tests.support.bad_input import HINT, CommandOutput, tell
from tests.support.program import run_program
from tests.support.recording_proxy import Fault, RecordingProxy
from tests.support.restore_scenario import RestoreScenario
from tests.support.sample_stores import FilledStore, promised_points
from tests.support.server_under_test import Server
from tests.support.state_dump import digest_files

# With what JSON, a shell and a URL would write otherwise.
CANARY = "canary-5f2c19d07be34a8e\"'\\%<&>"
FORMS = (
    CANARY,
    json.dumps(CANARY)[1:-1],
    quote(CANARY),
    quote(CANARY, safe=""),
    base64.b64encode(CANARY.encode()).decode(),
    CANARY[:23],
)


@pytest.fixture(scope="module")
def locked_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedQdrant]:
    """Yield a server whose key is the canary."""
    with EmbeddedQdrant(tmp_path_factory.mktemp("locked"), api_key=CANARY) as server:
        yield server


@pytest.fixture
def locked_scenario(locked_server: EmbeddedQdrant, store: FilledStore) -> Iterator[RestoreScenario]:
    """Yield a restore scenario on that server; its collection is dropped afterwards."""
    server = Server(locked_server.url, CANARY, locked_server.snapshots)
    with RecordingProxy(locked_server.url) as proxy:
        yield RestoreScenario(server, proxy, store, "cities")
    server.forget("cities")


Giver = Callable[[Path], tuple[list[str], dict[str, str]]]


def by_variable(_folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return the key as a variable."""
    return [], {"QDRANT_API_KEY": CANARY}


def by_flag(_folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return the key on the command line, against which the program warns."""
    return ["--api-key", CANARY], {}


def by_settings_file(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return the key in the settings file."""
    (folder / "restore.yaml").write_text(json.dumps({"api_key": CANARY}))
    return [], {}


def by_file_in_variable(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return the key's file as a variable."""
    (folder / "key").write_text(f"{CANARY}\n")
    return [], {"QDRANT_API_KEY_FILE": "key"}


def by_file_in_flag(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return the key's file on the command line."""
    (folder / "key").write_text(f"{CANARY}\r\n")
    return ["--api-key-file", "key"], {}


def by_file_in_settings_file(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return the key's file in the settings file."""
    (folder / "key").write_text(CANARY)
    (folder / "restore.yaml").write_text("api_key_file: key\n")
    return [], {}


GIVERS = [by_variable, by_flag, by_settings_file, by_file_in_variable, by_file_in_flag, by_file_in_settings_file]


def show(scenario: RestoreScenario, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run the command with nothing but these variables and return its status and everything that it said."""
    given = {"QDRANT_URL": scenario.proxy.url, "RESTORE_STORE": str(scenario.store.path), "RESTORE_WAIT_TIMEOUT": "1"}
    result = run_program(*arguments, cwd=scenario.store.path.parent, environment={**given, **environment})
    return result.status, result.stdout + result.stderr


@pytest.mark.parametrize("give", GIVERS)
def test_a_key_may_stand_in_a_file_wherever_it_may_stand_itself(
    give: Giver, locked_scenario: RestoreScenario
) -> None:
    """One newline at the end, of either kind, is taken off; the restore goes through."""
    locked_scenario.add()
    flags, environment = give(locked_scenario.store.path.parent)
    status, _ = show(locked_scenario, "restore", *flags, **environment)

    assert (status, locked_scenario.server.points("cities")) == (0, promised_points("plain"))


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("key", b"", ": is empty"),
        ("key", b"\n", ": is empty"),
        ("key", b"key\n\n", ": has white space around it"),
        ("key", b" key\n", ": has white space around it"),
        ("key", b"\xef\xbb\xbfkey\n", ": has a character that no HTTP header can carry"),
        ("key", b"\xff\xfe", " is not text in UTF-8"),
        ("key", b"x" * (1 << 20) + b"y", " cannot be read (it is longer than 1,048,576 bytes)"),
        ("gone", b"key", " cannot be read (No such file or directory)"),
        (".", b"key", " cannot be read (Is a directory)"),
    ],
)
def test_a_key_file_that_holds_no_key_is_a_settings_error(
    file: str, content: bytes, problem: str, scenario: RestoreScenario
) -> None:
    """It is told, never taken for no key; nothing of it is repeated."""
    (scenario.store.path.parent / "key").write_bytes(content)
    output = tell(scenario, "restore", environment={"QDRANT_API_KEY": "", "QDRANT_API_KEY_FILE": file})

    assert output == CommandOutput(2, (f"error: QDRANT_API_KEY_FILE: secret file '{file}'{problem}", HINT), ())


def test_both_forms_are_too_many(scenario: RestoreScenario) -> None:
    """Which one counts would be a guess."""
    output = tell(scenario, "restore", environment={"QDRANT_API_KEY": "a-key", "QDRANT_API_KEY_FILE": "key"})

    assert output == CommandOutput(
        2, ("error: QDRANT_API_KEY and QDRANT_API_KEY_FILE are both set; keep one", HINT), ()
    )


def test_a_key_that_was_rotated_is_read_anew(own_scenario: RestoreScenario, embedded: EmbeddedQdrant) -> None:
    """The file's new content counts at the next run, and nothing else has to be changed."""
    own_scenario.add()
    key = own_scenario.store.path.parent / "key"
    key.write_text("the-first-key\n")
    rotate(embedded, "the-first-key")
    first, _ = show(own_scenario, "restore", QDRANT_API_KEY_FILE=str(key))
    rotate(embedded, "the-second-key")
    between, _ = show(own_scenario, "restore", QDRANT_API_KEY_FILE=str(key))
    key.write_text("the-second-key\n")
    last, _ = show(own_scenario, "restore", QDRANT_API_KEY_FILE=str(key))

    assert (first, between, last) == (0, 12, 0)


def rotate(server: EmbeddedQdrant, key: str) -> None:
    """Let the server ask for another key."""
    server.api_key = key
    server.restart()


@pytest.mark.parametrize("give", GIVERS)
@pytest.mark.parametrize("form", ["console", "json"])
def test_no_canary_is_seen_anywhere(give: Giver, form: str, locked_scenario: RestoreScenario) -> None:
    """Every command, at its loudest, when all goes well and when it is refused; nor in the store or on the server."""
    folder = locked_scenario.store.path.parent
    locked_scenario.add()
    flags, given = give(folder)
    environment = {**given, "RESTORE_LOG_LEVEL": "debug", "RESTORE_LOG_FORMAT": form}
    runs = [
        show(locked_scenario, "restore", *flags, **environment),
        show(locked_scenario, "snapshot", "cities", *flags, **environment),
        show(locked_scenario, "doctor", "--prove-write", *flags, **environment),
        show(locked_scenario, "doctor", "--json", *flags, **environment),
        show(locked_scenario, "config", "show", *flags, **environment),
        show(locked_scenario, "config", "show", "--json", *flags, **environment),
    ]
    locked_scenario.proxy.inject("/collections", Fault(status=401, body=f"Invalid API key {CANARY}".encode()))
    refused = show(locked_scenario, "restore", *flags, **environment)
    locked_scenario.proxy.reset()
    written = "".join(file.read_text(errors="replace") for file in locked_scenario.store.path.glob("*.json"))
    on_server = json.dumps(locked_scenario.server.info("cities"))
    said = "".join(text for _, text in [*runs, refused]) + written + on_server

    assert [status for status, _ in runs] == [0, 0, 0, 0, 0, 0]
    assert refused[0] == 12
    assert [form for form in FORMS if form in said] == []


def test_a_mark_says_who_holds_it_and_no_secret(locked_scenario: RestoreScenario) -> None:
    """It stands on the server for everybody who may read it, also after a kill."""
    locked_scenario.add()
    seen: list[str] = []

    def state(_request: object) -> None:
        (mark,) = locked_scenario.markers
        seen.append(json.dumps(locked_scenario.server.metadata(mark)))

    locked_scenario.proxy.inject("snapshots/upload", Fault(before=state))
    status, _ = show(locked_scenario, "restore", "--transfer", "upload", QDRANT_API_KEY=CANARY)

    assert (status, len(seen)) == (0, 1)
    assert [form for form in FORMS if form in seen[0]] == []


def find_below(process: int) -> list[int]:
    """Return every process that this one has started, and those that they have."""
    children = [int(path.name) for path in Path("/proc").glob("[0-9]*") if find_parent(path) == process]
    return [found for child in children for found in (child, *find_below(child))]


def find_parent(process: Path) -> int:
    """Return the process that started one; -1 when it has gone meanwhile."""
    with contextlib.suppress(OSError):
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    return -1


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux")
def test_no_process_has_the_key_on_its_command_line(locked_scenario: RestoreScenario) -> None:
    """Looked at while a restore is on its way, at everything that was started for it."""
    locked_scenario.add()
    lines: list[bytes] = []

    def state(_request: object) -> None:
        lines.extend(Path(f"/proc/{process}/cmdline").read_bytes() for process in find_below(os.getpid()))

    locked_scenario.proxy.inject("snapshots/upload", Fault(before=state))
    status, _ = show(locked_scenario, "restore", "--transfer", "upload", QDRANT_API_KEY=CANARY)

    assert status == 0
    assert any(b"-m\0restore\0restore" in line for line in lines)
    assert [line for line in lines if CANARY.encode() in line] == []


@pytest.mark.parametrize(
    "url",
    [
        f"http://me:{CANARY}@<host>",
        f"http://{CANARY}@<host>",
        f"http://<host>/?key={CANARY}",
        f"http://<host>/#{CANARY}",
    ],
)
@pytest.mark.parametrize("command", ["restore", "snapshot", "doctor", "config show"])
def test_an_url_is_shown_without_what_is_secret_in_it(url: str, command: str, scenario: RestoreScenario) -> None:
    """Such a URL is refused; nothing was asked."""
    host = scenario.proxy.url.removeprefix("http://")
    status, said = show(scenario, *command.split(), "--json", QDRANT_URL=url.replace("<host>", host))

    assert (status, [form for form in FORMS if form in said], scenario.proxy.seen) == (2, [], [])


@pytest.mark.parametrize(
    ("arguments", "environment", "document"),
    [
        (["--transfr", "upload"], {}, ""),
        ([], {"RESTORE_TRANSFR": "upload"}, ""),
        ([], {}, "transfr: upload\n"),
        ([], {}, "collections:\n  cities:\n    transfr: upload\n"),
    ],
)
def test_a_misspelt_setting_is_an_error_wherever_it_stands(
    arguments: list[str], environment: dict[str, str], document: str, scenario: RestoreScenario
) -> None:
    """Before the server was asked anything."""
    scenario.add()
    (scenario.store.path.parent / "restore.yaml").write_text(document)
    status, said = show(scenario, "restore", *arguments, **environment)

    assert (status, "transfer?" in said.lower(), scenario.proxy.seen) == (2, True, [])


def test_an_address_that_others_inject_is_not_taken(scenario: RestoreScenario) -> None:
    """`QDRANT_PORT=tcp://…` comes from a Docker link or a Kubernetes service; only ours is asked."""
    scenario.add()
    output = tell(scenario, "restore", "<name>", environment={"QDRANT_PORT": "tcp://10.0.0.1:6333"})

    assert (output.status, scenario.server.points(scenario.name)) == (0, promised_points("plain"))


def test_a_host_that_contradicts_the_url_is_refused(scenario: RestoreScenario) -> None:
    """`QDRANT_HOST` beside another `QDRANT_URL`: status 2, and neither is asked."""
    scenario.add()
    output = tell(scenario, "restore", "<name>", environment={"QDRANT_HOST": "10.0.0.1"})

    assert (output.status, scenario.proxy.seen) == (2, [])


ODD_NAMES = (
    "..x",
    " spaces and\ttabs ",
    "new\nline",
    "🌍🏙️",
    "per%20cent%",
    "~0123456789abcdef",
    "_latest",
    "_20261120_120000",
    "-2.snapshot",
    unicodedata.normalize("NFC", "é"),
    unicodedata.normalize("NFD", "é"),
    "'; DROP TABLE cities; --",
    "$(touch pwned)`touch pwned`",
    "x" * 180,
)


def test_odd_names_go_out_and_come_back_and_never_leave_the_store(
    scenario: RestoreScenario, new_name: Callable[[str], str], tmp_path: Path
) -> None:
    """Snapshots of all, then a fresh server's restore of all: every name has its own points again."""
    names = [f"{new_name('odd')}{odd}" for odd in ODD_NAMES]
    for number, name in enumerate(names):
        scenario.server.create(name, vectors={"size": 4, "distance": "Dot"})
        scenario.server.upsert(name, range(number + 1))
    beside = digest_files(tmp_path)
    taken = tell(scenario, "snapshot", *names)
    for name in names:
        scenario.server.drop(name)
    brought = tell(scenario, "restore")
    counted = [scenario.server.count(name) for name in names]
    for name in names:
        scenario.server.forget(name)
    left = set(digest_files(tmp_path)) - set(beside)

    assert (taken.status, brought.status) == (0, 0)
    assert counted == list(range(1, len(names) + 1))
    assert [file for file in left if not file.startswith(f"{scenario.store.path.name}/")] == []
    # Beside the snapshots: the lock, and the document of the set.
    assert len(left) == 3 * len(names) + 2


def test_a_latest_that_leads_outside_is_replaced_and_never_followed(scenario: RestoreScenario) -> None:
    """Neither read by a restore nor written through by a snapshot."""
    scenario.add()
    outside = scenario.store.path.parent / f"{scenario.name}_20261120_120000.snapshot"
    outside.write_bytes(b"precious")
    latest = scenario.store.path / f"{scenario.name}_latest.snapshot"
    scenario.server.create(scenario.name, vectors={"size": 4, "distance": "Dot"})
    scenario.server.upsert(scenario.name, range(50))
    statuses = []
    for target in (f"../{outside.name}", str(outside)):
        latest.unlink()
        latest.symlink_to(target)
        statuses += [show(scenario, command, scenario.name)[0] for command in ("verify", "snapshot")]

    assert statuses == [13, 0, 13, 0]
    assert outside.read_bytes() == b"precious"
    assert latest.readlink().parent == Path()
