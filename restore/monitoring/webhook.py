"""Telling others how a run ended: a webhook, or a check of healthchecks.io. Its failures are told, never raised."""

from __future__ import annotations

import http.client
import queue
import threading
import urllib.error
import urllib.request
from urllib.parse import urlsplit, urlunsplit

from restore.system.secret import Secret

_OK = range(200, 300)


class NotifyError(Exception):
    """Nobody was told. The sentence has the host, never the path or query, which are secrets."""


def post(url: Secret, body: bytes, content_type: str, *, timeout_seconds: float) -> None:
    """Send one POST; `timeout_seconds` is for all of it. Raises `NotifyError`; an answer other than 2xx is one.

    A name that is not found, or an answer that comes a byte at a time, has no limit of its own: so it is sent by
    another thread, and one that is late is left to itself.
    """
    told: queue.SimpleQueue[NotifyError | None] = queue.SimpleQueue()

    def send() -> None:
        try:
            _send(url, body, content_type, timeout_seconds + 1)
        except NotifyError as error:
            told.put(error)
        else:
            told.put(None)

    threading.Thread(target=send, name="notify", daemon=True).start()
    try:
        problem = told.get(timeout=timeout_seconds)
    except queue.Empty:
        problem = NotifyError(f"{urlsplit(url.reveal()).hostname}: no answer within {timeout_seconds:g} s")
    if problem:
        raise problem


def _send(url: Secret, body: bytes, content_type: str, timeout_seconds: float) -> None:
    text = url.reveal()
    host = urlsplit(text).hostname or ""
    request = urllib.request.Request(
        text, data=body, method="POST", headers={"Content-Type": content_type, "User-Agent": "qdrant-restore"}
    )
    try:
        with _open().open(request, timeout=timeout_seconds) as answer:
            status = answer.status
    except urllib.error.HTTPError as error:
        status = error.code
        error.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotifyError(f"{host}: {_explain(error)}") from None
    if status not in _OK:
        raise NotifyError(f"{host} answered with {status}")


def extend_url(url: Secret, part: str) -> Secret:
    """Give the URL with a part added to its path, before what it asks for: `/start`, `/fail`."""
    found = urlsplit(url.reveal())
    return Secret(urlunsplit(found._replace(path=found.path.rstrip("/") + part)))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A POST that is sent elsewhere would arrive as a GET without its body: better to say so."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Go nowhere."""


def _open() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_NoRedirect)


def _explain(error: Exception) -> str:
    # An error's own words may repeat the URL: only those of the system are passed on.
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, OSError):
        return reason.strerror or type(reason).__name__
    return type(reason).__name__
