"""The command line: bad settings get a clear sentence and status 2, and nothing was touched."""

# ruff: noqa: E501 - a row of a table is a line
from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from restore import __version__
from restore.cli.output import Output
from restore.settings.command_names import Command
from tests.support.program import make_environment, run_program

KEY = "canary-7f3a9c"
HINT = "hint: qdrant-restore config show lists every setting, its value and where it came from; docs/settings.md explains them"
USAGE = "hint: qdrant-restore --help lists the commands, qdrant-restore COMMAND --help a command's options"
# Nothing listens there: binding ports below 1024 is for root, and nobody does it for this one.
NOWHERE = "http://127.0.0.1:9"


# --- bad settings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "environment", "document", "stderr"),
    [
        (["restore", "--frob"], {}, "", ["error: unknown option --frob", HINT]),
        (["restore", "--on-exsting", "replace"], {}, "", ["error: unknown option --on-exsting (did you mean --on-existing?)", HINT]),
        (["restore", "--store"], {}, "", ["error: Option '--store' requires an argument", HINT]),
        (["restore", "--dry-run=yes"], {}, "", ["error: Option '--dry-run' does not take a value", HINT]),
        (["snapshot", "--dry-run"], {}, "", ["error: unknown option --dry-run", HINT]),
        (["doctor", "cities"], {}, "", ["error: doctor takes no argument ('cities')", HINT]),
        (["version", "--jsn"], {}, "", ["error: unknown option --jsn (did you mean --json?)"]),
        (["config"], {}, "", ["error: config needs one more word: config show", USAGE]),
        (["config", "shw"], {}, "", ["error: config needs one more word: config show", USAGE]),
        (["restor"], {}, "", ["error: unknown command 'restor' (did you mean restore?)", USAGE]),
        (["--store", "x", "restore"], {}, "", ["error: unknown option --store; options stand after the command", USAGE]),
        (["--frob"], {}, "", ["error: unknown option --frob", USAGE]),
        ([], {}, "", ["error: no command was given", USAGE.replace("hint: ", "hint: most want 'qdrant-restore restore'; ")]),
        (["restore", ".."], {}, "", ["error: arguments: '..' would make the server touch its own parent directory", HINT]),
        (["restore"], {"RESTORE_COLLECTIONS": "a?,b*"}, "", ["error: RESTORE_COLLECTIONS: 'a?' contains '?', which Qdrant refuses", "error: RESTORE_COLLECTIONS: 'b*' contains '*', which Qdrant refuses", HINT]),
        (["restore"], {"QDRANT_URL": "qdrant:6333"}, "", ["error: QDRANT_URL: 'qdrant:6333' has no scheme (did you mean http://qdrant:6333?)", HINT]),
        (["list"], {"RESTORE_STROE": "x"}, "", ["error: unknown variable RESTORE_STROE (did you mean RESTORE_STORE?)", HINT]),
        (["list"], {}, "stor: x\n", ["error: restore.yaml: unknown key 'stor' (did you mean store?)", HINT]),
        (["list"], {}, "- store\n", ["error: settings file 'restore.yaml': a mapping of settings is wanted (store: ./qdrant_snapshots)", HINT]),
        (["list"], {}, "store: a\nstore: b\n", ["error: settings file 'restore.yaml' is no YAML in line 2: key 'store' stands twice", HINT]),
        (["list"], {}, f"api_key: '{KEY}\n", ["error: settings file 'restore.yaml' is no YAML in line 2: found unexpected end of stream", HINT]),
        (["list"], {}, "[a]: b\n", ["error: settings file 'restore.yaml' is no YAML in line 1: a key that is no text", HINT]),
        (["list", "--config", "gone.yaml"], {}, "", ["error: settings file 'gone.yaml' cannot be read (No such file or directory)", HINT]),
        (["list"], {"RESTORE_CONFIG": "."}, "", ["error: settings file '.' cannot be read (Is a directory)", HINT]),
        (["list"], {"QDRANT_API_KEY_FILE": "gone"}, "", ["error: QDRANT_API_KEY_FILE: secret file 'gone' cannot be read (No such file or directory)", HINT]),
        (["restore", "--api-kye", KEY], {}, "", ["error: unknown option --api-kye (did you mean --api-key?)", HINT]),
    ],
)  # fmt: skip
def test_a_bad_setting_gets_a_sentence_and_status_2(  # noqa: PLR0917 - the table's columns
    arguments: list[str], environment: dict[str, str], document: str, stderr: list[str], tmp_path: Path
) -> None:
    """The whole of stderr; stdout stays empty, because there is no result."""
    (tmp_path / "restore.yaml").write_text(document)
    result = run_program(*arguments, cwd=tmp_path, environment=environment)

    assert (result.status, result.stdout, result.stderr.splitlines()) == (2, "", stderr)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("gone.pem", "No such file or directory"), ("empty.pem", "")],
    ids=["missing", "no certificate"],
)
def test_a_ca_file_that_is_none_is_a_settings_error(name: str, reason: str, tmp_path: Path) -> None:
    """Told before anything is sent."""
    (tmp_path / "empty.pem").touch()
    (tmp_path / "qdrant_snapshots").mkdir()
    (tmp_path / "qdrant_snapshots/README.md").touch()
    result = run_program(
        "restore", "--qdrant-url", "https://127.0.0.1:9", cwd=tmp_path, environment={"RESTORE_CA_FILE": name}
    )

    assert result.status == 2
    assert result.stderr.startswith(f"error: RESTORE_CA_FILE: '{name}' is no file of authorities ({reason}")


def test_an_unknown_option_a_misspelt_variable_and_a_wrong_key_are_told_together(tmp_path: Path) -> None:
    """Flags, variables, settings file and names in one go."""
    (tmp_path / "restore.yaml").write_text("on_exsting: skip\nwait_timeout: soon\n")
    result = run_program(
        "restore", "a/b", "--strore", "./x", "--frob", "--verify", "ful", cwd=tmp_path, environment={"RESTORE_STROE": "x"}
    )  # fmt: skip

    assert result.status == 2
    assert result.stderr.splitlines() == [
        "error: unknown option --strore (did you mean --store?)",
        "error: unknown option --frob",
        "error: --verify: 'ful' is none of full, counts, none (did you mean full?)",
        "error: restore.yaml: wait_timeout: 'soon' is no length of time (90, 90s, 2m, 1h)",
        "error: arguments: 'a/b' looks like a path, a collection's name is wanted (a file: --snapshot PATH)",
        "error: restore.yaml: unknown key 'on_exsting' (did you mean on_existing?)",
        "error: unknown variable RESTORE_STROE (did you mean RESTORE_STORE?)",
        HINT,
    ]


@pytest.mark.parametrize("asked", [["--json"], []])
def test_with_json_an_error_is_an_object_on_stdout_too(asked: list[str], tmp_path: Path) -> None:
    """Asked for by a flag or a variable; stderr keeps the sentences."""
    environment = {} if asked else {"RESTORE_JSON": "true"}
    result = run_program("restore", ".", *asked, cwd=tmp_path, environment=environment)

    assert json.loads(result.stdout) == {
        "status": 2,
        "error": "arguments: '.' would make the server touch its own parent directory",
        "hint": HINT.removeprefix("hint: "),
        "problems": ["arguments: '.' would make the server touch its own parent directory"],
    }
    assert result.stderr.startswith("error: arguments: '.' would")


def test_each_misspelt_spelling_of_a_setting_is_an_error(tmp_path: Path) -> None:
    """Option, variable and key alike are never just ignored."""
    (tmp_path / "wrong.yaml").write_text("lock_timout: 1\n")
    runs = [
        run_program("list", "--log-lvel", "debug", cwd=tmp_path),
        run_program("list", cwd=tmp_path, environment={"RESTORE_LOG_LVEL": "debug"}),
        run_program("list", "--config", "wrong.yaml", cwd=tmp_path),
    ]

    assert [result.status for result in runs] == [2, 2, 2]


def test_injected_variables_change_nothing(tmp_path: Path) -> None:
    """`QDRANT_PORT=tcp://…` and what Docker puts beside a service called `restore`."""
    injected = {"QDRANT_PORT": "tcp://10.0.0.1:6333", "RESTORE_PORT_6333_TCP": "tcp://10.0.0.2:6333"}
    plain = run_program("config", "show", cwd=tmp_path)

    assert run_program("config", "show", cwd=tmp_path, environment=injected) == plain


# --- secrets --------------------------------------------------------------------------------------------------


class _Echo(BaseHTTPRequestHandler):
    """Is ready and says a version, then answers everything with the key it was sent, as careless proxies do."""

    def do_GET(self) -> None:
        """Repeat the request."""
        answers = {"/readyz": (200, "all shards are ready"), "/": (200, '{"version": "1.18.3"}')}
        status, text = answers.get(self.path, (400, f"bad request with {self.headers['api-key']}"))
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET  # noqa: N815 - the names that the base class calls

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def echo() -> Iterator[str]:
    """Yield the URL of a server that repeats what it is sent, keys included."""
    server = HTTPServer(("127.0.0.1", 0), _Echo)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


Giver = Callable[[Path], tuple[list[str], dict[str, str]]]


def _by_variable(_: Path) -> tuple[list[str], dict[str, str]]:
    return [], {"QDRANT_API_KEY": KEY}


def _by_flag(_: Path) -> tuple[list[str], dict[str, str]]:
    return ["--api-key", KEY], {}


def _by_file(folder: Path) -> tuple[list[str], dict[str, str]]:
    (folder / "key").write_text(KEY + "\r\n")
    return [], {"QDRANT_API_KEY_FILE": "key"}


def _by_settings_file(folder: Path) -> tuple[list[str], dict[str, str]]:
    (folder / "restore.yaml").write_text(f"api_key: {KEY}\n")
    return [], {}


@pytest.mark.parametrize("give", [_by_variable, _by_flag, _by_file, _by_settings_file])
@pytest.mark.parametrize("command", [Command.RESTORE, Command.SNAPSHOT, Command.DOCTOR])
@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_key_is_never_said_even_when_the_server_repeats_it(  # noqa: PLR0917 - three tables
    give: Giver, command: str, log_format: str, echo: str, tmp_path: Path
) -> None:
    """At the loudest log level, whatever form the key was given in."""
    flags, environment = give(tmp_path)
    (tmp_path / "store").mkdir()
    (tmp_path / "store/README.md").touch()
    said = ["--qdrant-url", echo, "--store", "store", "--log-level", "debug", "--log-format", log_format, "--json"]
    result = run_program(
        command, *flags, *said, cwd=tmp_path, environment={**environment, "RESTORE_WAIT_TIMEOUT": "0"}
    )

    assert result.status not in {0, 1, 2}
    assert KEY not in result.stdout + result.stderr


@pytest.mark.parametrize(
    "url", [f"http://me:{KEY}@127.0.0.1:9", f"http://127.0.0.1:9/?key={KEY}", f"me:{KEY}@127.0.0.1"]
)
@pytest.mark.parametrize("command", [Command.RESTORE, Command.DOCTOR, Command.LIST, Command.VERIFY])
def test_a_password_in_the_url_is_never_said(url: str, command: str, tmp_path: Path) -> None:
    """Such a URL is refused, and shown without it."""
    result = run_program(command, cwd=tmp_path, environment={"QDRANT_URL": url})

    assert (result.status, KEY in result.stdout + result.stderr) == (2, False)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux")
def test_no_process_of_a_run_has_the_key_on_its_command_line(tmp_path: Path) -> None:
    """A key from a variable or a file never travels as an argument."""
    with _start("restore", "--qdrant-url", NOWHERE, cwd=tmp_path, QDRANT_API_KEY=KEY) as running:
        lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
        running.terminate()
        running.communicate(timeout=10)

    assert any(b"-m\0restore\0restore" in line for line in lines)
    assert [line for line in lines if KEY.encode() in line] == []


# --- what is said, and where ----------------------------------------------------------------------------------


def test_insecure_is_said_at_every_start(tmp_path: Path) -> None:
    """Who switched it on, too."""
    result = run_program(
        "doctor", "--log-format", "json", cwd=tmp_path, environment={"RESTORE_INSECURE": "1", "QDRANT_URL": NOWHERE}
    )
    events = [json.loads(line) for line in result.stderr.splitlines()]

    assert [(event["event"], event["level"], event["because"]) for event in events] == [
        ("tls.insecure", "warning", "RESTORE_INSECURE")
    ]


def test_the_log_level_leaves_out_what_is_less_important(tmp_path: Path) -> None:
    """A warning is no error."""
    quiet = run_program(
        "doctor", "--log-level", "error", cwd=tmp_path, environment={"RESTORE_INSECURE": "1", "QDRANT_URL": NOWHERE}
    )

    assert quiet.stderr == ""


def test_a_terminals_control_sequences_in_a_name_are_shown_not_obeyed(tmp_path: Path) -> None:
    """Qdrant accepts such names; a terminal or a log reader would obey them."""
    (tmp_path / "qdrant_snapshots").mkdir()
    (tmp_path / "qdrant_snapshots/README.md").touch()
    result = run_program("list", "a\x1b[31m\nb", cwd=tmp_path)

    assert result.status == 10
    assert r"a\x1b[31m\nb" in result.stderr
    assert "\x1b" not in result.stderr


def test_a_reader_that_has_gone_changes_no_status(tmp_path: Path) -> None:
    """`qdrant-restore config show | head -1` ends quietly."""
    with _start("config", "show", cwd=tmp_path) as running:
        assert running.stdout is not None
        running.stdout.close()
        _, stderr = running.communicate(timeout=30)

    assert (running.returncode, stderr) == (0, "")


def test_a_closed_stderr_changes_no_status(tmp_path: Path) -> None:
    """A log that nobody can write must not end a run."""
    command = f'"{sys.executable}" -m restore config show --insecure 2>&-'
    result = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, env=make_environment(), capture_output=True, check=False
    )

    assert result.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is Linux")
@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["config", "show"], 15), (["version"], 15), (["list"], 15), (["prune", "--dry-run"], 0)],
)
def test_a_result_that_cannot_be_written_is_said(arguments: list[str], status: int, tmp_path: Path) -> None:
    """`> file` on a full disk: what only shows has failed; else the status stays what was done."""
    (tmp_path / "qdrant_snapshots").mkdir()
    (tmp_path / "qdrant_snapshots/README.md").touch()
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "restore", *arguments],
            cwd=tmp_path,
            env=make_environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    said = "error: the result could not be written: [Errno 28] No space left on device"
    assert (result.returncode, result.stderr.splitlines()) == (status, [said])


def test_a_bug_is_told_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1 with the traceback, and an object for those who asked for one."""
    status = Output(json=True).report_bug(ValueError("surprise"))
    said = capsys.readouterr()

    assert (status, json.loads(said.out)["status"]) == (1, 1)
    assert said.err.splitlines() == [
        "ValueError: surprise",
        "error: this is a bug in qdrant-restore (ValueError); please report it with the lines above",
    ]


def test_a_bug_is_one_line_of_a_json_log(capsys: pytest.CaptureFixture[str]) -> None:
    """With the traceback in it."""
    status = Output(json=False, log_json=True).report_bug(ValueError("surprise"))
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)

    assert (status, told["event"], told["status"], told["traceback"]) == (
        1,
        "run.failed",
        1,
        "ValueError: surprise\n",
    )


@pytest.mark.parametrize(
    ("arguments", "environment", "status"),
    [
        (["list", "--log-format", "json"], {}, 10),
        (["list", "--log-format=json"], {"RESTORE_STORE": "gone"}, 10),
        (["list"], {"RESTORE_LOG_FORMAT": "json"}, 10),
        (["list"], {"RESTORE_LOG_FORMAT": "json", "RESTORE_FILE_MODE": "rwx", "RESTORE_STROE": "x"}, 2),
        (["nothing"], {"RESTORE_LOG_FORMAT": "json"}, 2),
        (["restore", "--deadline", "0.5s"], {"RESTORE_LOG_FORMAT": "json", "QDRANT_URL": "http://127.0.0.1:9"}, 124),
    ],
)
def test_every_line_of_a_json_log_is_json_to_the_last(
    arguments: list[str], environment: dict[str, str], status: int, tmp_path: Path
) -> None:
    """Also what ended the run: an event for each sentence, with its status and its hint."""
    (tmp_path / "qdrant_snapshots").mkdir()
    (tmp_path / "qdrant_snapshots" / "cities_latest.snapshot").symlink_to("gone")
    store = {"RESTORE_STORE": "gone"} if arguments[0] == "list" else {}
    result = run_program(*arguments, cwd=tmp_path, environment={**store, **environment})
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    last = lines[-1]

    assert (result.status, last["event"], last["level"], last["status"]) == (status, "run.failed", "error", status)
    assert all(isinstance(line["at"], str) for line in lines)
    assert last["reason"]


def test_even_the_sentence_of_a_second_signal_is_json(tmp_path: Path) -> None:
    """It is written while nothing else can be."""
    script = (
        "import os, signal; from restore.system import signals; signals.install(); signals.use_json()\n"
        "try: os.kill(os.getpid(), signal.SIGTERM); signal.pause()\n"
        "except BaseException: os.kill(os.getpid(), signal.SIGTERM); signal.pause()"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=make_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    told = json.loads(result.stderr)

    assert (result.returncode, told["event"], told["status"], told["reason"]) == (
        143,
        "run.failed",
        143,
        "ended by SIGTERM before everything was tidied",
    )


def test_a_log_in_text_ends_in_plain_sentences(tmp_path: Path) -> None:
    """For eyes and for `grep`, as ever."""
    result = run_program("list", cwd=tmp_path)

    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == ["error", "hint"]


@pytest.mark.parametrize("arguments", [["version"], ["--version"]])
def test_version_says_the_programs_version(arguments: list[str], tmp_path: Path) -> None:
    """Also where settings are wrong: nothing of them is read."""
    result = run_program(*arguments, cwd=tmp_path, environment={"RESTORE_STROE": "x"})

    assert (result.status, result.stdout.splitlines()[0]) == (0, f"qdrant-restore {__version__}")


def test_version_as_json_names_the_supported_servers(tmp_path: Path) -> None:
    """For scripts."""
    found = json.loads(run_program("version", "--json", cwd=tmp_path).stdout)

    assert (found["program"], found["supported_servers"]) == (__version__, ">=1.16")


# --- signals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "status", "sentence"),
    [
        (signal.SIGTERM, 143, "error: ended by SIGTERM"),
        (signal.SIGINT, 130, "error: ended by SIGINT"),
    ],
)
def test_a_signal_ends_a_waiting_run_within_two_seconds(
    number: signal.Signals, status: int, sentence: str, tmp_path: Path
) -> None:
    """With the signal's status and one line."""
    with _start("restore", "--qdrant-url", NOWHERE, "--log-level", "error", cwd=tmp_path) as running:
        begin = time.monotonic()
        running.send_signal(number)
        _, stderr = running.communicate(timeout=10)

    assert (running.returncode, stderr.splitlines()[-1]) == (status, sentence)
    assert time.monotonic() - begin < 2


def _start(*arguments: str, cwd: Path, **variables: str) -> subprocess.Popen[str]:
    """Start the program and give it the time to be at its work."""
    (cwd / "qdrant_snapshots").mkdir(exist_ok=True)
    (cwd / "qdrant_snapshots/README.md").touch()
    running = subprocess.Popen(
        [sys.executable, "-m", "restore", *arguments],
        cwd=cwd,
        env=make_environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(0.7)
    return running


# --- what a boot imports --------------------------------------------------------------------------------------


def test_a_boot_imports_nothing_that_it_does_not_use(tmp_path: Path) -> None:
    """What a run with nothing to do costs is nearly all imports."""
    script = (
        "import sys; from restore.cli.main import run; before = run(['config', 'show']); "
        "heavy = {'yaml', 'rich', 'stamina', 'filelock', 'asyncio', 'logging', 'dataclasses', 'pathlib', 'ssl', "
        "'http.client', 'subprocess', 'tempfile', 'cronsim', 'prometheus_client', 'zoneinfo', 'http.server', 'qdrant_client', 'requests', 'pydantic'}; "
        "print('heavy:', sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=make_environment(),
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout.splitlines()[-1] == "heavy: []"
