"""One POST to a webhook: what it carries, what it never follows, and what an error shows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from restore.monitoring.webhook import NotifyError, post
from restore.system.secret import Secret
from tests.support.program import make_environment
from tests.support.run_serve import receive


def test_an_account_in_the_url_is_sent_as_basic_authorization() -> None:
    """`user:p%40ss@host`: decoded, and not part of the request's path."""
    with receive() as receiver:
        url = receiver.url.replace("://", "://user:p%40ss@")
        post(Secret(f"{url}/hook?x=1"), b"{}", "application/json", timeout_seconds=5)

    assert receiver.came == [("/hook?x=1", b"{}")]
    assert receiver.authorizations == ["Basic dXNlcjpwQHNz"]


def test_no_account_of_netrc_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was given for other programs."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login user password p4ss\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with receive() as receiver:
        post(Secret(f"{receiver.url}/hook"), b"", "text/plain", timeout_seconds=5)

    assert receiver.authorizations == [""]


def test_a_redirection_is_a_failure_and_is_not_followed() -> None:
    """It is told as a status; nothing is asked where it leads to."""
    with receive() as receiver:
        receiver.status = 302
        with pytest.raises(NotifyError) as caught:
            post(Secret(f"{receiver.url}/hook"), b"", "text/plain", timeout_seconds=5)

    assert str(caught.value) == "127.0.0.1 answered with 302"
    assert [path for path, _ in receiver.came] == ["/hook"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:9/s3cret", "127.0.0.1: Connection refused"),
        ("http://nowhere.invalid/s3cret", r"nowhere\.invalid: .*(not known|resolution|address).*"),
        ("https://user:s3cret@127.0.0.1:9/s3cret", "127.0.0.1: Connection refused"),
    ],
)
def test_an_error_shows_the_host_and_the_systems_words(url: str, reason: str) -> None:
    """Never the path, the query or the account."""
    with pytest.raises(NotifyError, match=rf"\A{reason}\Z"):
        post(Secret(url), b"", "text/plain", timeout_seconds=5)


def test_the_modules_that_notify_import_no_requests_before_they_post() -> None:
    """A run that does not notify does not pay for it."""
    script = "import sys, restore.monitoring.notifier, restore.commands.observe; print('requests' in sys.modules)"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=make_environment(), capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("False\n", "")
