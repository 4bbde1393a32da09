"""A bucket behind a proxy of the network, named by the variables that other programs know."""

from urllib.parse import urlsplit

import pytest

from tests.stores.conftest import BucketScenario
from tests.support.forward_proxy import ForwardProxy
from tests.support.tls_relay import AUTHORITY, open_tls

pytestmark = pytest.mark.xdist_group("buckets")

PASSWORD = "p@ss/word-0123456789"
IN_A_URL = "p%40ss%2Fword-0123456789"


@pytest.mark.parametrize(("login", "user"), [("", ""), (f"backup:{PASSWORD}", f"backup:{IN_A_URL}@")])
def test_a_bucket_is_reached_through_a_tunnel(scenario: BucketScenario, login: str, user: str) -> None:
    """By CONNECT, with the password where there is one; no output has it."""
    scenario.add()
    with open_tls(scenario.server.url) as port, ForwardProxy(port, login=login) as proxy:
        result = scenario.run(
            *("restore", "cities", "--log-level", "debug"),
            AWS_ENDPOINT_URL=f"https://127.0.0.1:{port}",
            AWS_CA_BUNDLE=str(AUTHORITY),
            HTTPS_PROXY=f"http://{user}{proxy.address}",
            HTTP_PROXY="http://127.0.0.1:1",
        )
    output = result.stdout + result.stderr
    assert (result.status, set(proxy.asked)) == (0, {f"CONNECT 127.0.0.1:{port}"}), output
    assert (PASSWORD in output, IN_A_URL in output) == (False, False)


def test_a_bucket_that_speaks_http_is_asked_for_by_its_whole_url(scenario: BucketScenario) -> None:
    """No resolver knows the host: every request came through the proxy."""
    scenario.add()
    with ForwardProxy(urlsplit(scenario.server.url).port or 0, login=f"backup:{PASSWORD}") as proxy:
        result = scenario.run(
            *("list", "cities"),
            AWS_ENDPOINT_URL="http://bucket.test:9000",
            HTTP_PROXY=f"http://backup:{IN_A_URL}@{proxy.address}",
        )
    assert (result.status, {line.split("/")[2] for line in proxy.asked}) == (0, {"bucket.test:9000"}), result.stderr
    assert (PASSWORD in result.stderr, IN_A_URL in result.stderr) == (False, False)


def test_a_bucket_of_no_proxy_is_asked_directly(scenario: BucketScenario) -> None:
    """A proxy that is not there keeps nobody from it."""
    scenario.add()
    result = scenario.run("list", "cities", HTTP_PROXY="http://127.0.0.1:1", NO_PROXY="127.0.0.1")
    assert result.status == 0, result.stderr
