"""Snapshots of collections, of shards and of everything: create, list, delete; recover a collection."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from qdrant_embedded import answers, creation, location, recovery, shelf
from qdrant_embedded.names import checked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
    """Snapshot a collection."""
    call.server.catalog.get(call.name)
    return for_call(call, lambda: creation.of_collection(call.server, call.name))


def create_of_shard(call: Call) -> Any:  # noqa: ANN401 - a result or a response
    """Snapshot a shard."""
    number = shard_number(call)
    return for_call(call, lambda: creation.of_shard(call.server, call.name, number))


def create_of_everything(call: Call) -> Any:  # noqa: ANN401 - a result or a response
    """Snapshot all collections into one file."""
    return for_call(call, lambda: creation.of_everything(call.server))


def shard_number(call: Call) -> int:
    """Give the shard in the path. Raises Refusal 404."""
    given = call.path["shard"]
    number = int(given) if given.isdigit() else -1
    call.server.catalog.get(call.name).shard(number)
    return number


def directory(call: Call) -> Path:
    """Give where the snapshots of the path's kind rest: a collection's, a shard's, or the full ones."""
    if "name" not in call.path:
        return call.server.settings.snapshots
    name = call.server.catalog.get(call.name).name
    if "shard" not in call.path:
        return call.server.snapshots_of(name)
    return call.server.shard_snapshots_of(name, shard_number(call))


def listing(call: Call) -> list[dict[str, Any]]:
    """List the snapshots of that kind."""
    return shelf.listing(directory(call))


def delete(call: Call) -> Any:  # noqa: ANN401 - a result or a response
    """Remove a snapshot of that kind."""
    shelf_of_it = directory(call)

    def work() -> bool:
        shelf.delete(shelf_of_it, call.path["snapshot"])
        return True

    return for_call(call, work)


def recover(call: Call) -> Any:  # noqa: ANN401 - a result or a response
    """Recover a collection from a file under the snapshots directory or from a URL."""
    checked(call.name, strict=False)
    body = call.body if isinstance(call.body, dict) else {}
    place, priority, wanted = body.get("location"), body.get("priority"), body.get("checksum")
    if not isinstance(place, str):
        raise answers.bad_json("missing field `location`")
    if priority is not None and priority not in PRIORITIES:
        raise answers.bad_json(f"unknown variant `{priority}`, expected one of `no_sync`, `snapshot`, `replica`")

    def work() -> bool:
        with call.server.gauges.recovery(call.name), location.opened(call.server, place, body.get("api_key")) as path:
            if wanted is not None and (found := shelf.checksum_of(path)) != wanted.lower():
                raise answers.wrong_input(f"Snapshot checksum mismatch: expected {wanted}, got {found}")
            recovery.recover(call.server, call.name, path)
        return True

    return for_call(call, work)
