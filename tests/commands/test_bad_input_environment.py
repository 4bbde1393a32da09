"""Bad input: an environment that others filled. What Docker, Kubernetes, shells and editors put there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import pytest

from tests.support.bad_input import HINT, READY, CommandOutput, tell
from tests.support.program import make_environment
from tests.support.recording_proxy import Fault
from tests.support.restore_scenario import RestoreScenario
from tests.support.sample_stores import promised_points

INJECTED = {
    "QDRANT_PORT": "tcp://10.0.0.1:6333",
    "QDRANT_PORT_6333_TCP": "tcp://10.0.0.1:6333",
    "QDRANT_PORT_6333_TCP_ADDR": "10.0.0.1",
    "QDRANT_SERVICE_HOST": "10.0.0.1",
    "QDRANT_SERVICE_PORT": "6333",
    "RESTORE_PORT": "tcp://10.0.0.2:80",
    "RESTORE_PORT_6333_TCP": "tcp://10.0.0.2:6333",
    "RESTORE_PORT_6333_TCP_PROTO": "tcp",
    "RESTORE_SERVICE_HOST": "10.0.0.2",
    "RESTORE_SERVICE_PORT_HTTP": "80",
}
EMPTY = {
    "QDRANT_API_KEY": "",
    "QDRANT_COLLECTION_NAME": "",
    "RESTORE_COLLECTIONS": "",
    "RESTORE_CONFIG": "",
    "RESTORE_CA_FILE": "",
    "RESTORE_ON_EXISTING": "",
    "RESTORE_DEADLINE": "",
}
ELSEWHERE = {
    "http_proxy": "http://10.0.0.3:3128",
    "HTTP_PROXY": "http://10.0.0.3:3128",
    "ALL_PROXY": "socks5://10.0.0.3:1",
}
QDRANTS_OWN = {"QDRANT__SERVICE__API_KEY": "", "QDRANT__LOG_LEVEL": "INFO", "QDRANT__STORAGE__SNAPSHOTS_PATH": "/x"}


@pytest.mark.parametrize(
    "environment",
    [INJECTED, EMPTY, ELSEWHERE, QDRANTS_OWN],
    ids=["Docker links and Kubernetes services", "empty variables", "proxies", "the server's own settings"],
)
def test_what_others_put_there_has_no_effect(environment: Mapping[str, str], scenario: RestoreScenario) -> None:
    """The restore says and does what it does without; an empty key is no key."""
    scenario.add()
    output = tell(scenario, "restore", "<name>", environment=environment)

    assert (output.status, output.stderr[0]) == (0, READY)
    assert scenario.server.points(scenario.name) == promised_points("plain")


def test_a_name_that_is_nearly_ours_is_told(scenario: RestoreScenario) -> None:
    """An error with our prefix, a warning with Qdrant's, which may be somebody else's."""
    scenario.add()
    ours = tell(scenario, "restore", "<name>", environment={"RESTORE_COLECTIONS": "x"})
    theirs = tell(scenario, "restore", "<name>", "--dry-run", environment={"QDRANT_ULR": "http://x"})
    far = tell(scenario, "restore", "<name>", "--dry-run", environment={"RESTORE_THE_CITY": "x"})

    assert ours == CommandOutput(
        2, ("error: unknown variable RESTORE_COLECTIONS (did you mean RESTORE_COLLECTIONS?)", HINT), ()
    )
    assert (theirs.status, theirs.stderr[0]) == (
        0,
        '<time> warning settings.warning message="variable QDRANT_ULR is ignored (did you mean QDRANT_URL?)"',
    )
    assert (far.status, far.stderr[0]) == (
        0,
        '<time> warning settings.warning message="unknown variable RESTORE_THE_CITY is ignored"',
    )


@pytest.mark.parametrize("text", [" <url> ", "<url>/"])
def test_what_an_editor_leaves_at_an_urls_end_is_taken_off(text: str, scenario: RestoreScenario) -> None:
    """A space, a slash."""
    scenario.add()
    output = tell(scenario, "restore", "<name>", "--dry-run", environment={"QDRANT_URL": text})

    assert (output.status, output.stderr) == (0, (READY,))


def test_an_env_file_with_windows_line_ends_is_told_name_by_name(scenario: RestoreScenario) -> None:
    """Qdrant takes a carriage return for a part of a name, and a file system for a part of a directory's."""
    folder = scenario.store.path.parent
    written = {"QDRANT_URL": "<url>\r", "QDRANT_COLLECTION_NAME": "<name>\r", "RESTORE_STORE": "backups\r"}
    output = tell(scenario, "snapshot", environment=written)

    why = "ends with a carriage return; has the file that sets it Windows line ends?"
    names = ("QDRANT_URL", "RESTORE_STORE", "QDRANT_COLLECTION_NAME")
    assert output == CommandOutput(2, (*(f"error: {name}: {why}" for name in names), HINT), ())
    assert [path.name for path in folder.iterdir() if "backups" in path.name] == []


def test_the_address_is_taken_from_a_host_and_a_port(scenario: RestoreScenario) -> None:
    """As other programs' variables give it; the collection too."""
    scenario.add()
    host, _, port = scenario.proxy.url.removeprefix("http://").partition(":")
    parts = {"QDRANT_URL": "", "QDRANT_HOST": host, "QDRANT_PORT": port, "QDRANT_COLLECTION": "<name>"}
    output = tell(scenario, "restore", "--dry-run", environment=parts)

    assert (output.status, output.stderr[0], output.stdout[0].partition(":")[0]) == (0, READY, "<name>")


def test_a_dotenv_that_is_not_read_is_mentioned(scenario: RestoreScenario) -> None:
    """Where the default would be asked, which is often not what it names."""
    folder = scenario.store.path.parent
    folder.joinpath(".env").write_text("QDRANT_URL=http://elsewhere:6333\n")
    shown = [tell(scenario, "config", "show", environment={"QDRANT_URL": url}).stderr for url in ("", "<url>")]

    said = (
        "nothing says where Qdrant is, and .env in this directory is not read; to take its values: set -a; . ./.env"
    )
    assert shown == [(f'<time> warning settings.warning message="{said}"',), ()]


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=["ascii", "C"],
)
def test_a_terminal_that_cannot_show_a_name_shows_it_escaped(
    environment: Mapping[str, str], scenario: RestoreScenario
) -> None:
    """The result is said all the same, and JSON is UTF-8 wherever it goes."""
    strange = scenario.store.path / "%F0%9F%8C%8D_latest.snapshot"
    strange.write_bytes(b"")
    shown = tell(scenario, "list", environment=environment)
    output = tell(scenario, "list", "--json", environment=environment)

    assert (shown.status, shown.stdout[0]) == (0, "\\U0001f30d")
    assert (output.status, '"collection":"🌍"' in output.stdout[0]) == (0, True)


def test_a_file_whose_name_is_no_collections_is_told_and_never_sent(scenario: RestoreScenario) -> None:
    """`..` made a server try to delete its parent directory; the good ones beside it are restored all the same."""
    good = scenario.add()
    for odd in (b"\xff\xfe", b"%2E.", b"%2E%2E", b"a:b"):
        latest = f"{odd.decode('utf-8', 'surrogateescape')}_latest.snapshot"
        good.with_name(latest).write_bytes(good.read_bytes())
    # Nothing of that may reach the server, whatever the program does.
    scenario.proxy.inject(rf"/collections/(?!{scenario.name}|{scenario.mark}|aliases)", Fault(status=500))
    output = tell(scenario, "restore")

    alone = "in store '<store>' is left alone: that name"
    assert (output.status, output.stdout[:4]) == (
        0,
        (
            f"warning: the latest of '..' {alone} would make the server touch its own parent directory",
            f"warning: the latest of 'a:b' {alone} contains ':', which Qdrant refuses",
            rf"warning: the latest of '\udcff\udcfe' {alone} is no text in UTF-8",
            "<name>: 43 points restored from <name>_20261120_120000.snapshot (270 kB) in <n> s, checked",
        ),
    )
    assert [seen.path for seen in scenario.proxy.seen if scenario.name not in seen.path and seen.method == "PUT"] == [
        f"/collections/{scenario.mark}"
    ]


def test_a_working_directory_that_is_gone_is_told(scenario: RestoreScenario) -> None:
    """As when a deployment was replaced under a shell that stands in it."""
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" -m restore list'
    result = subprocess.run(
        ["sh", "-c", script, sys.executable],
        cwd=scenario.store.path.parent,
        env=make_environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.returncode, result.stderr.splitlines()) == (
        2,
        ["error: the working directory cannot be found (No such file or directory)", HINT],
    )
