"""One bounded POST to a webhook or to healthchecks.io. Its only error is `NotifyError`."""

from __future__ import annotations

import queue
import ssl
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from restore.system.secret import Secret

if TYPE_CHECKING:
    from requests import PreparedRequest

_OK = range(200, 300)


class NotifyError(Exception):
    """A POST that did not arrive. The sentence has the host, never the path or query, which are secrets."""


def post(url: Secret, body: bytes, content_type: str, *, timeout_seconds: float) -> None:
    """Send one POST; `timeout_seconds` is for all of it. Raise `NotifyError`, also for an answer other than 2xx.

    The timeouts of requests do not bound the look-up of a name, nor an answer that comes a byte at a time. Therefore
    another thread sends, and is abandoned when it is late.
    """
    # 60 ms, paid only by a run that notifies. Here, so that they do not count as the receiver's.
    import requests  # noqa: F401, PLC0415

    ended: queue.SimpleQueue[NotifyError | None] = queue.SimpleQueue()

    def send() -> None:
        try:
            _send(url, body, content_type, timeout_seconds + 1)
        except NotifyError as error:
            ended.put(error)
        else:
            ended.put(None)

    threading.Thread(target=send, name="notify", daemon=True).start()
    try:
        problem = ended.get(timeout=timeout_seconds)
    except queue.Empty:
        problem = NotifyError(f"{urlsplit(url.reveal()).hostname}: no answer within {timeout_seconds:g} s")
    if problem:
        raise problem


def _send(url: Secret, body: bytes, content_type: str, timeout_seconds: float) -> None:
    import requests  # noqa: PLC0415 - see `post`

    text = url.reveal()
    host = urlsplit(text).hostname or ""
    paths = ssl.get_default_verify_paths()
    account = requests.utils.get_auth_from_url(text)
    try:
        # A redirected POST would arrive as a GET without its body. `stream` leaves the answer's body unread.
        with requests.post(
            text,
            data=body,
            headers={"Content-Type": content_type, "User-Agent": "qdrant-restore"},
            # Given in any case, else requests sends what `.netrc` has for the host.
            auth=account if any(account) else _leave_unauthorized,
            timeout=timeout_seconds,
            allow_redirects=False,
            stream=True,
            # The machine's certificates, to which a company may have added its own, before those of `certifi`.
            verify=paths.cafile or paths.capath or True,
        ) as answer:
            status = answer.status_code
    except (OSError, ValueError) as error:
        raise NotifyError(f"{host}: {_describe(error)}") from None
    if status not in _OK:
        raise NotifyError(f"{host} answered with {status}")


def _leave_unauthorized(request: PreparedRequest) -> PreparedRequest:
    return request


def extend_url(url: Secret, part: str) -> Secret:
    """Return the URL with a part (`/start`, `/fail`) added to its path, before the query."""
    split = urlsplit(url.reveal())
    return Secret(urlunsplit(split._replace(path=split.path.rstrip("/") + part)))


def _describe(error: BaseException) -> str:
    """Return the operating system's words for an error, or its type: its own words may repeat the URL."""
    chain = list(_list_causes(error))
    said = (one.strerror for one in chain if isinstance(one, OSError) and one.strerror)
    return next(said, type(chain[-1]).__name__)


def _list_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
