"""Collection snapshots: create, list, delete, recover."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from qdrant_embedded import answers, creation, recovery, shelf
from qdrant_embedded.names import checked

if TYPE_CHECKING:
    from collections.abc import Callable

    from qdrant_embedded.app import Call

PRIORITIES = ("no_sync", "snapshot", "replica")


def in_time(work: Callable[[], Any], started: float, *, wait: bool) -> Any:  # noqa: ANN401 - any result
    """Do the work, or begin it and give a 202 when the client does not wait; its refusals are then lost."""
    if wait:
        return work()

    def forget() -> None:
        with contextlib.suppress(answers.Refusal):
            work()

    threading.Thread(target=forget, daemon=True).start()
    return answers.accepted(started)


def for_call(call: Call, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - a result or a response
    """Do the work as the `wait` parameter says."""
    return in_time(work, call.started, wait=call.asks_to_wait(default=True))


def create(call: Call) -> Any:  # noqa: ANN401 - a result or a response
    """Make a new snapshot."""
    call.server.catalog.get(call.name)
    return for_call(call, lambda: creation.create(call.server, call.name))


def listing(call: Call) -> list[dict[str, Any]]:
    """All snapshots of a collection."""
    collection = call.server.catalog.get(call.name)
    return shelf.listing(call.server.snapshots_of(collection.name))


def delete(call: Call) -> Any:  # noqa: ANN401 - a result or a response
    """Remove one."""
    directory = call.server.snapshots_of(call.server.catalog.get(call.name).name)

    def work() -> bool:
        shelf.delete(directory, call.path["snapshot"])
        return True

    return for_call(call, work)


def recover(call: Call) -> Any:  # noqa: ANN401 - a result or a response
    """From a file under the snapshots directory or from a URL."""
    checked(call.name, strict=False)
    body = call.body if isinstance(call.body, dict) else {}
    location, priority = body.get("location"), body.get("priority")
    if not isinstance(location, str):
        raise answers.bad_json("missing field `location`")
    if priority is not None and priority not in PRIORITIES:
        raise answers.bad_json(f"unknown variant `{priority}`, expected one of `no_sync`, `snapshot`, `replica`")

    def work() -> bool:
        with call.server.gauges.recovery(call.name):
            path = located(call, location)
            wanted = body.get("checksum")
            if wanted is not None and (found := shelf.checksum_of(path)) != wanted.lower():
                raise answers.wrong_input(f"Snapshot checksum mismatch: expected {wanted}, got {found}")
            recovery.recover(call.server, call.name, path)
        return True

    return for_call(call, work)


def located(call: Call, location: str) -> Path:
    """Give the file that a location means, links resolved. Raises Refusal 400 and 403 in the server's order."""
    parts = urlsplit(location)
    if parts.scheme != "file":
        raise answers.bad_request(f"URL {location} with scheme {parts.scheme} is not supported")
    if parts.netloc not in {"", "localhost"}:
        raise answers.bad_request("Invalid snapshot URI, file path must be absolute or on localhost")
    path = Path(unquote(parts.path))
    if not path.exists():
        raise answers.bad_request(f'Snapshot file "{path}" does not exist')
    allowed = call.server.settings.snapshots.resolve()
    resolved = path.resolve()
    if not resolved.is_relative_to(allowed):
        raise answers.forbidden(f'Snapshot file path must be inside the snapshots directory "{allowed}"')
    return resolved
