"""Bad input: an environment that others filled. What Docker, Kubernetes, shells and editors put there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import pytest

from tests.support.bad_input import HINT, READY, Told, tell
from tests.support.program import make_environment
from tests.support.recording_proxy import Fault
from tests.support.restore_environment import Ground
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
def test_what_others_put_there_has_no_effect(environment: Mapping[str, str], ground: Ground) -> None:
    """The restore says and does what it does without; an empty key is no key."""
    ground.add()
    told = tell(ground, "restore", "<name>", environment=environment)

    assert (told.status, told.stderr[0]) == (0, READY)
    assert ground.server.points(ground.name) == promised_points("plain")


def test_a_name_that_is_nearly_ours_is_told(ground: Ground) -> None:
    """An error with our prefix, a warning with Qdrant's, which may be somebody else's."""
    ground.add()
    ours = tell(ground, "restore", "<name>", environment={"RESTORE_COLECTIONS": "x"})
    theirs = tell(ground, "restore", "<name>", "--dry-run", environment={"QDRANT_ULR": "http://x"})
    far = tell(ground, "restore", "<name>", "--dry-run", environment={"RESTORE_THE_CITY": "x"})

    assert ours == Told(
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


@pytest.mark.parametrize("text", ["<url>\r", " <url> ", "<url>/"])
def test_what_an_editor_leaves_at_an_urls_end_is_taken_off(text: str, ground: Ground) -> None:
    """An env file with Windows' line ends, a space, a slash."""
    ground.add()
    told = tell(ground, "restore", "<name>", "--dry-run", environment={"QDRANT_URL": text})

    assert (told.status, told.stderr) == (0, (READY,))


def test_a_carriage_return_in_a_name_is_shown(ground: Ground) -> None:
    """Qdrant takes it for a part of the name, so it cannot be taken off; whoever reads the line sees it."""
    ground.add()
    told = tell(ground, "restore", environment={"QDRANT_COLLECTION_NAME": "<name>\r"})

    assert (told.status, told.stdout[0].partition(" in store")[0]) == (
        10,
        r"<name>\r: no snapshot of collection '<name>\r'",
    )


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=["ascii", "C"],
)
def test_a_terminal_that_cannot_show_a_name_shows_it_escaped(environment: Mapping[str, str], ground: Ground) -> None:
    """The result is said all the same, and JSON is UTF-8 wherever it goes."""
    strange = ground.store.path / "%F0%9F%8C%8D_latest.snapshot"
    strange.write_bytes(b"")
    shown = tell(ground, "list", environment=environment)
    told = tell(ground, "list", "--json", environment=environment)

    assert (shown.status, shown.stdout[0]) == (0, "\\U0001f30d")
    assert (told.status, '"collection":"🌍"' in told.stdout[0]) == (0, True)


def test_a_file_whose_name_is_no_collections_is_told_and_never_sent(ground: Ground) -> None:
    """`..` made a server try to delete its parent directory; the good ones beside it are restored all the same."""
    good = ground.add()
    for odd in (b"\xff\xfe", b"%2E.", b"%2E%2E", b"a:b"):
        latest = f"{odd.decode('utf-8', 'surrogateescape')}_latest.snapshot"
        good.with_name(latest).write_bytes(good.read_bytes())
    # Nothing of that may reach the server, whatever the program does.
    ground.proxy.inject(rf"/collections/(?!{ground.name}|{ground.mark}|aliases)", Fault(status=500))
    told = tell(ground, "restore")

    alone = "in store '<store>' is left alone: that name"
    assert (told.status, told.stdout[:4]) == (
        0,
        (
            f"warning: the latest of '..' {alone} would make the server touch its own parent directory",
            f"warning: the latest of 'a:b' {alone} contains ':', which Qdrant refuses",
            rf"warning: the latest of '\udcff\udcfe' {alone} is no text in UTF-8",
            "<name>: 43 points restored from <name>_20261120_120000.snapshot (270 kB) in <n> s, checked",
        ),
    )
    assert [seen.path for seen in ground.proxy.seen if ground.name not in seen.path and seen.method == "PUT"] == [
        f"/collections/{ground.mark}"
    ]


def test_a_working_directory_that_is_gone_is_told(ground: Ground) -> None:
    """As when a deployment was replaced under a shell that stands in it."""
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" -m restore list'
    ended = subprocess.run(
        ["sh", "-c", script, sys.executable],
        cwd=ground.store.path.parent,
        env=make_environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stderr.splitlines()) == (
        2,
        ["error: the working directory cannot be found (No such file or directory)", HINT],
    )
