"""Bad input: URLs, names, flags, keys, variables and files that are wrong. Status 2, all told, nothing touched."""

# ruff: noqa: E501 - a sentence is a line
from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.bad_input import HINT, Case, CommandOutput, run, tell
from tests.support.restore_scenario import RestoreScenario

UNIT = "is no length of time (90, 90s, 2m, 1h)"
PORT = "has a host or port that is none (a port is a number up to 65535)"
PATH = "looks like a path, a collection's name is wanted (a file: --snapshot PATH)"
NINES = "9" * 5000


def cut(problem: str) -> str:
    """Return the beginning of a problem that is too long to be shown whole."""
    return f"{problem[:100]}…{problem[-100:]}"


def wrong(*problems: str) -> CommandOutput:
    """Return the output for wrong settings: one line each, and where to look."""
    return CommandOutput(2, (*(f"error: {problem}" for problem in problems), HINT), ())


def url(text: str, problem: str) -> Case:
    """Return the case of a wrong URL."""
    return Case(name=f"URL {text[:40]}", environment={"QDRANT_URL": text}, expected=wrong(f"QDRANT_URL: {problem}"))


def name(text: str, problem: str) -> Case:
    """Return the case of a collection's name that is refused before anything is sent."""
    return Case(name=f"name {text[:40]!r}", arguments=("restore", text), expected=wrong(f"arguments: {problem}"))


def variable(setting: str, text: str, problem: str) -> Case:
    """Return the case of a variable with a wrong value."""
    return Case(name=f"{setting}={text[:30]!r}", environment={setting: text}, expected=wrong(f"{setting}: {problem}"))


def write(content: bytes) -> Callable[[RestoreScenario], None]:
    """Return a function that writes the settings file."""

    def spoil(scenario: RestoreScenario) -> None:
        scenario.store.path.parent.joinpath("restore.yaml").write_bytes(content)

    return spoil


def yaml(what: str, content: bytes, *problems: str) -> Case:
    """Return the case of a settings file."""
    return Case(name=f"YAML {what}", spoil=write(content), expected=wrong(*problems))


URLS = [
    url("localhost:6333", "'localhost:6333' has no scheme (did you mean http://localhost:6333?)"),
    url("qdrant", "'qdrant' has no scheme (did you mean http://qdrant:6333?)"),
    url("//qdrant:6333", "'//qdrant:6333' has no scheme (did you mean http://qdrant:6333?)"),
    url("ftp://qdrant:6333", "'ftp://qdrant:6333' begins with ftp://, Qdrant's HTTP API needs http:// or https://"),
    url("http://", "'http://' has no host"),
    url("http://:6333", "'http://:6333' has no host"),
    url("http://[::1:6333", f"'http://[::1:6333' {PORT}"),
    url("http://qdrant:0", "'http://qdrant:0' has port 0"),
    url("http://qdrant:65536", f"'http://qdrant:65536' {PORT}"),
    url("http://qdrant:http", f"'http://qdrant:http' {PORT}"),
    url(f"http://qdrant:{NINES}", cut(f"'http://qdrant:{NINES}' {PORT}")),
    url("http://two words", "'http://two words' has white space in it"),
    url("http://ex..ample", "'http://ex..ample' has a host that is no host name"),
    url(f"http://{'a' * 64}", f"'http://{'a' * 64}' has a host that is no host name"),
    url("http://x\u202ey:6333", r"'http://x\u202ey:6333' has a host that is no host name"),
    url("http://me:hunter2@qdrant:6333", "'http://qdrant:6333' comes with a user name or password; give the key as QDRANT_API_KEY instead"),
    url("http://qdrant:6333/?api-key=hunter2", "'http://qdrant:6333/' goes on with a query or fragment; leave it out"),
]  # fmt: skip

NAMES = [
    name(".", "'.' would make the server touch its own parent directory"),
    name("..", "'..' would make the server touch its own parent directory"),
    name("../<name>", f"'../<name>' {PATH}"),
    name("/etc/passwd", f"'/etc/passwd' {PATH}"),
    name("a\\b", rf"'a\b' {PATH}"),
    name("a:b", "'a:b' contains ':', which Qdrant refuses"),
    name('a*?"<>|', """'a*?"<>|' contains '"', '*', '<', '>', '?', '|', which Qdrant refuses"""),
    name("a\x1fb", r"'a\x1fb' contains '\x1f', which Qdrant refuses"),
    name("", "'' is empty"),
    name("x" * 256, cut(f"'{'x' * 256}' has 256 bytes, Qdrant accepts 255")),
    name("ä" * 128, f"'{'ä' * 128}' has 256 bytes, Qdrant accepts 255"),
    name(".restoring-0123456789abcdef-1", "'<mark>-1' begins with '.restoring-', which marks a restore in progress"),
    Case(name="a path in a variable", environment={"QDRANT_COLLECTION_NAME": "./snapshots/x"}, arguments=("restore",), expected=wrong(f"QDRANT_COLLECTION_NAME: './snapshots/x' {PATH}")),
    Case(name="several in a list", environment={"RESTORE_COLLECTIONS": "ok, .., a/b,,"}, arguments=("restore",), expected=wrong("RESTORE_COLLECTIONS: '..' would make the server touch its own parent directory", f"RESTORE_COLLECTIONS: 'a/b' {PATH}")),
    Case(name="a path as another name", arguments=("restore", "<name>", "--to", "../x"), expected=wrong(f"--to: '../x' {PATH}")),
]  # fmt: skip

MISSPELT = [
    Case(name="an unknown option", arguments=("restore", "<name>", "--frob"), expected=wrong("unknown option --frob")),
    Case(name="a misspelt option", arguments=("restore", "<name>", "--on-existng", "replace"), expected=wrong("unknown option --on-existng (did you mean --on-existing?)")),
    Case(name="a misspelt variable", environment={"RESTORE_COLECTIONS": "x"}, expected=wrong("unknown variable RESTORE_COLECTIONS (did you mean RESTORE_COLLECTIONS?)")),
    yaml("with an unknown key", b"on_exsting: replace\n", "restore.yaml: unknown key 'on_exsting' (did you mean on_existing?)"),
    yaml("with an unknown key of one collection", b"collections:\n  x:\n    fallbak: none\n", "restore.yaml: collections.x: unknown key 'fallbak' (did you mean fallback?)"),
    Case(
        name="everything at once",
        arguments=("restore", "a/b", "--frob", "--on-empty", "pigeon"),
        environment={"QDRANT_URL": "qdrant:6333", "RESTORE_STROE": "x", "RESTORE_DEADLINE": "tomorrow", "QDRANT_API_KEY": " k "},
        spoil=write(b"verify: maybe\nstoer: x\n"),
        expected=wrong(
            "unknown option --frob",
            "QDRANT_URL: 'qdrant:6333' has no scheme (did you mean http://qdrant:6333?)",
            "QDRANT_API_KEY: has white space around it",
            "--on-empty: 'pigeon' is none of restore, skip, refuse",
            "restore.yaml: verify: 'maybe' is none of full, counts, none",
            f"RESTORE_DEADLINE: 'tomorrow' {UNIT}",
            f"arguments: 'a/b' {PATH}",
            "restore.yaml: unknown key 'stoer' (did you mean store?)",
            "unknown variable RESTORE_STROE (did you mean RESTORE_STORE?)",
        ),
    ),
]  # fmt: skip

VALUES = [
    variable("RESTORE_WAIT_TIMEOUT", NINES, cut(f"'{NINES}' is more than 30 days")),
    variable("RESTORE_WAIT_TIMEOUT", "1e9", f"'1e9' {UNIT}"),
    variable("RESTORE_WAIT_TIMEOUT", "-1", f"'-1' {UNIT}"),
    variable("RESTORE_WAIT_TIMEOUT", "nan", f"'nan' {UNIT}"),
    variable("RESTORE_WAIT_TIMEOUT", "\u0661\u0662", f"'\u0661\u0662' {UNIT}"),
    variable("RESTORE_STALL_TIMEOUT", "0", "'0' leaves no time at all"),
    variable("RESTORE_SAMPLES", NINES, cut(f"'{NINES}' is no whole number from 0 to 10,000")),
    variable("RESTORE_SAMPLES", "\u00b2", "'\u00b2' is no whole number from 0 to 10,000"),
    variable("RESTORE_FILE_MODE", "9" * 9, "'999999999' is no file mode in octal digits (0644, 0640, 0600)"),
    variable("RESTORE_INSECURE", "perhaps", "'perhaps' is neither true nor false"),
    variable("RESTORE_SERVER_STORE", "snapshots", "'snapshots' is no absolute path; it is the path that the Qdrant server sees"),
    variable("QDRANT_API_KEY", "gehe\u00efm", "has a character that no HTTP header can carry"),
    variable("QDRANT_API_KEY", "a\r\nX-Evil: 1", "has a character that no HTTP header can carry"),
    Case(name="a byte order mark in an env file", environment={"\ufeffQDRANT_URL": "http://qdrant:6333"}, expected=wrong("variable QDRANT_URL begins with a byte order mark: save the env file as UTF-8 without BOM")),
]  # fmt: skip

FILES = [
    yaml("that is binary", bytes(range(256)) * 4, "settings file 'restore.yaml' is no YAML"),
    yaml("that begins with a byte order mark", b"\xef\xbb\xbfstoer: x\n", "restore.yaml: unknown key 'stoer' (did you mean store?)"),
    yaml("that is a list", b"- store\n", "settings file 'restore.yaml': a mapping of settings is wanted (store: ./qdrant_snapshots)"),
    yaml("with a tab", b"\tstore: x\n", "settings file 'restore.yaml' is no YAML in line 1: found character '\\t' that cannot start any token"),
    yaml("with a key twice", b"note: a\nnote: b\n", "settings file 'restore.yaml' is no YAML in line 2: key 'note' stands twice"),
    yaml("of two documents", b"note: a\n---\nnote: b\n", "settings file 'restore.yaml' is no YAML in line 2: but found another document"),
    yaml("nested without end", b"note: " + b"[" * 50_000, "settings file 'restore.yaml' is no YAML"),
    yaml("that doubles without end", b"a: &a [x,x,x]\n" + b"".join(b"b%d: &b%d [*a,*a]\n" % (n, n) for n in range(2)), "restore.yaml: unknown key 'a'", "restore.yaml: unknown key 'b0'", "restore.yaml: unknown key 'b1'"),
    yaml("that contains itself", b"collections: &a\n  x: *a\n", "settings file 'restore.yaml' is no YAML in line 1: found unconstructable recursive node"),
    yaml("longer than any", b"note: " + b"x" * (1 << 20), "settings file 'restore.yaml' cannot be read (it is longer than 1,048,576 bytes)"),
    yaml("with a list for one value", b"note: [a]\n", "restore.yaml: note: one value is wanted, not a list or a mapping"),
    Case(name="YAML with names that are none", arguments=("restore",), spoil=write(b"collections: [1, [a]]\n"), expected=wrong("restore.yaml: collections: a list of names is wanted, or a mapping of names to choices")),
    Case(name="a settings file that is not there", arguments=("restore", "--config", "gone.yaml"), expected=wrong("settings file 'gone.yaml' cannot be read (No such file or directory)")),
    Case(name="a settings file that is a directory", arguments=("restore", "--config", "."), expected=wrong("settings file '.' cannot be read (Is a directory)")),
]  # fmt: skip


@pytest.mark.parametrize("case", [*URLS, *NAMES, *MISSPELT, *VALUES, *FILES], ids=str)
def test_a_bad_setting_gets_a_sentence_and_nothing_is_touched(case: Case, scenario: RestoreScenario) -> None:
    """The whole of stderr and stdout, status 2, and store and server as they were."""
    tried = run(case, scenario)

    assert tried.output == case.expected
    assert tried.after == tried.before


def test_a_settings_file_makes_nothing_but_texts(scenario: RestoreScenario) -> None:
    """A tag that would call a function is not obeyed; what it stands at is a list."""
    write(b"note: !!python/object/apply:os.mkdir [pwned]\n")(scenario)
    output = tell(scenario, "restore", "<name>")

    assert output == wrong("restore.yaml: note: one value is wanted, not a list or a mapping")
    assert not scenario.store.path.parent.joinpath("pwned").exists()


@pytest.mark.parametrize("command", ["restore", "snapshot", "list", "verify", "doctor"])
def test_every_command_tells_wrong_settings_alike(command: str, scenario: RestoreScenario) -> None:
    """Nothing is done before settings are right."""
    scenario.add()
    output = tell(scenario, *command.split(), environment={"RESTORE_LOG_LEVEL": "loud", "RESTORE_STROE": "x"})

    assert output == wrong(
        "RESTORE_LOG_LEVEL: 'loud' is none of debug, info, warning, error",
        "unknown variable RESTORE_STROE (did you mean RESTORE_STORE?)",
    )
