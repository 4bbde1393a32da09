"""Qdrant behind a proxy of the network, named by the variables that other programs know."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from tests.support.forward_proxy import ForwardProxy
from tests.support.program import ProgramResult, run_program
from tests.support.sample_stores import FilledStore
from tests.support.server_under_test import Server
from tests.support.tls_relay import open_tls

PASSWORD = "p@ss/word-0123456789"
IN_A_URL = "p%40ss%2Fword-0123456789"
# No resolver knows it: whatever reaches the server came through the proxy.
OUTSIDE = "qdrant.test"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Yield an empty Qdrant of this test's own."""
    with EmbeddedQdrant(tmp_path / "qdrant") as running:
        yield Server(running.url, snapshots=running.snapshots)


@pytest.fixture(autouse=True)
def filled_store(store: FilledStore) -> FilledStore:
    """Return the store in the working directory, with one collection's snapshot and its latest."""
    store.add("cities")
    return store


def restore(cwd: Path, **environment: str) -> ProgramResult:
    """Restore the collection by an upload, as verbosely as possible; an absent server is not waited for."""
    arguments = ("restore", "cities", "--transfer", "upload", "--wait-timeout", "2", "--log-level", "debug")
    return run_program(*arguments, cwd=cwd, environment={"RESTORE_STORE": "qdrant_snapshots", **environment})


def test_https_is_tunnelled(server: Server, tmp_path: Path) -> None:
    """One CONNECT for each connection, to the host and port of the URL; the proxy sees nothing else."""
    with open_tls(server.url) as port, ForwardProxy(port) as proxy:
        result = restore(
            tmp_path,
            QDRANT_URL=f"https://{OUTSIDE}:6333",
            RESTORE_INSECURE="true",
            HTTPS_PROXY=f"http://{proxy.address}",
        )
    assert (result.status, server.collections()) == (0, ["cities"])
    assert set(proxy.asked) == {f"CONNECT {OUTSIDE}:6333"}


def test_a_tunnel_with_a_password(server: Server, tmp_path: Path) -> None:
    """It is percent-decoded for the proxy, and in no output."""
    with open_tls(server.url) as port, ForwardProxy(port, login=f"backup:{PASSWORD}") as proxy:
        result = restore(
            tmp_path,
            QDRANT_URL=f"https://{OUTSIDE}:6333",
            RESTORE_INSECURE="true",
            https_proxy=f"http://backup:{IN_A_URL}@{proxy.address}",
        )
    output = result.stdout + result.stderr
    assert (result.status, server.collections()) == (0, ["cities"])
    assert (PASSWORD in output, IN_A_URL in output) == (False, False)


@pytest.mark.parametrize("login", ["", "backup:wrong@"])
def test_a_tunnel_that_the_proxy_refuses_is_told_at_once(server: Server, tmp_path: Path, login: str) -> None:
    """Waiting cannot help; the sentence names the proxy and no password."""
    with open_tls(server.url) as port, ForwardProxy(port, login=f"backup:{PASSWORD}") as proxy:
        environment = {"QDRANT_URL": f"https://{OUTSIDE}:6333", "HTTPS_PROXY": f"http://{login}{proxy.address}"}
        result = restore(tmp_path, **environment)
    assert (result.status, len(proxy.asked), "wrong" in result.stderr) == (17, 1, False)
    assert (
        f"Qdrant at https://{OUTSIDE}:6333 cannot be reached: Tunnel connection failed: 407 Proxy Authentication "
        f"Required (through the proxy of HTTPS_PROXY=http://{proxy.address})"
    ) in result.stderr
    assert f"hint: is that proxy right? NO_PROXY={OUTSIDE} leads past it" in result.stderr


def test_http_is_asked_for_by_its_whole_url(server: Server, tmp_path: Path) -> None:
    """With the proxy's password, which is not passed on."""
    with ForwardProxy(urlsplit(server.url).port or 0, login=f"backup:{PASSWORD}") as proxy:
        result = restore(
            tmp_path,
            QDRANT_URL=f"http://{OUTSIDE}:6333",
            HTTP_PROXY=f"http://backup:{IN_A_URL}@{proxy.address}",
        )
    output = result.stdout + result.stderr
    assert (result.status, server.collections()) == (0, ["cities"])
    assert f"GET http://{OUTSIDE}:6333/collections" in proxy.asked
    assert (PASSWORD in output, IN_A_URL in output) == (False, False)


def test_without_its_password_an_http_proxy_is_told_from_qdrant(server: Server, tmp_path: Path) -> None:
    """The answer is the proxy's."""
    with ForwardProxy(urlsplit(server.url).port or 0, login=f"backup:{PASSWORD}") as proxy:
        environment = {"QDRANT_URL": f"http://{OUTSIDE}:6333", "HTTP_PROXY": proxy.address}
        result = restore(tmp_path, **environment)
    assert (result.status, "a proxy asks for a user and a password" in result.stderr) == (17, True)


def test_a_host_of_no_proxy_is_asked_directly(server: Server, tmp_path: Path) -> None:
    """And loopback always is."""
    with ForwardProxy(1) as proxy:
        result = restore(tmp_path, QDRANT_URL=server.url, HTTP_PROXY=proxy.address)
        other = restore(tmp_path, QDRANT_URL=f"http://{OUTSIDE}:6333", HTTP_PROXY=proxy.address, NO_PROXY=".test")
    assert (result.status, other.status, proxy.asked) == (0, 124, [])


def test_a_proxy_of_another_kind_is_a_setting_that_is_wrong(tmp_path: Path) -> None:
    """It was ignored, or half understood; its password is not shown."""
    environment = {"QDRANT_URL": f"http://{OUTSIDE}:6333", "ALL_PROXY": "socks5://backup:hidden@127.0.0.1:1080"}
    result = restore(tmp_path, **environment)
    assert (result.status, "hidden" in result.stderr) == (2, False)
    assert "ALL_PROXY: 'socks5://127.0.0.1:1080' is no HTTP proxy" in result.stderr
