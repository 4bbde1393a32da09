"""What the embedded Qdrant does wrong on demand, for tests.

Nothing of this is served unless it was started with `--allow-misbehaviour` (or with a `--misbehave`). A fault is a
JSON object; `PUT /__misbehave` with a list of them replaces what was switched on, `DELETE /__misbehave` ends all (and
every pause at once), `GET /__misbehave` shows them and the moments reached since the last change. A fault with
`times` works that often and then no more.

| fault | fields | what it does |
|---|---|---|
| `die` | `moment`, `collection`? | SIGKILL to itself when that moment comes |
| `die` | `path` | does the work of such a request, then SIGKILL before the answer |
| `pause` | `moment`, `seconds`, `collection`? | waits at that moment, for others to look |
| `slow` | `path`, `seconds` | waits before it begins such a request |
| `silent` | `path` | never answers |
| `fail` | `path`, `status`, `headers`?, `body`? | answers that and does nothing; a string body is sent as HTML |
| `lost` | `path` | does the work, then drops the connection without an answer |
| `cut` | `path`, `bytes`, `reset`? | drops the connection after so many body bytes; `reset` with a RST |
| `limit` | `collections` | refuses a collection more than that, like `max_collections` |
| `version` | `version` | says it is that version |

`path` is a regular expression searched in `METHOD /raw/path?query`. Server files are refused with `fail` on
`snapshots/recover` (403, 400, 500), a proxy's limit is `fail` with 413 on `snapshots/upload`, a rate limit `fail`
with 429 and a `Retry-After`, a slow snapshot `pause` at `creating`.

| moment | in the work of | what is there then |
|---|---|---|
| `received` | upload | the body is on disk, the gauge has not risen, nothing is visible |
| `unpacking` | recover | the gauge is up, nothing is visible: killed here, nothing exists afterwards |
| `before-create` | recover | unpacked: killed here, nothing exists afterwards |
| `after-create` | recover | killed here, the collection is listed, green and empty |
| `while-moving` | recover | killed here, it answers 500 "Dirty shard" until recovered or deleted |
| `after-move` | recover | whole, not yet answered |
| `creating` | snapshot | the creations gauge is up, writes go on |
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
    """Give the list of faults. Raises Refusal 400 for one that would never come."""
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
    """The faults that are switched on now."""

    def __init__(self, faults: list[Fault]) -> None:
        self._lock = threading.Lock()
        self._faults = check_faults(faults)
        self._reached: list[dict[str, str]] = []

    def replace(self, faults: Any) -> None:  # noqa: ANN401 - whatever the client sent
        """Switch on these and nothing else."""
        faults = check_faults(faults)
        with self._lock:
            self._faults = faults
            self._reached = []

    def to_json(self) -> dict[str, Any]:
        """Give what is switched on and what was reached."""
        with self._lock:
            return {"faults": list(self._faults), "reached": list(self._reached)}

    def _take(self, fault: Fault) -> None:
        if "times" in fault:
            fault["times"] -= 1
            if fault["times"] <= 0:
                self._faults = [one for one in self._faults if one is not fault]

    @property
    def version(self) -> str:
        """The version to report."""
        return next((one["version"] for one in self._faults if one["fault"] == "version"), VERSION)

    @property
    def collection_limit(self) -> int | None:
        """How many collections there may be, None for any number."""
        return next((one["collections"] for one in self._faults if one["fault"] == "limit"), None)

    def reach(self, moment: str, name: str) -> None:
        """Say that a named moment of the work on a collection has come; die or wait when a fault says so."""
        with self._lock:
            self._reached.append({"moment": moment, "collection": name})
            found = next(
                (one for one in self._faults if one.get("moment") == moment and one.get("collection", name) == name),
                None,
            )
            if found is not None:
                self._take(found)
                faults = self._faults
        if found is None:
            return
        if found["fault"] == "die":
            kill_self()
        end = time.monotonic() + found["seconds"]
        while time.monotonic() < end and self._faults is faults:
            time.sleep(POLL_SECONDS)

    def take_for_request(self, line: str) -> list[Fault]:
        """Give the faults that are due for a request, `line` being `METHOD /raw/path?query`."""
        with self._lock:
            found = [one for one in self._faults if "path" in one and re.search(one["path"], line)]
            for one in found:
                self._take(one)
        return found


def kill_self() -> None:
    """End as a kill -9 would."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)
