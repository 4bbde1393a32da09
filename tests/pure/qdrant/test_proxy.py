"""Which proxy a server's URL has, by the variables that other programs know."""

from __future__ import annotations

import pytest

from restore.errors import SettingsError
from restore.qdrant.transport.proxy import Proxy, find_proxy

PLAIN = Proxy(name="HTTP_PROXY=http://proxy:3129", host="proxy", port=3129, headers={})
GIVEN = {"HTTP_PROXY": "http://proxy:3129"}


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        ("http://q:6333", {}, None),
        ("http://q:6333", {"HTTP_PROXY": " "}, None),
        ("http://q:6333", GIVEN, PLAIN),
        ("http://q:6333", {"HTTP_PROXY": "proxy:3129"}, PLAIN),
        ("https://q:6333", GIVEN, None),
        ("http://q:6333", {"HTTPS_PROXY": "http://proxy"}, None),
        (
            "https://q:6333",
            {"HTTPS_PROXY": "http://proxy/"},
            Proxy(name="HTTPS_PROXY=http://proxy", host="proxy", port=80, headers={}),
        ),
        (
            "http://q:6333",
            {**GIVEN, "http_proxy": "http://small:1"},
            Proxy(name="http_proxy=http://small:1", host="small", port=1, headers={}),
        ),
        (
            "https://q",
            {"ALL_PROXY": "http://a%40b:c%3Ad@proxy:8080"},
            Proxy(
                name="ALL_PROXY=http://proxy:8080",
                host="proxy",
                port=8080,
                headers={"Proxy-Authorization": "Basic YUBiOmM6ZA=="},
            ),
        ),
    ],
)
def test_the_variable_of_the_scheme_names_it(url: str, environment: dict[str, str], expected: Proxy | None) -> None:
    """Lower case first, `ALL_PROXY` last; a port that is not given is HTTP's."""
    assert find_proxy(url, environment) == expected


@pytest.mark.parametrize(
    "url", ["http://localhost:6333", "http://127.0.0.1:6333", "http://127.9.9.9", "http://[::1]:1"]
)
def test_loopback_never_has_one(url: str) -> None:
    """A proxy's own loopback is another machine."""
    assert find_proxy(url, GIVEN) is None


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        ("*", None),
        ("q.example.com", None),
        ("a, Q.Example.com ,b", None),
        ("example.com", None),
        (".example.com", None),
        ("*.example.com", None),
        ("q.example.com:6333", None),
        ("", PLAIN),
        (",", PLAIN),
        ("le.com", PLAIN),
        ("q.example.com:6334", PLAIN),
        ("other.com", PLAIN),
        ("10.0.0.0/8", PLAIN),
    ],
)
def test_no_proxy_names_hosts_and_domains(past: str, expected: Proxy | None) -> None:
    """As curl and requests read it."""
    assert find_proxy("http://q.example.com:6333", {**GIVEN, "NO_PROXY": past}) == expected


@pytest.mark.parametrize(
    ("past", "expected"), [("10.1.2.3", None), ("10.0.0.0/8", None), ("10.2.0.0/16", PLAIN), ("x/8", PLAIN)]
)
def test_no_proxy_names_networks(past: str, expected: Proxy | None) -> None:
    """A network is compared with addresses only."""
    assert find_proxy("http://10.1.2.3:6333", {**GIVEN, "no_proxy": past}) == expected


@pytest.mark.parametrize(
    "text", ["socks5://proxy:1080", "https://proxy", "http://", "http://proxy:port", "ftp://x:y@p"]
)
def test_another_kind_of_proxy_is_refused_without_its_password(text: str) -> None:
    """It is named, and the message has what is accepted."""
    with pytest.raises(SettingsError) as refused:
        find_proxy("http://q:6333", {"HTTP_PROXY": text})
    assert (str(refused.value).startswith("HTTP_PROXY: '"), "x:y" in str(refused.value)) == (True, False)
