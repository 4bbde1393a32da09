"""Faults that the embedded Qdrant shows on demand, for tests of programs that talk to Qdrant.

Faults need `--allow-misbehaviour` (or a `--misbehave`). A fault is a JSON object. `PUT /__misbehave` with a list of
them replaces the active faults, `DELETE /__misbehave` ends all faults and pauses, `GET /__misbehave` returns them
and the moments reached since the last change. A fault with `times` applies that many times.

| fault | fields | what it does |
|---|---|---|
| `die` | `moment`, `collection`? | kills itself (SIGKILL) at that moment |
| `die` | `path` | does the work of such a request, then kills itself before the answer |
| `pause` | `moment`, `seconds`, `collection`? | waits at that moment |
| `slow` | `path`, `seconds` | waits before it starts such a request |
| `silent` | `path` | never answers |
| `fail` | `path`, `status`, `headers`?, `body`? | answers that and does nothing else; a string body is sent as HTML |
| `lost` | `path` | does the work, then closes the connection without an answer |
| `cut` | `path`, `bytes`, `reset`? | closes the connection after so many body bytes; `reset` with a RST |
| `limit` | `collections` | refuses to create more collections, like `max_collections` |
| `version` | `version` | reports that version |

`path` is a regular expression searched in `METHOD /raw/path?query`. Examples: a server that refuses files is `fail`
on `snapshots/recover` (403, 400, 500), a proxy's size limit is `fail` with 413 on `snapshots/upload`, a rate limit is
`fail` with 429 and a `Retry-After`, a slow snapshot is `pause` at `creating`.

| moment | during | state |
|---|---|---|
| `received` | upload | the body is on disk; the recovery is not counted yet, nothing is visible |
| `unpacking` | recover | the recovery is counted, nothing is visible: killed here, nothing exists afterwards |
| `before-create` | recover | unpacked: killed here, nothing exists afterwards |
| `after-create` | recover | killed here, the collection is listed, green and empty |
| `while-moving` | recover | killed here, it answers 500 "Dirty shard" until recovered or deleted |
| `after-move` | recover | complete, not yet answered |
| `creating` | snapshot | the creation is counted, writes continue |
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from typing import Any, Final

from qdrant_embedded import VERSION
from qdrant_embedded.errors import ApiError

REQUIRED_FIELDS: Final = {
    "die": set(),
    "pause": {"moment", "seconds"},
    "slow": {"path", "seconds"},
    "silent": {"path"},
    "fail": {"path", "status"},
    "lost": {"path"},
    "cut": {"path", "bytes"},
    "limit": {"collections"},
    "version": {"version"},
}
MOMENTS: Final = frozenset(
    {"received", "unpacking", "before-create", "after-create", "while-moving", "after-move", "creating"}
)
POLL_SECONDS = 0.02

Fault = dict[str, Any]


def check_faults(faults: Any) -> list[Fault]:  # noqa: ANN401 - whatever the client sent
    """Return the list of faults. Raise ApiError 400 for an invalid one."""
    for fault in faults if isinstance(faults, list) else [None]:
        if not isinstance(fault, dict) or fault.get("fault") not in REQUIRED_FIELDS:
            raise ApiError(400, f"no such fault: {fault!r}")
        if missing := REQUIRED_FIELDS[fault["fault"]] - fault.keys():
            raise ApiError(400, f"{fault['fault']!r} needs {', '.join(sorted(missing))}")
        if ("moment" in fault) == ("path" in fault) and fault["fault"] == "die":
            raise ApiError(400, "'die' needs either a moment or a path")
        if "moment" in fault and fault["moment"] not in MOMENTS:
            raise ApiError(400, f"no such moment: {fault['moment']!r}")
        try:
            re.compile(fault.get("path", ""))
        except re.error as error:
            raise ApiError(400, f"no regular expression: {fault['path']!r}") from error
    return [dict(fault) for fault in faults]


class FaultInjector:
    """The faults that are active now."""

    def __init__(self, faults: list[Fault]) -> None:
        self._lock = threading.Lock()
        self._faults = check_faults(faults)
        self._reached: list[dict[str, str]] = []

    def replace(self, faults: Any) -> None:  # noqa: ANN401 - whatever the client sent
        """Replace all active faults."""
        faults = check_faults(faults)
        with self._lock:
            self._faults = faults
            self._reached = []

    def to_json(self) -> dict[str, Any]:
        """Return the active faults and the moments reached since they were set."""
        with self._lock:
            return {"faults": list(self._faults), "reached": list(self._reached)}

    def _take(self, fault: Fault) -> None:
        if "times" in fault:
            fault["times"] -= 1
            if fault["times"] <= 0:
                self._faults = [one for one in self._faults if one is not fault]

    @property
    def version(self) -> str:
        """The version that the server reports."""
        return next((one["version"] for one in self._faults if one["fault"] == "version"), VERSION)

    @property
    def collection_limit(self) -> int | None:
        """The largest number of collections, None for no limit."""
        return next((one["collections"] for one in self._faults if one["fault"] == "limit"), None)

    def reach(self, moment: str, name: str) -> None:
        """Record that the work on a collection has reached a moment; die or wait if a fault says so."""
        with self._lock:
            self._reached.append({"moment": moment, "collection": name})
            due = next(
                (one for one in self._faults if one.get("moment") == moment and one.get("collection", name) == name),
                None,
            )
            if due is not None:
                self._take(due)
                faults = self._faults
        if due is None:
            return
        if due["fault"] == "die":
            kill_self()
        end = time.monotonic() + due["seconds"]
        while time.monotonic() < end and self._faults is faults:
            time.sleep(POLL_SECONDS)

    def take_for_request(self, line: str) -> list[Fault]:
        """Return the faults for a request; `line` is `METHOD /raw/path?query`. Count those with `times` as used."""
        with self._lock:
            due = [one for one in self._faults if "path" in one and re.search(one["path"], line)]
            for one in due:
                self._take(one)
        return due


def kill_self() -> None:
    """End like `kill -9`."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)
