"""A secret in every place where one may stand, every command, every kind of failure: none is ever shown."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from restore.commands.registry import RUNNERS
from restore.settings.options.table import OPTIONS, OPTIONS_BY_NAME
from tests.support.canaries import (
    SECRETS,
    PlantedSecrets,
    list_forms,
    make_value,
    plant_around,
    plant_settings,
    run_echo,
)
from tests.support.hostile_files import FILE
from tests.support.program import ROOT, run_program
from tests.support.run_prune import fill
from tests.support.run_serve import RunningServe, receive
from tests.support.sample_stores import FilledStore
from tests.support.server_under_test import Server
from tests.support.tls_relay import open_tls

# Each command that a person may type, in the order in which they are typed here; `serve` runs apart.
COMMANDS = {
    "restore": ("cities", "--transfer", "upload"),
    "snapshot": ("cities",),
    "list": (),
    "verify": ("--depth", "hash"),
    "doctor": ("--prove-write",),
    "config show": (),
    "version": (),
    "pin": (FILE, "--reason", "kept"),
    "unpin": (FILE,),
    "mirror": ("<store>", "<copy>"),
    "drill": ("cities",),
    "prune": ("--keep-last", "1", "--server"),
    "healthcheck": (),
}
FORMS = {
    "console": {"RESTORE_LOG_FORMAT": "console", "RESTORE_LOG_LEVEL": "debug"},
    "json": {"RESTORE_LOG_FORMAT": "json", "RESTORE_LOG_LEVEL": "debug", "RESTORE_JSON": "true"},
    "quiet": {"RESTORE_LOG_FORMAT": "auto", "RESTORE_LOG_LEVEL": "error"},
}


@pytest.fixture
def planted(tmp_path: Path) -> Iterator[PlantedSecrets]:
    """Yield an environment full of secrets; who is notified is somebody who listens."""
    with receive() as receiver:
        found = PlantedSecrets()
        plant_settings(found, receiver.url)
        plant_around(found, tmp_path / "around", "http://127.0.0.1:9")
        yield found
        output = b"".join(body for _, body in receiver.came).decode()
        assert found.find(output) == []


def say_all(
    folder: Path, planted: PlantedSecrets, commands: dict[str, tuple[str, ...]], **variables: str
) -> tuple[dict[str, int], str]:
    """Run the commands and return how each ended, and everything that they said and wrote."""
    tokens = {"<store>": variables["RESTORE_STORE"], "<copy>": str(folder / "copy"), "<url>": variables["QDRANT_URL"]}
    given = {"RESTORE_WAIT_TIMEOUT": "0", "RESTORE_METRICS_FILE": str(folder / "metrics"), **variables}
    output, statuses = [], {}
    for command, words in commands.items():
        arguments = [*command.split(), *(tokens.get(word, word) for word in words)]
        result = run_program(*arguments, cwd=folder, environment={**planted.environment, **given}, timeout=90)
        statuses[command] = result.status
        output += [result.stdout, result.stderr]
    return statuses, "\n".join([*output, *read_files(folder)])


def read_files(folder: Path) -> list[str]:
    """Return every file below a folder that was not planted there, and every name."""
    files = [one for one in folder.rglob("*") if "around" not in one.parts and "locked" not in one.parts]
    return [one.read_text(errors="replace") for one in files if one.is_file()] + [one.name for one in files]


def test_no_command_is_left_out_here() -> None:
    """A new command has to be tried here too."""
    assert {*COMMANDS, "serve"} == {*RUNNERS, "version", "serve"}


def test_a_setting_that_may_hold_a_secret_is_one() -> None:
    """Every setting called a key, token or password, and every URL that is not of Qdrant or of a store."""
    words = ("key", "token", "password", "secret", "webhook", "credential")
    suspected = [row.name for row in OPTIONS if any(word in row.name for word in words) or row.placeholder == "URL"]

    assert [name for name in suspected if not OPTIONS_BY_NAME[name].secret] == ["qdrant-url"]
    assert {row.name for row in SECRETS} >= {"api-key", "drill-api-key", "notify-webhook", "notify-healthchecks"}


@pytest.mark.parametrize("form", FORMS)
def test_when_all_goes_well_no_secret_is_seen(form: str, planted: PlantedSecrets, tmp_path: Path) -> None:
    """No secret is printed, nor written into the store, its documents, the metrics, or onto the server."""
    store = FilledStore(tmp_path / "store")
    fill(store, "cities", [0, 1])
    key = planted.environment["QDRANT_API_KEY"]
    with EmbeddedQdrant(tmp_path / "locked", api_key=key) as locked:
        statuses, output = say_all(
            tmp_path, planted, COMMANDS, RESTORE_STORE=str(store.path), QDRANT_URL=locked.url, **FORMS[form]
        )
        server = Server(locked.url, key)
        output += json.dumps([server.info(name) for name in server.collections()])

    assert planted.find(output) == []
    assert statuses == {**dict.fromkeys(COMMANDS, 0), "healthcheck": 124}


ASKING = {name: COMMANDS[name] for name in ("restore", "snapshot", "doctor", "prune")}
ASKING["drill"] = ("cities", "--on", "<url>")


@contextlib.contextmanager
def be_silent() -> Iterator[str]:
    """Take connections, and say nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextlib.contextmanager
def be_strange() -> Iterator[str]:
    """Speak TLS with a certificate that nobody knows."""
    with run_echo(200, "raw") as echo, open_tls(echo.url) as port:
        yield f"https://127.0.0.1:{port}"


@contextlib.contextmanager
def be_mistaken() -> Iterator[str]:
    """Speak HTTP where TLS is wanted."""
    with run_echo(400, "raw") as echo:
        yield echo.url.replace("http:", "https:")


FAILURES: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "refused": lambda: contextlib.nullcontext("http://127.0.0.1:9"),
    "no such host": lambda: contextlib.nullcontext("http://nowhere.invalid:6333"),
    "a certificate that nobody knows": be_strange,
    "no TLS": be_mistaken,
    "silence": be_silent,
}


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize("failure", FAILURES)
def test_when_qdrant_cannot_be_had_no_secret_is_seen(
    failure: str, form: str, planted: PlantedSecrets, tmp_path: Path
) -> None:
    """Refused, no such host, TLS, no answer in time."""
    store = FilledStore(tmp_path / "store")
    fill(store, "cities", [0])
    with FAILURES[failure]() as url:
        result = say_all(tmp_path, planted, ASKING, RESTORE_STORE=str(store.path), QDRANT_URL=url, **FORMS[form])
    statuses, output = result

    assert (planted.find(output), "Traceback" in output) == ([], False)
    assert set(statuses.values()) <= {17, 124}


@pytest.mark.parametrize(
    ("body", "form"),
    [("json", "console"), ("json", "json"), ("html", "json"), ("url", "console"), ("raw", "console")],
)
@pytest.mark.parametrize("status", [200, 401, 403, 404, 400])
def test_an_answer_that_repeats_the_request_repeats_no_secret(  # noqa: PLR0917 - one table
    status: int, body: str, form: str, planted: PlantedSecrets, tmp_path: Path
) -> None:
    """Headers and all, however it is written; notifications are masked too."""
    store = FilledStore(tmp_path / "store")
    fill(store, "cities", [0])
    with run_echo(status, body) as echo:
        _, output = say_all(
            tmp_path, planted, ASKING, RESTORE_STORE=str(store.path), QDRANT_URL=echo.url, **FORMS[form]
        )

    assert (planted.find(output), "Traceback" in output) == ([], False)


STORING = {name: COMMANDS[name] for name in ("list", "snapshot", "mirror")}


@pytest.mark.parametrize(
    ("store", "kind", "form"),
    [
        ("s3://bucket/backups", "variables", "json"),
        ("s3://bucket/backups", "profile", "console"),
        ("gs://bucket/backups", "variables", "json"),
        ("az://container/backups", "variables", "console"),
        ("az://container/backups", "sas", "json"),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 403, 404])
def test_a_bucket_that_repeats_the_request_repeats_no_secret(  # noqa: PLR0917 - one table
    status: int, store: str, kind: str, form: str, planted: PlantedSecrets, tmp_path: Path
) -> None:
    """Signatures, tokens and keys, from variables, profiles, connection strings and signed URLs."""
    with run_echo(status, "xml") as echo:
        plant_around(planted, tmp_path / "around", echo.url)
        choose(planted, kind)
        _, output = say_all(
            tmp_path, planted, STORING, RESTORE_STORE=store, QDRANT_URL="http://127.0.0.1:9", **FORMS[form]
        )

    assert (planted.find(output), "Traceback" in output) == ([], False)


def choose(planted: PlantedSecrets, kind: str) -> None:
    """Let credentials of one kind count."""
    if kind == "profile":
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            planted.environment.pop(name)
    if kind == "sas":
        planted.environment.pop("AZURE_STORAGE_CONNECTION_STRING")
        planted.environment["AZURE_STORAGE_ACCOUNT"] = "devstoreaccount1"
        planted.environment["AZURE_STORAGE_ENDPOINT"] = planted.environment["AWS_ENDPOINT_URL"]


@pytest.mark.parametrize("secret", [row.name for row in SECRETS])
@pytest.mark.parametrize("broken", ["both forms", "white space", "no such file", "twice in YAML"])
def test_a_secret_that_is_refused_is_not_repeated(broken: str, secret: str, tmp_path: Path) -> None:
    """The message says what is wrong with it and where it stands; for every secret setting of the table."""
    setting = OPTIONS_BY_NAME[secret]
    value, name = make_value(setting, "http://127.0.0.1:9"), setting.environment_name
    given = {
        "both forms": {name: value, f"{name}_FILE": value},
        "white space": {name: f" {value}\n"},
        "no such file": {f"{name}_FILE": "gone"},
        "twice in YAML": {"RESTORE_CONFIG": "settings.yaml"},
    }[broken]
    (tmp_path / "settings.yaml").write_text(f"{setting.yaml_key}: {value!r}\n{setting.yaml_key}: [{value!r}\n")
    result = run_program("config", "show", "--json", cwd=tmp_path, environment=given)

    assert result.status == 2
    assert [form for form in list_forms(setting.name) if form in result.stdout + result.stderr] == []


@pytest.mark.parametrize("secret", [row.name for row in SECRETS])
@pytest.mark.parametrize("command", OPTIONS_BY_NAME["json"].commands)
def test_a_secret_on_the_command_line_is_not_repeated(command: str, secret: str, tmp_path: Path) -> None:
    """It works and warns, or is no flag of that command; either way it is not shown again."""
    setting = OPTIONS_BY_NAME[secret]
    flag, value = setting.flags[0], make_value(setting, "http://127.0.0.1:9")
    given = {"RESTORE_STORE": "gone", "QDRANT_URL": "http://127.0.0.1:9", "RESTORE_WAIT_TIMEOUT": "0"}
    words = [*command.split(), *(["x"] if command in {"pin", "unpin"} else []), flag, value, "--json"]
    result = run_program(*words, cwd=tmp_path, environment=given)

    assert [form for form in list_forms(setting.name) if form in result.stdout + result.stderr] == []
    assert "Traceback" not in result.stderr


def test_serve_says_none_and_its_pages_show_none(planted: PlantedSecrets, tmp_path: Path) -> None:
    """A job that succeeds and one that fails; the log, the three pages, the state, the metrics."""
    store = FilledStore(tmp_path / "store")
    fill(store, "cities", [0])
    with run_echo(401, "json") as echo:
        given = {
            **planted.environment,
            "RESTORE_LOG_LEVEL": "debug",
            "RESTORE_METRICS_FILE": str(tmp_path / "metrics"),
            "RESTORE_WAIT_TIMEOUT": "0",
            "RESTORE_SCHEDULE_VERIFY": "@daily",
            "RESTORE_SCHEDULE_SNAPSHOT": "@daily",
        }
        with RunningServe(store.path, echo.url, given) as serving:
            serving.wait_ended("snapshot")
            serving.wait_ended("verify")
            pages = [serving.ask(page).text for page in ("/healthz", "/readyz", "/metrics", "/nothing")]
            result = serving.end()
    output = "\n".join([result.stdout, result.stderr, *pages, *read_files(tmp_path)])

    assert (planted.find(output), "Traceback" in output) == ([], False)
    assert "job.ended" in result.stderr


_BUG = """
import os, sys
from restore.commands.list import report as store_report
def defect(*_):
    raise RuntimeError("told of " + " ".join(os.environ.values()))
store_report.describe_list = defect
sys.argv[:1] = ["qdrant-restore"]
from restore.__main__ import main
main()
"""


@pytest.mark.parametrize("form", FORMS)
def test_a_traceback_shows_none(form: str, planted: PlantedSecrets, tmp_path: Path) -> None:
    """A defect of ours with every variable in its message."""
    store = FilledStore(tmp_path / "store")
    given = {**planted.environment, "RESTORE_STORE": str(store.path), **FORMS[form], "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-c", _BUG, "list"], cwd=tmp_path, env=given, capture_output=True, text=True, check=False
    )
    output = result.stdout + result.stderr

    assert (result.returncode, "told of" in output, planted.find(output)) == (1, True, [])


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux")
def test_a_server_that_a_drill_starts_is_given_no_secret(planted: PlantedSecrets, tmp_path: Path) -> None:
    """The environment and command line of a process can be read by others, so the server gets none of our keys."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in planted.environment.items():
            patch.setenv(name, value)
        with EmbeddedQdrant(tmp_path / "storage") as server:
            seen = [Path(f"/proc/{server.pid}/{file}").read_bytes() for file in ("environ", "cmdline")]

    assert planted.find(b"\0".join(seen).decode()) == []
    assert b"PATH=" in seen[0]
    assert os.environ.get("QDRANT_API_KEY") is None
